"""Key figures: what they mean, what they ought to be, what they are, and what they are made of."""

from app.services import key_figures
from app.ui import gate, key_figure_panels, queries
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_CLUSTER)
key_figure_panels.show(viewer, queries.ask(key_figures.all_))
