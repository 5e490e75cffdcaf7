"""Whose a namespace was at a time, inside questions to the warehouse: what happened under another organization is nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NOT_OTHERS = """NOT EXISTS (SELECT 1 FROM ownership o WHERE o.cluster = $cluster AND o.namespace = {row}.namespace
    AND o.organization_id <> $owners[list_position($namespaces, o.namespace)]
    AND {row}.{at} >= o.valid_from AND (o.valid_to IS NULL OR {row}.{at} < o.valid_to))"""
"""SQL that is true for rows of a namespace while it did not belong to somebody else than its present owner in $owners.

A time in which it was nobody's counts as the present owner's. Ownership is published hourly, so of a namespace that has just
changed hands the new owner sees at first less than there is, never more.
"""


def bound(namespaces: Sequence[str], owners: Sequence[str]) -> dict[str, Any]:
    """$namespaces and $owners: the present owner of each namespace, in the same order."""
    return {"namespaces": list(namespaces), "owners": list(owners)}
