"""The demo seals nothing."""

from __future__ import annotations

from typing import cast

from app.auth.seal import Seal

NO_SEAL = cast(Seal, None)
