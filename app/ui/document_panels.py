"""Documents on pages: an invoice's PDFs, statements, files of the books, and how an organization is named on its documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import streamlit as st

from app.documents.shelf import Shelf
from app.services import billing_profiles, book_files, documents, statements
from app.services.book_files import FileForm
from app.services.export import Archive
from app.ui import layout, queries, runtime, state
from app.ui.actions import act
from app.ui.gate import Viewer
from models.domain.access import Permission
from models.domain.periods import local_day

FILES: dict[str, Callable[..., Archive]] = {"invoices": book_files.invoice_lines, "ledger": book_files.postings}
LANGUAGES = {"": "profile.language_own", "en": "profile.english", "id": "profile.indonesian", "de": "profile.german"}


def downloads(viewer: Viewer, invoice_id: str) -> None:
    """A button for each document of an invoice; its bytes are read when it is pressed."""
    shelf = Shelf.of(runtime.container().settings)
    with st.container(horizontal=True):
        for one in queries.ask(documents.of_invoice, invoice_id=invoice_id):
            st.download_button(
                viewer.say(f"document.{one.kind.value}", number=one.number),
                data=_later(viewer, documents.content, document_id=one.id, shelf=shelf),
                file_name=f"{one.number}.pdf",
                mime="application/pdf",
                icon=":material/picture_as_pdf:",
                on_click="ignore",
                key=f"pdf_{one.id}",
            )


def statement(viewer: Viewer, organization_id: str) -> None:
    """The account of a month as PDF; nothing before the first charge."""
    say = viewer.say
    known = queries.ask(statements.currencies, organization_id=organization_id)
    if not known:
        return
    with layout.card(say("statement.title"), note=say("statement.note"), key="statement_card", stretch=False):
        months = _months(local_day(viewer.now, str(viewer.format.zone)))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            first = st.selectbox(say("statement.month"), months, format_func=viewer.format.month, key="statement_month")
            currency = st.selectbox(say("column.currency"), known, key="statement_currency") if len(known) > 1 else known[0]
            before = (first + timedelta(days=32)).replace(day=1)
            st.download_button(
                say("statement.save"),
                data=_later(
                    viewer, statements.statement, organization_id=organization_id, first=first, before=before, currency=currency
                ),
                file_name=f"{first:%Y-%m}.pdf",
                mime="application/pdf",
                icon=":material/picture_as_pdf:",
                on_click="ignore",
                key="statement_save",
            )


def files(viewer: Viewer, what: str) -> None:
    """All of `what` (invoices or ledger) as CSV and as Parquet."""
    with st.container(horizontal=True):
        for form in FileForm:
            st.download_button(
                viewer.say(f"files.{form.value}"),
                data=_later(viewer, FILES[what], form=form),
                file_name=f"{what}.{form.value}",
                mime=book_files.MEDIA[form],
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
                key=f"file_{what}_{form.value}",
            )


def profile(viewer: Viewer, organization_id: str) -> None:
    """What stands on the documents to come, changed by those who manage the billing."""
    say = viewer.say
    seen = queries.ask(billing_profiles.get, organization_id=organization_id)
    may = viewer.actor.may(Permission.MANAGE_OWN_BILLING, organization_id)
    with layout.card(say("profile.title"), note=say("profile.note"), key="profile_card", stretch=False), st.form("profile"):
        name = st.text_input(say("profile.name"), seen.name, help=say("profile.name_help"), key="profile_name", disabled=not may)
        address = st.text_area(say("profile.address"), seen.address, key="profile_address", disabled=not may)
        tax = st.text_input(say("profile.tax_number"), seen.tax_number, key="profile_tax", disabled=not may)
        email = st.text_input(
            say("profile.email"), seen.email, help=say("profile.email_help"), key="profile_email", disabled=not may
        )
        language = st.selectbox(
            say("profile.language"),
            list(LANGUAGES),
            index=list(LANGUAGES).index(seen.language),
            format_func=lambda one: say.text(LANGUAGES[one]),
            key="profile_language",
            disabled=not may,
        )
        if not st.form_submit_button(say("action.save"), disabled=not may):
            return
        if act(
            billing_profiles.put, organization_id=organization_id, name=name, address=address, tax_number=tax, email=email,
            language=language,
        ) is not None:  # fmt: skip
            state.notice(say.text("notice.saved"))
            st.rerun()


def _later(viewer: Viewer, service: Callable[..., Archive], **arguments: Any) -> Callable[[], bytes]:
    """The bytes that the service answers to this reader, asked for when the browser does."""
    container, actor = runtime.container(), viewer.actor

    def read() -> bytes:
        with container.reading(actor, "page") as ctx:
            return service(ctx, **arguments).content

    return read


def _months(today: date) -> list[date]:
    """The first days of this month and of the eleven before it, the newest first."""
    found = [today.replace(day=1)]
    while len(found) < 12:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found
