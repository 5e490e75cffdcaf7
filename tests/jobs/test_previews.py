"""A preview says what the run then does, and writes nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.jobs import inventory, registry
from app.services import jobs as service
from models import migrations
from models.domain.access import job_actor
from models.domain.jobs import KEPT
from models.store import limits, retention
from models.store.audit import Audit
from models.store.jobs import JobOccurrence
from models.store.links import LinkKind, OneTimeLink
from models.store.mail import Mail
from models.store.tables import metadata
from tests.jobs.conftest import Stage

DAY = timedelta(days=1)


def everything(stage: Stage) -> dict[str, list[str]]:
    with stage.store.reading() as session:
        return {t.name: sorted(map(repr, session.connection().execute(select(t)))) for t in metadata.sorted_tables}


def previewed(stage: Stage, name: str) -> service.Preview:
    with stage.container.reading(job_actor("test"), "cli") as ctx:
        return registry.find(name).preview(ctx, registry.find(name).rhythm.latest(stage.clock.now()))


def fill(stage: Stage) -> None:
    """Of each kind something that may go and something that stays."""
    now = stage.clock.now()
    with stage.store.transaction() as session:
        for age in (timedelta(hours=1), 40 * DAY):
            session.add(OneTimeLink(kind=LinkKind.RESET, token_hash=str(age), created_at=now - age, expires_at=now - age))
            session.add(
                Audit(at=now - 100 * age, actor_id="a", actor_kind="job", actor_name="a", edge="job", action="x", subject="x")
            )
            limits.hit(session, "key", limits.Rule(5, timedelta(minutes=15)), now - age)
        for number, (age, state, counts) in enumerate(
            [
                (KEPT + DAY, "done", '{"a": 1}'),
                (KEPT + DAY, "failed", "{}"),
                (KEPT + DAY, "waiting", "{}"),
                (2 * DAY, "done", "{}"),
                (2 * DAY, "done", '{"a": 1}'),
                (2 * DAY, "failed", "{}"),
                (timedelta(hours=1), "done", "{}"),
            ]
        ):
            session.add(JobOccurrence(name=f"old{number}", due_at=now - age, state=state, counts=counts))
            session.add(JobOccurrence(name=f"old{number}", due_at=now, requested_by="newest"))


@pytest.mark.parametrize("name", ["sign_in_cleanup", "history_cleanup", "audit_expiry"])
def test_a_clean_up_takes_what_its_preview_counted(stage, name):
    stage.declare(lambda run: None)
    fill(stage)
    before = everything(stage)
    shown = previewed(stage, name)
    assert everything(stage) == before
    counted = {step.subject: int(step.action.removeprefix("forget ")) for step in shown.planned}
    assert stage.run(name).counts == counted
    assert previewed(stage, name).planned == ()
    assert counted


def test_runs_that_did_something_failed_or_wait_stay_their_time(stage):
    stage.declare(lambda run: None)
    fill(stage)
    stage.run("history_cleanup")
    with stage.store.reading() as session:
        kept = select(JobOccurrence.name).where(JobOccurrence.requested_by == "")
        left = {name for name in session.connection().execute(kept).scalars() if name.startswith("old")}
    assert left == {"old2", "old4", "old5", "old6"}


def test_a_batch_is_not_the_end(quick, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    quick.declare(lambda run: None)
    with quick.store.transaction() as session:
        for number in range(11):
            session.add(JobOccurrence(name="old", due_at=quick.clock.now() - KEPT - DAY - timedelta(hours=number), state="done"))
    assert quick.run("history_cleanup").counts == {"occurrences": 10}


def test_mails_that_wait_are_those_that_are_handed_over(stage):
    stage.declare(lambda run: None)
    now = stage.clock.now()
    with stage.store.transaction() as session:
        for number in range(3):
            due = now + timedelta(hours=1) if number == 2 else now
            words = {"subject": "s", "text": "t", "html": "h"}
            session.add(Mail(key=str(number), kind="reset", to=f"p{number}@example.com", next_at=due, created_at=now, **words))
    before = everything(stage)
    shown = previewed(stage, "mail")
    assert everything(stage) == before
    assert {step.subject for step in shown.planned} == {"p0@example.com", "p1@example.com"}
    assert stage.run("mail").counts == {"kept": 2}


def test_a_backup_counts_its_rows_and_files(quick):
    quick.declare(lambda run: None)
    before = everything(quick)
    assert "copied" in previewed(quick, "backup").summary
    assert everything(quick) == before
    quick.store.engine.dispose()
    (quick.folder / "store.sqlite").unlink()
    migrations.upgrade(quick.store)
    ended = quick.run("backup")
    assert ended.counts["rows"] >= 1
    assert list((quick.folder / "backups").iterdir())


def test_every_job_has_a_home_a_sentence_and_a_preview():
    found = registry.every()
    wanted = ["rollup", "compact", "export", "expire", "publish", "inventory_resync", "capacity_snapshot", "last_use"]
    assert {job.name for job in found} >= {*wanted, "sign_in_cleanup", "audit_expiry", "backup", "mail", "alerts"}
    for job in found:
        assert job.about.endswith("."), job.name
        assert service.DECLARED[job.name].preview is job.preview


def test_figures_of_the_day_keep_what_a_whole_number_would_lose():
    assert inventory.whole("cpu_requested_cores", 1.437) == ("cpu_requested_millicores", 1437)
    assert inventory.whole("cpu_used_cores", 0.25) == ("cpu_used_millicores", 250)
    assert inventory.whole("sale_limit", 0.85) == ("sale_limit_permille", 850)
    assert inventory.whole("memory_used_bytes", 0.0) == ("memory_used_bytes", 0)
    assert inventory.whole("survives_any_loss", False) == ("survives_any_loss", 0)
