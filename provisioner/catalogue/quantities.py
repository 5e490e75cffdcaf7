"""Quantities as Kubernetes writes them."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def cores_of(text: str) -> Decimal:
    """CPU cores of `250m` or `1.5`. Raises ValueError with a sentence."""
    found = re.fullmatch(r"(\d+)m|(\d+(?:\.\d{1,3})?)", text)
    if found is None or not Decimal(found[1] or found[2]):
        raise ValueError(f"“{text}” is no amount of CPU; write 250m or 1.5")
    return Decimal(found[1]) / 1000 if found[1] else Decimal(found[2])


def bytes_of(text: str) -> int:
    """Bytes of `512Mi` or `10Gi`. Raises ValueError with a sentence."""
    found = re.fullmatch(r"([1-9]\d*)(Ki|Mi|Gi|Ti)", text)
    if found is None:
        raise ValueError(f"“{text}” is no amount of memory or storage; write 512Mi or 10Gi")
    return int(found[1]) * _UNITS[found[2]]


def cpu(cores: Decimal) -> str:
    """Rounded down to whole thousandths of a core, at least one; written as the API writes it back."""
    milli = max(1, int(cores * 1000))
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def size(amount: int) -> str:
    """Rounded down to whole MiB, at least one; written as the API writes it back."""
    mib = max(1, amount // _UNITS["Mi"])
    return f"{mib}Mi" if mib % 1024 else f"{mib // 1024}Gi"
