"""What is called now is from now: a source that fell silent shows nothing, not its last word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.services import apps, collection, overview, present
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW
from tests.stories import a_staff_member


@pytest.mark.parametrize(("later", "known"), [(timedelta(seconds=90), True), (timedelta(minutes=6), False)])
def test_use_that_is_minutes_old_is_not_measured_now(store: Store, tmp_path: Path, later: timedelta, known: bool) -> None:
    with running.a_warehouse(tmp_path) as warehouse, store.transaction() as session:
        people = running.people(session)
        cluster = running.Cluster(replace(running.a_snapshot(), as_of=NOW + later), running.latest())
        mine = replace(running.a_running_context(session, people.kopi.actor, warehouse), now=NOW + later, cluster=cluster)
        (card,) = apps.mine(mine).apps
        assert (card.memory_used is not None, card.cpu_used is not None) == (known, known)
        staff = replace(mine, actor=a_staff_member(session))
        assert bool(present.pods(staff)) is known
        assert bool(present.nodes(staff)) is known
        assert (overview.state(staff).utilization[0].used.value is not None) is known
        assert (collection.health(staff).coverage.value is not None) is known
