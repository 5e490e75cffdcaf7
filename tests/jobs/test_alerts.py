"""Staff hear of a trouble once when it begins and once when it is over, and nothing of what nobody can see."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from sqlmodel import select

from app.jobs import alerts
from collectors import warehouse as warehouses
from collectors.sources.port import SourceHealth
from models.domain.access import job_actor
from models.domain.cluster import Node, Resources
from models.domain.errors import Unavailable
from models.domain.jobs import MAX_ATTEMPTS, JobHome
from models.store import notices
from models.store.mail import Mail
from tests.jobs.conftest import Stage
from tests.stories import Cluster, a_snapshot, a_staff_member

MINUTE = timedelta(minutes=1)


@dataclasses.dataclass(frozen=True)
class Watched(Cluster):
    """A cluster without a collection of its own."""

    def sources(self) -> tuple[()]:
        return ()


def with_node(stage: Stage, ready: bool | None, *, stale: bool = False) -> None:
    now = stage.clock.now()
    size = Resources(4, 8 << 30, 110)
    node = Node("node-2", "uid-2", size, size, ready, now, now)
    snapshot = a_snapshot(now=now, stale_since=now if stale else None)
    stage.cluster = Watched(dataclasses.replace(snapshot, nodes={"node-2": node}))


def look(stage: Stage, name: str = "alerts") -> list[str]:
    """Run the job at its next due time; subjects of the mails that it wrote."""
    before = mails(stage)
    stage.clock.advance(MINUTE)
    assert stage.run(name) is not None
    return list((Counter(mails(stage)) - Counter(before)).elements())


def mails(stage: Stage) -> list[str]:
    with stage.store.reading() as session:
        return sorted(session.exec(select(Mail.subject)))


def states(stage: Stage) -> dict[str, str]:
    with stage.store.reading() as session:
        return {subject: str(status) for subject, status in session.exec(select(Mail.subject, Mail.status))}


@pytest.fixture
def staffed(stage: Stage) -> Iterator[Stage]:
    stage.declare(lambda run: None)
    with stage.store.transaction() as session:
        a_staff_member(session)
    with_node(stage, True)
    with closing(warehouses.open(str(stage.folder / "warehouse.duckdb"), clock=stage.clock)) as stage.warehouse:
        yield stage


def test_a_node_that_goes_down_is_told_once_and_its_return_once(staffed):
    assert look(staffed) == []
    with_node(staffed, False)
    assert look(staffed) == ["Node node-2 is down"]
    assert look(staffed) == []
    with_node(staffed, True)
    assert look(staffed) == ["Over: Node node-2 is down"]
    assert look(staffed) == []
    with_node(staffed, None)
    assert look(staffed) == ["Node node-2 is down"]


def test_while_the_cluster_is_silent_no_node_is_said_to_be_back(staffed):
    with_node(staffed, False)
    look(staffed)
    with_node(staffed, True, stale=True)
    assert look(staffed) == []
    assert look(staffed) == ["Cluster default is silent"]
    with staffed.store.reading() as session:
        assert {row.key for row in notices.open_(session)} == {"server/node:default/node-2", "server/cluster:default"}


@dataclasses.dataclass(frozen=True)
class Collected(Cluster):
    """A cluster that is collected, as the collector says it goes."""

    told: tuple[SourceHealth, ...] = ()

    def sources(self) -> tuple[SourceHealth, ...]:
        return self.told


def test_a_collection_that_fails_or_is_late_is_told_once_and_its_return_once(staffed):
    def goes(**said):
        staffed.cluster = Collected(staffed.cluster.snapshot(), told=(SourceHealth("prometheus", **said),))

    goes(last_tick=None, last_success_at=None)
    assert look(staffed) == [], "it has only begun"
    now = staffed.clock.now()
    goes(last_tick=now, last_success_at=now)
    assert look(staffed) == []
    now = staffed.clock.now()
    goes(last_tick=now, last_success_at=now, failing_since=now, problem="Prometheus does not answer.")
    assert look(staffed) == ["Collection from prometheus is failing"]
    assert look(staffed) == []
    with staffed.store.reading() as session:
        (text,) = session.exec(select(Mail.text).where(Mail.subject == "Collection from prometheus is failing"))
    assert "Prometheus does not answer." in text
    assert f"The last tick is of {now:%Y-%m-%d %H:%M} UTC" in text
    now = staffed.clock.now() + MINUTE
    goes(last_tick=now, last_success_at=now)
    assert look(staffed) == ["Over: Collection from prometheus is failing"]
    staffed.clock.advance(4 * MINUTE)
    assert look(staffed) == ["Collection from prometheus is late"], "nobody says that it fails, and nothing comes"


def test_a_job_is_told_when_it_is_given_up_and_not_before(staffed):
    def body(run):
        raise Unavailable("no disk")

    staffed.declare(body, name="broken", every=timedelta(days=30), home="server")
    due = staffed.clock.now()
    for _ in range(MAX_ATTEMPTS):
        assert look(staffed) == []
        staffed.clock.advance(timedelta(hours=1))
        staffed.run("broken", due)
    assert look(staffed) == ["The job broken failed"]


def test_a_failed_job_is_not_over_while_it_runs_and_tries_again(staffed):
    def body(run):
        if not well:
            raise Unavailable("no disk")

    well = []
    staffed.declare(body, name="broken", every=timedelta(days=30), home="server")
    due = staffed.clock.now()
    for _ in range(MAX_ATTEMPTS):
        staffed.clock.advance(timedelta(hours=1))
        staffed.run("broken", due)
    assert look(staffed) == ["The job broken failed"]
    due = staffed.clock.now()
    staffed.run("broken", due)
    assert look(staffed) == []
    well.append(True)
    staffed.clock.advance(timedelta(hours=1))
    staffed.run("broken", due)
    assert look(staffed) == ["Over: The job broken failed"]


def test_a_cluster_that_only_just_fell_silent_again_is_not_said_to_be_back(staffed):
    with_node(staffed, True, stale=True)
    staffed.clock.advance(timedelta(minutes=3))
    assert look(staffed) == ["Cluster default is silent"]
    with_node(staffed, True, stale=True)  # as after a restart: silent for as long as this process knows
    assert look(staffed) == []
    with_node(staffed, True)
    assert look(staffed) == ["Over: Cluster default is silent"]


def test_a_process_that_has_seen_no_node_yet_says_of_none_that_it_is_back(staffed):
    with_node(staffed, False)
    assert look(staffed) == ["Node node-2 is down"]
    staffed.cluster = Watched()
    assert look(staffed) == []
    with_node(staffed, True)
    assert look(staffed) == ["Over: Node node-2 is down"]


def test_a_worker_that_is_silent_is_told_by_the_server_that_has_run_for_a_while(staffed):
    staffed.declare(lambda run: None, name="work", every=timedelta(minutes=1), home="worker")
    staffed.run("work")
    staffed.clock.advance(timedelta(days=1))
    told = [look(staffed) for _ in range(7)]
    assert told[:5] == [[]] * 5
    assert ["The job work does not run"] in told
    staffed.run("work")
    assert look(staffed) == ["Over: The job work does not run"]


def test_that_nobody_hands_over_mails_is_handed_over_by_the_server(staffed):
    staffed.run("mail")
    with_node(staffed, False)
    assert look(staffed) == ["Node node-2 is down"]
    assert states(staffed) == {"Node node-2 is down": "due"}
    staffed.clock.advance(timedelta(days=1))
    told = [subject for _ in range(7) for subject in look(staffed)]
    assert told == ["The job mail does not run"]
    assert states(staffed) == {"Node node-2 is down": "kept", "The job mail does not run": "kept"}
    staffed.run("mail")
    assert look(staffed) == ["Over: The job mail does not run"]
    assert states(staffed)["Over: The job mail does not run"] == "due"


def test_the_preview_names_exactly_what_the_run_tells_and_writes_nothing(staffed):
    with_node(staffed, False)
    with staffed.container.reading(job_actor("test"), "cli") as ctx:
        planned = alerts.preview_server(ctx, ctx.now)
    assert mails(staffed) == []
    assert [step.action for step in planned.planned] == look(staffed)
    with staffed.container.reading(job_actor("test"), "cli") as ctx:
        assert alerts.preview_server(ctx, ctx.now).planned == ()


def test_server_and_worker_leave_each_others_notices_alone(staffed):
    with_node(staffed, False)
    look(staffed)
    assert look(staffed, "alerts_worker") == []
    with staffed.store.reading() as session:
        assert len(notices.open_(session)) == 1
    assert alerts.NAMES.keys() == set(JobHome)
