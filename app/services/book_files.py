"""Invoices and the ledger as files for spreadsheets and other programs: CSV or Parquet, one row a line, amounts in minor units."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import polars as pl

from app.context import Context
from app.services.export import Archive
from models.domain.access import Permission
from models.domain.errors import Invalid
from models.store import book_files as store


class FileForm(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


MEDIA = {FileForm.CSV: "text/csv", FileForm.PARQUET: "application/vnd.apache.parquet"}


def invoice_lines(
    ctx: Context, *, form: FileForm, first: date | None = None, before: date | None = None, organization_id: str | None = None
) -> Archive:
    """Lines of invoices issued from `first` to before `before`, each with its invoice's number, state and days.

    Of one organization for those who see its billing, of all for staff.
    """
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    _span(first, before)
    rows = store.line_rows(ctx.session, first=first, before=before, organization_id=organization_id)
    return _file("invoices", form, store.LINE_COLUMNS, rows)


def postings(ctx: Context, *, form: FileForm, first: date | None = None, before: date | None = None) -> Archive:
    """Postings of the ledger's days from `first` to before `before`: debit above zero, credit below. For staff."""
    ctx.require(Permission.SEE_OWN_BILLING)
    _span(first, before)
    return _file("ledger", form, store.POSTING_COLUMNS, store.posting_rows(ctx.session, first=first, before=before))


def _span(first: date | None, before: date | None) -> None:
    if first is not None and before is not None and first >= before:
        raise Invalid("The first day has to come before the day at which the file ends.", field="before")


def _file(name: str, form: FileForm, columns: Sequence[tuple[str, type]], rows: Sequence[tuple[object, ...]]) -> Archive:
    kinds = {int: pl.Int64, str: pl.String, date: pl.Date}
    frame = pl.DataFrame(rows, schema={key: kinds[kind] for key, kind in columns}, orient="row")
    if form is FileForm.CSV:
        return Archive(f"{name}.csv", MEDIA[form], frame.write_csv().encode())
    held = io.BytesIO()
    frame.write_parquet(held)
    return Archive(f"{name}.parquet", MEDIA[form], held.getvalue())
