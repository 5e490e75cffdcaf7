"""Components beside an app: what runs, what can be added, for how much, and by which variables the app finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.services import components
from app.services.changesets import ChangeSetView
from app.services.components import ComponentView
from app.services.upkeep import Upkeep
from app.ui import queries, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from models.domain.components import Keeping


def panel(viewer: Viewer, seen: Upkeep) -> None:
    """One card each; every button says before what will happen and what it costs."""
    found = queries.attempt(components.list_, instance_id=seen.instance_id)
    if not found:
        return
    with st.expander(viewer.say("parts.title"), icon=":material/extension:"):
        st.markdown(viewer.say("parts.what"))
        with st.grid("auto", min_column_width=260):
            for one in found:
                with st.container(border=True, height="stretch", key=f"component_{one.id}"):
                    _card(viewer, seen, one)


def _card(viewer: Viewer, seen: Upkeep, one: ComponentView) -> None:
    say, fmt = viewer.say, viewer.format
    head = f"**{plain(one.name)}** {plain(one.version)}"
    if one.keeping is not None:
        colour = "green" if one.keeping is Keeping.RUNS else "gray"
        head += f" :{colour}-badge[{say(f'parts.{one.keeping.value}')}]"
    st.markdown(f"{head}  \n{_in(viewer, one.summary)}")
    sizes = [fmt.bytes(one.memory_bytes), fmt.cores(one.cpu_cores), fmt.bytes(one.storage_bytes) if one.storage_bytes else ""]
    st.caption(f"{_price(viewer, one)}  \n" + plain(" · ".join(size for size in sizes if size)))
    taken = [variable for variable in one.variables if variable.taken_by]
    free = ", ".join(variable.name for variable in one.variables if not variable.taken_by)
    if free and one.keeping is not Keeping.KEPT:
        st.caption(say("parts.sets" if one.keeping is Keeping.RUNS else "parts.would_set", names=free))
    for by in dict.fromkeys(variable.taken_by for variable in taken):
        names = ", ".join(variable.name for variable in taken if variable.taken_by == by)
        known = by in ("customer", "template")
        st.caption(say(f"parts.taken_{by}", names=names) if known else say("parts.taken_other", names=names, other=by))
    if one.keeping is Keeping.RUNS:
        _asking(viewer, seen, one, "remove", components.remove)
        return
    if one.refused:
        st.caption(say(f"parts.refused_{one.refused}", name=one.name))
    else:
        _asking(viewer, seen, one, "again" if one.keeping is Keeping.KEPT else "add", components.add)
    if one.keeping is Keeping.KEPT and seen.may_delete:
        _discarding(viewer, seen, one)


def _asking(viewer: Viewer, seen: Upkeep, one: ComponentView, what: str, service: Callable[..., ChangeSetView]) -> None:
    say = viewer.say
    with st.popover(say(f"parts.{what}"), icon=":material/remove:" if what == "remove" else ":material/add:"):
        st.markdown(say(f"parts.{what}_what", name=one.name, app=seen.name, price=_price(viewer, one)))
        if st.button(say(f"parts.{what}_do"), type="primary", key=f"{what}_{one.id}"):
            _asked(viewer, service, instance_id=seen.instance_id, component=one.id)


def _discarding(viewer: Viewer, seen: Upkeep, one: ComponentView) -> None:
    say = viewer.say
    with st.popover(say("parts.discard"), icon=":material/delete_forever:"), st.form(f"discard_{one.id}", border=False):
        st.markdown(say("parts.discard_what", name=one.name))
        typed = st.text_input(say("parts.discard_type", id=one.id), max_chars=100, key=f"discard_name_{one.id}")
        if st.form_submit_button(say("parts.discard_do"), icon=":material/delete_forever:"):
            _asked(viewer, components.discard, instance_id=seen.instance_id, component=one.id, typed_name=typed)


def _price(viewer: Viewer, one: ComponentView) -> Plain:
    price = viewer.format.money(one.price_minor, one.currency)
    return viewer.say("parts.free" if one.free else "parts.month", price=price)


def _in(viewer: Viewer, words: Any) -> Plain:
    return plain(words.get(viewer.say.language) or words["en"])


def _asked(viewer: Viewer, service: Callable[..., ChangeSetView], **arguments: Any) -> None:
    if act(service, **arguments) is not None:
        state.notice(viewer.say.text("care.asked"))
        st.rerun()
