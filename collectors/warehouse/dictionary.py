"""The data dictionary: every column of every view with type, unit and meaning."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.warehouse.views import views


@dataclass(frozen=True, slots=True)
class ColumnDoc:
    view: str
    column: str
    type: str
    unit: str
    about: str


def describe() -> list[ColumnDoc]:
    """Every column of every view, in the order of the views."""
    return [ColumnDoc(view.name, *column) for view in views().values() for column in view.columns]
