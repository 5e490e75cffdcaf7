"""What stands around every page: the mark, who is signed in, and what kind of data this is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.auth.people import Belonging
from app.ui import navigation, runtime, state
from app.ui.gate import Viewer

_STATIC = Path(__file__).parent / "static"
LOGO = str(_STATIC / "logo-dark.svg")
"""For the sidebar, which is dark in both themes."""
ICON = str(_STATIC / "icon.svg")


STYLE = """<style>
@media (min-width: 48rem) {
  [data-testid="stMainBlockContainer"] { padding-left: clamp(1.5rem, 2.6vw, 5rem); padding-right: clamp(1.5rem, 2.6vw, 5rem); }
}
:has(> [data-testid="stMetricDeltaDescription"]) { flex-wrap: wrap; row-gap: 0; }
[data-testid="stMetricDeltaDescription"], [data-testid="stMetricDeltaDescription"] * { white-space: normal !important; overflow: visible; }
[data-testid="stMetricDeltaDescription"] * { color: inherit; opacity: 1; }
[data-testid="stMetricLabel"] *, [data-testid="stMetricDelta"], [data-testid="stMetricDelta"] * {
  white-space: normal !important; overflow: visible; text-overflow: clip; height: auto; max-height: none;
}
[data-testid="stCaptionContainer"]:not([data-testid="stMetricDeltaDescription"] *) { color: inherit; opacity: 0.78; }
@media (max-width: 30rem) {
  [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; row-gap: 0.25rem; }
  [data-testid="stElementContainer"]:has(> [data-testid="stTextInput"]) { min-width: 100%; }
  [data-testid="stButtonGroup"] [role="radio"] { padding-left: 0.4rem; padding-right: 0.4rem; }
}
[data-testid="stElementContainer"][data-stale="true"] { opacity: 1; transition: none; }
@media (prefers-color-scheme: dark) {
  [data-testid^="stBaseButton-primary"]:enabled, [data-testid^="stBaseButton-primary"]:enabled * { color: #06121c; }
}
</style>"""
"""What the theme has no setting for: wide pages use their width, and no words of a metric are cut;
on a phone every choice of a row of choices is in sight, and what one types in has the whole width;
what is being asked anew keeps its strength until the answer is there; words keep a contrast of 4.5 to what they stand on."""


def style() -> None:
    st.html(STYLE)


def labels(viewer: Viewer) -> None:
    """Say on every page when nothing on it is real."""
    if not runtime.container().settings.live:
        st.markdown(f":violet-badge[:material/science: {viewer.say('frame.simulated')}]", help=viewer.say("frame.simulated_help"))


def sidebar(viewer: Viewer) -> None:
    """Which organization, who, and the way out."""
    with st.sidebar:
        if len(viewer.signed.organizations) > 1:
            _organizations(viewer)
        role = viewer.signed.staff_role
        belongs = viewer.say(f"role.{role}") if role else viewer.say.text("frame.customer")
        st.html(f'<a href="/logout" target="_self" style="color:inherit;font-size:0.85rem">{viewer.say.text("frame.sign_out")}</a>')
        st.caption(viewer.say("frame.signed_in", name=viewer.signed.name or viewer.signed.email, role=belongs))


def _organizations(viewer: Viewer) -> None:
    mine: dict[str, Belonging] = {o.id: o for o in viewer.signed.organizations}
    here = state.organization(viewer)
    chosen = st.selectbox(
        viewer.say("frame.organization"),
        list(mine),
        index=list(mine).index(here.id) if here else 0,
        format_func=lambda id: mine[id].name,
        key="organization_choice",
    )
    if here is not None and chosen != here.id:
        navigation.go("home", org=chosen)
