"""Margin: what each organization, plan and app brings, and what of the cluster's price it bears."""

from app.services import margins
from app.ui import gate, margin_panels, queries
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
chosen = margin_panels.choose(viewer, queries.ask(margins.months))
margin_panels.show(viewer, queries.ask(margins.margin, month=chosen.month, by=chosen.by), chosen.by)
