"""Catalogue: every kind of app with version, plans, licence how its making goes and how long it takes; and whether it is sold."""

from app.services import changesets, offers, readiness
from app.ui import catalogue_panels, gate, layout, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.MANAGE_SETTINGS)
say = viewer.say
rows = queries.ask(offers.list_, withheld=True)
makings = queries.ask(changesets.makings)
sold = sum(row.on_sale for row in rows)
layout.header(say("selling.headline", n=sold, all=len(rows)) if rows else say("selling.none"), note=say("selling.note"))
chosen = state.parameter("template")
for row in rows:
    if row.id == chosen:
        catalogue_panels.one(viewer, row, makings)
        catalogue_panels.readiness(viewer, queries.ask(readiness.of_template, template=row.id))
catalogue_panels.listed(viewer, rows, makings)
