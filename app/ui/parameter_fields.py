"""Fields for what only the customer knows about an app: one for each kind of parameter, with the template's own question."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import listed_fields, variable_text
from app.ui.gate import Viewer
from models.domain.errors import Invalid
from provisioner.catalogue import listed
from provisioner.catalogue.schema import Parameter
from provisioner.wanted import MOST_COPIES

PLACEHOLDERS = {"image": "ghcr.io/you/app:1.4", "environment": "NAME=value", "command": "gunicorn app:main", "path": "/health"}


def ask(
    viewer: Viewer, parameters: Mapping[str, Parameter], *, given: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Invalid | None]:
    """The answers so far, and what in them cannot be read. `given`: what was answered before, instead of the template's proposals."""
    found: dict[str, Any] = {}
    wrong: Invalid | None = None
    # what has to be answered comes first, what may stay empty last
    order = sorted(parameters.items(), key=lambda one: (not one[1].required, one[1].default is not None, one[0]))
    for name, parameter in order:
        if parameter.kind == listed.KIND:
            found[name], unread = listed_fields.ask(viewer, name, None if given is None else given.get(name) or ())
            wrong = wrong or unread
            continue
        before = parameter.default if given is None else given.get(name)
        typed = _field(viewer, name, parameter, before)
        try:
            value = _read(parameter.kind, typed)
        except Invalid as error:
            st.error(viewer.say(f"order.{error.field}"), icon=":material/edit:")
            wrong = wrong or error
            continue
        if value not in ("", None, {}, []):
            found[name] = value
    return found, wrong


def label(viewer: Viewer, parameter: Parameter) -> str:
    """The question in the reader's language."""
    asked = parameter.question.get(viewer.say.language) or parameter.question["en"]
    return asked if parameter.required else f"{asked} {viewer.say.text('order.optional')}"


def _field(viewer: Viewer, name: str, parameter: Parameter, default: Any) -> Any:
    key, asked = f"parameter_{name}", label(viewer, parameter)
    if isinstance(default, Mapping):
        default = variable_text.write(default)
    elif isinstance(default, (list, tuple)):
        default = shlex.join(default)
    if parameter.kind in ("port", "copies"):
        most = 65535 if parameter.kind == "port" else MOST_COPIES
        return st.number_input(asked, 1, most, int(default or 1), key=key)
    if parameter.kind == "environment":
        return st.text_area(
            asked, str(default or ""), key=key, placeholder=PLACEHOLDERS["environment"], help=viewer.say("order.environment_help")
        )
    return st.text_input(
        asked, str(default or ""), key=key, max_chars=2000, live=True, placeholder=PLACEHOLDERS.get(parameter.kind, ""),
        help=viewer.say("order.image_help") if parameter.kind == "image" else None,
    )  # fmt: skip


def _read(kind: str, typed: Any) -> Any:
    text = str(typed or "").strip()
    match kind:
        case "port" | "copies":
            return typed
        case "environment":
            return variable_text.read(text)
        case "command":
            return listed_fields.command(text)
        case _:
            return text
