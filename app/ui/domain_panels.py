"""Own domains on an app's page: asking for one, the records that it needs, looking whether they stand, taking it away."""

from __future__ import annotations

import streamlit as st

from app.gateways.names import names
from app.services import domains
from app.services.domains import DomainView
from app.services.upkeep import Upkeep
from app.ui import failures, queries, runtime, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.errors import PlatformError


def panel(viewer: Viewer, seen: Upkeep) -> None:
    """For whoever operates the app."""
    found = queries.attempt(domains.list_, instance_id=seen.instance_id)
    if found is None:
        return
    say = viewer.say
    with st.expander(say("domain.title"), icon=":material/language:"):
        st.markdown(say("domain.what", host=seen.host))
        for one in found:
            with st.container(border=True, key=f"domain_{one.name.replace('.', '_')}"):
                _one(viewer, seen, one)
        with st.form("add_domain", border=False):
            typed = st.text_input(say("domain.name"), max_chars=253, placeholder="shop.example.com", key="domain_name")
            if st.form_submit_button(say("domain.add")) and act(domains.add, instance_id=seen.instance_id, name=typed) is not None:
                st.rerun()


def _one(viewer: Viewer, seen: Upkeep, one: DomainView) -> None:
    say, fmt = viewer.say, viewer.format
    colour, word = ("green", "active") if one.active else ("orange", "waits")
    st.markdown(f"**{plain(one.name)}** :{colour}-badge[{say(f'domain.{word}')}]")
    if not one.active:
        st.caption(say("domain.txt"))
        st.code(f"{one.proof_name}  TXT  {one.proof}", language=None, wrap_lines=True)
        st.caption(say("domain.cname"))
        st.code(f"{one.name}  CNAME  {one.host}", language=None, wrap_lines=True)
    if one.lacking and one.checked_at is not None:
        st.caption(say(f"domain.lacks_{one.lacking}", at=fmt.since(one.checked_at, viewer.now)))
    with st.container(horizontal=True):
        if st.button(say("domain.check"), icon=":material/search:", key=f"check_{one.name}"):
            _check(viewer, seen, one)
        with st.popover(say("domain.remove"), icon=":material/remove:"):
            st.markdown(say("domain.remove_what", name=one.name))
            if st.button(say("domain.remove_do"), type="primary", key=f"remove_{one.name}"):
                act(domains.remove, instance_id=seen.instance_id, name=one.name)
                st.rerun()


def _check(viewer: Viewer, seen: Upkeep, one: DomainView) -> None:
    try:
        found = names(live=runtime.container().settings.live).look(one.name, host=one.host, token=one.token)
    except PlatformError as error:
        st.error(failures.words(viewer, error), icon=":material/error:")
        return
    after = act(domains.check, instance_id=seen.instance_id, name=one.name, found=found)
    if after is not None:
        state.notice(viewer.say.text("domain.found" if after.active and not after.lacking else "domain.not_found"))
        st.rerun()
