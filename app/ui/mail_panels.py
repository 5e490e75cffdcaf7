"""Panels of Mail: the list and one letter."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services import outbox
from app.services.outbox import MailLine
from app.ui import layout, queries, runtime, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer, holds
from app.ui.tables import Column, Opening
from models.domain.access import Permission
from models.store.mail import MailStatus

STATES = ("", *MailStatus)
"""What the list can be narrowed to; empty: nothing is left out."""


def status(word: str) -> MailStatus | None:
    return MailStatus(word) if word else None


def given_up(row: MailLine) -> bool:
    return row.status is MailStatus.FAILED


def leaves() -> bool:
    """Whether mails go to a mail server, or are only kept here."""
    return bool(runtime.container().settings.smtp_url)


def listed(viewer: Viewer, rows: Sequence[MailLine]) -> None:
    say = viewer.say.text
    columns = [
        Column("at", say("column.written"), lambda r: r.created_at, "moment"),
        Column("to", say("column.recipient"), lambda r: r.to, width=220),
        Column("subject", say("column.about_line"), lambda r: r.subject, width=300),
        Column("status", say("column.state"), lambda r: r.status.value, "state", 110),
        Column("sent", say("column.sent"), lambda r: r.sent_at, "moment"),
        Column("attempts", say("column.attempts"), lambda r: r.attempts, "integer"),
        Column("error", say("column.error"), lambda r: r.last_error, width=240),
        Column("kind", say("column.kind"), lambda r: r.kind),
    ]
    tables.show(
        viewer,
        rows,
        columns,
        key="mails",
        alt=say("table.mails"),
        empty="mail.empty",
        opening=Opening("mail", lambda r: {"id": r.id}),
    )


def read(viewer: Viewer, mail_id: str) -> None:
    """One letter as it was written; one with a one-time link only after it was asked for, which is noted."""
    say = viewer.say
    seen = queries.attempt(outbox.get, mail_id=mail_id)
    if seen is None:
        return
    if seen.may_be_revealed and holds(viewer.actor, Permission.MANAGE_STAFF) and st.button(say("mail.reveal"), key="mail_reveal"):
        seen = act(outbox.reveal, mail_id=mail_id) or seen
    with layout.card(layout.plain(seen.line.subject), note=say("mail.to", to=seen.line.to), key="letter", stretch=False):
        if seen.hidden:
            st.info(layout.plain(seen.hidden), icon=":material/visibility_off:")
        if seen.text:
            st.text(seen.text)
    may = seen.line.status is MailStatus.FAILED and holds(viewer.actor, Permission.RUN_JOBS)
    if may and st.button(say("mail.retry"), key="mail_retry") and done(outbox.retry, mail_id=mail_id):
        state.notice(say.text("notice.saved"))
        st.rerun()
