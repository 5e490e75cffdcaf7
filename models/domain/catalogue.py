"""The catalogue: what a plan must be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.domain.errors import Invalid
from models.domain.ids import is_label


@dataclass(frozen=True, slots=True)
class Offer:
    """Resources and monthly price of a plan. `price_minor` counts minor units of `currency` (ISO 4217)."""

    template: str
    name: str
    cpu_cores: float
    memory_bytes: int
    storage_bytes: int
    price_minor: int
    currency: str

    def __post_init__(self) -> None:
        for field in ("template", "name"):
            if not is_label(getattr(self, field)):
                raise Invalid(f"The plan's {field} is written in lower-case letters, digits and hyphens.", field=field)
        if not 0 < self.cpu_cores <= 256:
            raise Invalid("A plan has more than 0 and at most 256 CPU cores.", field="cpu_cores")
        for field, least in (("memory_bytes", 1), ("storage_bytes", 0), ("price_minor", 0)):
            value = getattr(self, field)
            if not isinstance(value, int) or not least <= value < 2**53:
                raise Invalid(f"The plan's {field} is a whole number from {least} on.", field=field)
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise Invalid("A currency is written as three letters, such as IDR or EUR.", field="currency")
