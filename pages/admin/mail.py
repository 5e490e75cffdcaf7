"""Mail: what the platform wrote, what left and what did not; here one reads what a demo would have sent."""

import streamlit as st

from app.services import outbox
from app.ui import gate, layout, mail_panels, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_MAIL)
say = viewer.say
top = st.container()
status = state.select(
    say.text("column.state"), mail_panels.STATES, key="status", words=lambda s: say.text(f"state.{s}" if s else "all.states")
)
rows = queries.ask(outbox.list_, status=mail_panels.status(status), limit=200)
failed = sum(mail_panels.given_up(r) for r in rows)
with top:
    layout.header(
        say("mail.failed", n=failed) if failed else say("mail.headline", n=len(rows)) if rows or status else say("mail.none"),
        note=say("mail.live" if mail_panels.leaves() else "mail.kept"),
    )
mail_panels.listed(viewer, rows)
chosen = state.parameter("id")
if chosen:
    mail_panels.read(viewer, chosen)
