"""Revenue: what recurs, what moved it, who stays, and by plan, template and country."""

from app.services import revenue
from app.ui import gate, layout, queries, revenue_panels
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
currency = revenue_panels.currency(viewer, queries.ask(revenue.currencies))
view = queries.ask(revenue.revenue, currency=currency)
revenue_panels.headline(viewer, view)
month = revenue_panels.month(viewer, view)
with layout.card(say("revenue.bridge", month=f"{month.month:%Y-%m}"), note=say("revenue.bridge_note"), key="bridge", stretch=False):
    revenue_panels.bridge(viewer, view, month)
with layout.card(say("revenue.months"), key="months", stretch=False):
    revenue_panels.months(viewer, view)
with layout.card(say("revenue.cohorts"), note=say("revenue.cohorts_note"), key="cohorts", stretch=False):
    revenue_panels.cohorts(viewer, view)
with layout.card(say("revenue.trials"), key="trials", stretch=False):
    revenue_panels.trials(viewer, view)
with layout.card(say("revenue.parts"), note=say("revenue.parts_note"), key="parts", stretch=False):
    revenue_panels.parts(viewer, view)
