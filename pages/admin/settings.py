"""Settings: what the operator decides, with its meaning, what is allowed, and who changed it."""

from app.services import settings
from app.ui import gate, layout, queries, setting_forms
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_SETTINGS)
rows = queries.ask(settings.all_)
changed = sum(r.changed_at is not None for r in rows)
layout.header(
    viewer.say("settings.headline", n=changed) if changed else viewer.say("settings.defaults"), note=viewer.say("settings.note")
)
for row in rows:
    setting_forms.one(viewer, row, editable=gate.holds(viewer.actor, Permission.MANAGE_SETTINGS))
