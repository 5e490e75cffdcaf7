"""The pages run as people open them: through the entry script, signed in, on a small demo that was loaded once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import config, container
from app.auth import sessions
from app.auth.policy import Policy
from app.container import Container
from app.demo import load
from models.domain.access import job_actor
from models.domain.clock import SystemClock
from models.store import members, organizations, staff

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "app" / "ui" / "entry.py"


def a_container(folder: Path) -> Container:
    settings = config.load(data=folder)
    container.prepare_directory(settings)
    container.open_store(settings, migrate=True).close()
    return container.build_server(settings, SystemClock())


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The demo business with three days behind it; its collector takes one tick, as the server's does."""
    made = a_container(tmp_path_factory.mktemp("demo"))
    load(made, days=3, raw_days=0.1)
    if made.inventory is not None:
        made.inventory.start()
    if made.collector is not None:
        made.collector.run_once() if hasattr(made.collector, "run_once") else None
    yield made
    if made.inventory is not None:
        made.inventory.stop()
    made.close()


@pytest.fixture(scope="session")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A first start: nobody but the first admin and one empty organization, and nothing was ever collected."""
    from models.domain.access import MemberRole, StaffRole

    made = a_container(tmp_path_factory.mktemp("nothing"))
    with made.transaction(job_actor("test"), "cli") as ctx:
        admin = members.add_user(ctx.session, email="admin@first.example", name="Ada", now=ctx.now)
        staff.appoint(ctx.session, user_id=admin.id, role=StaffRole.OWNER, now=ctx.now)
        owner = members.add_user(ctx.session, email="owner@first.example", name="Oki", now=ctx.now)
        empty = organizations.add(ctx.session, name="Empty", now=ctx.now)
        members.join(ctx.session, user_id=owner.id, organization_id=empty.id, role=MemberRole.OWNER, now=ctx.now)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    st.cache_data.clear()


Opener = Callable[..., AppTest]


def open_page(made: Container, email: str, page: str = "", **parameters: str) -> AppTest:
    """The page as that person sees it. `page` is a file of pages/, such as `admin/pod`; empty: the one that opens at /."""
    with made.transaction(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, email)
        assert user is not None
        cookie = sessions.begin(
            ctx.session, user_id=user.id, strong=True, policy=Policy.of(made.settings), now=ctx.now, device=secrets.token_hex(2),
            address="127.0.0.1",
        )  # fmt: skip
    at = AppTest.from_file(str(ENTRY), default_timeout=30)
    at.session_state["_container"] = made
    at.user = {"username": user.id, "sid": sessions.digest(cookie)}
    if page:
        at.run()
        at.switch_page(f"../../pages/{page}.py")
    for name, value in parameters.items():
        at.query_params[name] = value
    return at.run()


def texts(at: AppTest) -> str:
    """Everything that the page says in words."""
    kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error, at.success)
    return "\n".join(str(one.value) for kind in kinds for one in kind)
