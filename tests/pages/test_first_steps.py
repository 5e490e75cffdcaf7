"""The checklist of a new live installation: on the Overview while something of it is open, and never on the demo."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from app.container import Container
from tests.pages.conftest import open_page, texts

ADMIN = "admin@first.example"


def test_a_live_installation_says_what_is_done_and_what_is_not(nothing: Container) -> None:
    real = nothing.settings.model_copy(update={"kubeconfig": Path("kubeconfig"), "prometheus_url": "http://127.0.0.1:9"})
    said = texts(open_page(replace(nothing, settings=real), ADMIN, "admin/overview"))
    assert re.search(r"First steps: \d of 5 done", said)
    assert "A template is on sale" in said
    assert "moorage catalogue import" in said


def test_the_demo_needs_none(nothing: Container) -> None:
    assert "First steps" not in texts(open_page(nothing, ADMIN, "admin/overview"))
