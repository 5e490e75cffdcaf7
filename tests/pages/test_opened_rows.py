"""A click opens what stood under the pointer, also when the order changed before the click arrived."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from app.ui import charts, consumers, navigation, node_map, tables


class Went(Exception):
    """Opening a page ends the run."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def go(page: str, **parameters: str) -> None:
        found.append((page, parameters))
        raise Went

    monkeypatch.setattr(navigation, "go", go)
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "dataframe", lambda *_, **__: None)
    monkeypatch.setattr(st, "download_button", lambda *_, **__: None)
    return found


def a_viewer() -> Any:
    def say(*_: Any, **__: Any) -> str:
        return "words"

    say.text = say
    return SimpleNamespace(say=say, format=SimpleNamespace(zone=SimpleNamespace(key="UTC")))


def test_a_row(opened: list[Any]) -> None:
    def draw(*rows: str) -> None:
        column = tables.Column("name", "Name", lambda row: row)
        tables.show(a_viewer(), rows, [column], key="pods", alt="", opening=tables.Opening("pod", lambda row: {"uid": row}))

    draw("a", "b", "c")
    st.session_state["pods_open"] = {"row": 0, "label": ""}
    with pytest.raises(Went):
        draw("c", "a", "b")
    assert opened == [("pod", {"uid": "a"})]


def test_a_bar(opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    clicked: list[tuple[int, int]] = []
    monkeypatch.setattr(charts, "choose", lambda *_, **__: clicked[0] if clicked else None)
    monkeypatch.setattr(consumers, "option", lambda *_: {})
    rows: Any = [SimpleNamespace(organization_id="org_a"), SimpleNamespace(organization_id="org_b")]
    consumers.show(a_viewer(), rows)
    clicked.append((1, 0))
    with pytest.raises(Went):
        consumers.show(a_viewer(), rows[::-1])
    assert opened == [("organization", {"id": "org_a"})]


def test_a_block(opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    clicked: list[tuple[int, int]] = []
    stacks: list[list[list[Any]]] = [[["pod-a", "pod-b"]], [["pod-b", "pod-a"]]]
    monkeypatch.setattr(charts, "choose", lambda *_, **__: clicked[0] if clicked else None)
    monkeypatch.setattr(node_map, "option", lambda *_: {})
    monkeypatch.setattr(node_map, "stacks", lambda *_: stacks.pop(0))
    assert node_map.show(a_viewer(), [], [], "state") is None
    clicked.append((0, 0))
    assert str(node_map.show(a_viewer(), [], [], "state")) == "pod-a"
    assert opened == []
