"""One operator setting: its sentence, its value, and a field that fits its kind."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.services import settings
from app.services.settings import SettingView
from app.ui import state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain


def one(viewer: Viewer, row: SettingView, *, editable: bool) -> None:
    say, fmt = viewer.say, viewer.format
    with st.container(border=True):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            st.markdown(
                f"**{plain(row.sentence)}**  \n:small[:gray[{plain(row.key)} · {say('settings.allowed', allowed=row.allowed)}]]"
            )
            if row.changed_at is not None:
                st.caption(say("settings.changed", by=row.changed_by or "–", at=fmt.moment(row.changed_at), default=row.default))
        with right, st.container(horizontal=True, vertical_alignment="bottom"):
            value = _field(viewer, row, editable)
            if editable and st.button(say("action.save"), key=f"save_{row.key}", disabled=value == row.value):
                _put(viewer, row.key, value)
            if editable and row.changed_at is not None and st.button(say("settings.back"), key=f"default_{row.key}"):
                _put(viewer, row.key, None)


def _field(viewer: Viewer, row: SettingView, editable: bool) -> Any:
    name = viewer.say.text(f"setting.{row.key}")
    label = viewer.say.text("settings.field", name=name, unit=row.unit) if row.unit else name
    shared: dict[str, Any] = {"key": f"set_{row.key}_{row.value}", "disabled": not editable}
    if row.kind == "bool":
        return st.toggle(label, bool(row.value), **shared)
    if row.choices:
        return st.selectbox(label, list(row.choices), index=row.choices.index(str(row.value)), **shared)
    if row.kind == "int":
        return st.number_input(label, _whole(row.low), _whole(row.high), int(row.value), step=1, **shared)
    if row.kind == "float":
        return st.number_input(label, row.low, row.high, float(row.value), step=0.01, format="%.2f", **shared)
    return st.text_input(label, str(row.value), max_chars=200, **shared)


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _put(viewer: Viewer, key: str, value: Any) -> None:
    if act(settings.put, key=key, value=value) is not None:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
