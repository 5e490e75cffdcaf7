"""Fields for components that a customer lists: a card each, from a proposal that fits most, with what is rarely needed folded away."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui import variable_text
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.errors import Invalid
from provisioner.catalogue.addons import load_components
from provisioner.catalogue.listed import MOST, SIZES
from provisioner.wanted import MOST_COPIES

PROPOSALS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "web": (
        {"name": "web", "path": "/", "port": 3000},
        {"name": "api", "path": "/api", "port": 8000, "uses": ["postgresql"]},
    ),
    "services": (
        {"name": "gateway", "path": "/"},
        {"name": "accounts", "path": "/api/accounts", "uses": ["postgresql"]},
        {"name": "orders", "path": "/api/orders", "uses": ["postgresql"]},
        {"name": "mailer", "uses": ["valkey"]},
        {"name": "reports", "uses": ["postgresql"]},
    ),
    "empty": ({"name": "web", "path": "/"},),
}
"""What people begin with."""


def ask(viewer: Viewer, name: str, given: Sequence[Mapping[str, Any]] | None) -> tuple[list[dict[str, Any]], Invalid | None]:
    """The components so far, and what in them cannot be read. `given`: those that were wanted before; None where an app is ordered."""
    say = viewer.say
    rows = _rows(viewer, name, given)
    found: list[dict[str, Any]] = []
    wrong: Invalid | None = None
    st.markdown(f":small[{say('listed.what')}]")
    for number, (key, before) in enumerate(rows.items()):
        with st.container(border=True, key=f"listed_{name}_{key}"):
            one, unread = _one(viewer, f"{name}_{key}", before)
            found.append(one)
            wrong = wrong or unread
            if len(rows) > 1 and st.button(
                say("listed.remove", name=one["name"] or number + 1),
                icon=":material/remove:",
                key=f"drop_{name}_{key}",
                type="tertiary",
            ):
                del rows[key]
                st.rerun()
    if len(rows) < MOST and st.button(say("listed.add"), icon=":material/add:", key=f"more_{name}", width="stretch"):
        rows[max(rows) + 1] = {"name": f"service-{len(rows) + 1}"}
        st.rerun()
    st.markdown(f":small[{say('listed.divided')}]")
    if wrong is None and (missing := next((one["name"] for one in found if not one["image"]), None)) is not None:
        st.info(say("listed.image_missing", name=missing), icon=":material/edit:")
        wrong = Invalid("A component has no image yet.", field="bad_listed")
    return found, wrong


def _rows(viewer: Viewer, name: str, given: Sequence[Mapping[str, Any]] | None) -> dict[int, Mapping[str, Any]]:
    """What each card begins with, by number; kept while the page is open."""
    kept = st.session_state.setdefault("_listed", {})
    chosen = "given"
    if given is None:
        chosen = (
            st.segmented_control(
                viewer.say("listed.begin"), list(PROPOSALS), default="web", key=f"begin_{name}", required=True,
                format_func=lambda one: viewer.say.text(f"listed.begin_{one}"),
            )
            or "web"
        )  # fmt: skip
    mark = (chosen, repr(given))
    if kept.get(name, (None, {}))[0] != mark:
        begins = PROPOSALS[chosen] if given is None else given
        first = max(kept.get(name, (None, {0: {}}))[1], default=0) + 1  # other keys, so that no field keeps what it showed before
        kept[name] = (mark, {first + place: dict(one) for place, one in enumerate(begins)})
    rows: dict[int, Mapping[str, Any]] = kept[name][1]
    return rows


def _one(viewer: Viewer, key: str, before: Mapping[str, Any]) -> tuple[dict[str, Any], Invalid | None]:
    say = viewer.say

    def words(field: str, holder: str = "", **more: Any) -> str:
        typed = st.text_input(
            say(f"listed.{field}"), str(before.get(field) or ""), key=f"{field}_{key}", placeholder=holder, live=True, **more
        )
        return str(typed or "").strip()

    with st.container(horizontal=True, vertical_alignment="bottom", key=f"row_{key}"):
        name = words("name", "api", max_chars=40, width=170)
        image = words("image", "ghcr.io/you/api:1.4", max_chars=300, width="stretch", help=say("order.image_help"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        path = words("path", "/api", max_chars=100, width=170, help=say("listed.path_help"))
        port = int(st.number_input(say("listed.port"), 1, 65535, int(before.get("port") or 8080), key=f"port_{key}", width=150))
        uses = st.multiselect(
            say("listed.uses"), sorted(load_components()), list(before.get("uses") or ()), key=f"uses_{key}", width=280,
            format_func=lambda one: load_components()[one].name, placeholder=say.text("listed.uses_none"),
        )  # fmt: skip
    inside = say("listed.inside", address=f"http://{name or '…'}:{port}")
    st.caption(f"{say('listed.public', path=path)} {inside}" if path else f"{say('listed.private')} {inside}")
    rare: dict[str, Any] = {"environment": {}, "command": []}
    wrong: Invalid | None = None
    with st.expander(say("listed.more"), icon=":material/tune:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            size = st.segmented_control(
                say("listed.size"), list(SIZES), default=str(before.get("size") or "small"), key=f"size_{key}", required=True,
                format_func=lambda one: say.text(f"listed.size_{one}"), width=300,
            )  # fmt: skip
            copies = int(
                st.number_input(
                    say("listed.copies"), 1, MOST_COPIES, int(before.get("copies") or 1), key=f"copies_{key}", width=150
                )
            )
        health = words("health", "/health", max_chars=300, help=say("listed.health_help"))
        for field, read, write, area in _READ:
            shown = write(before.get(field) or type(rare[field])())
            asked: Callable[..., Any] = st.text_area if area else st.text_input
            typed = asked(say(f"listed.{field}"), shown, key=f"{field}_{key}", placeholder=say.text(f"listed.{field}_like"))
            try:
                rare[field] = read(str(typed or "").strip())
            except Invalid as error:
                wrong = wrong or error
                st.error(say(f"order.{error.field}"), icon=":material/edit:")
    if wrong is not None:
        st.error(say("listed.unread", name=name or plain("…")), icon=":material/edit:")
    return {
        "name": name, "image": image, "port": port, "path": path, "uses": list(uses), "size": size or "small", "copies": copies,
        "health": health, **rare,
    }, wrong  # fmt: skip


def command(text: str) -> list[str]:
    """Words as a shell would part them. Raises Invalid with `bad_command` as its field."""
    try:
        return shlex.split(text)
    except ValueError:
        raise Invalid("A quotation mark of the command is not closed.", field="bad_command") from None


_READ: Sequence[tuple[str, Callable[[str], Any], Callable[[Any], str], bool]] = (
    ("environment", variable_text.read, variable_text.write, True),
    ("command", command, shlex.join, False),
)
"""Field, how it is read, how it is written, whether it has several lines."""
