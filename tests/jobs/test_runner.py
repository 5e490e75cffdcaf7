"""One due run happens once, whoever asks for it and however it ends."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from app.jobs.registry import find
from app.jobs.run import Run
from app.services import audit
from models.domain.errors import Unavailable
from models.domain.jobs import LEASE, MAX_ATTEMPTS, OccurrenceState, back_off
from models.store import jobs as rows
from models.store.audit import Audit
from tests.jobs.conftest import Stage

S = OccurrenceState
HOUR = timedelta(hours=1)


def notes(stage: Stage) -> list[str]:
    with stage.store.reading() as session:
        return sorted(session.exec(select(Audit.subject)))


def note(run: Run, *words: str) -> None:
    run.each(words, lambda ctx, word: audit.record(ctx, action="test.note", subject=word), word="noted")


def test_an_occurrence_runs_once(stage):
    stage.declare(lambda run: note(run, "a"))
    first = stage.run()
    assert (first.state, first.counts, first.due_at) == (S.DONE, {"noted": 1}, stage.clock.now().replace(minute=0))
    assert stage.run() is None
    assert notes(stage) == ["a"]


def test_the_body_hears_the_due_time_and_not_the_present(quick):
    heard = []
    quick.declare(lambda run: heard.append(run.due_at))
    quick.clock.advance(timedelta(minutes=40))
    quick.run()
    assert heard == [quick.clock.now() - timedelta(minutes=40)]


def test_a_failure_is_tried_again_after_a_growing_pause_and_given_up_at_last(stage):
    def body(run: Run) -> None:
        raise Unavailable("The mail server does not answer.")

    stage.declare(body, every=timedelta(days=30))
    due = stage.clock.now()
    for attempt in range(1, MAX_ATTEMPTS):
        assert stage.run(due_at=due).state is S.WAITING
        row = stage.newest()
        assert (row.attempts, row.again_at, row.error) == (
            attempt,
            stage.clock.now() + back_off(attempt),
            "The mail server does not answer.",
        )
        stage.clock.advance(back_off(attempt) - timedelta(seconds=1))
        assert stage.run(due_at=due) is None
        stage.clock.advance(timedelta(seconds=1))
    assert stage.run(due_at=due).state is S.FAILED
    stage.clock.advance(timedelta(days=1))
    assert stage.run(due_at=due) is None


def test_a_bug_in_a_body_is_a_failed_attempt_and_never_escapes(quick):
    quick.declare(lambda run: 1 / 0)
    ended = quick.run()
    assert (ended.state, ended.error) == (S.WAITING, "ZeroDivisionError: division by zero")


def test_one_failing_item_never_stops_the_others_and_writes_nothing(stage):
    def work(ctx, word):
        audit.record(ctx, action="test.note", subject=word)
        if word == "b":
            raise ValueError("no b today")

    stage.declare(lambda run: run.each("abc", work, word="noted"))
    ended = stage.run()
    assert (ended.state, ended.counts, ended.error) == (S.WAITING, {"noted": 2, "failed": 1}, "b: no b today")
    assert notes(stage) == ["a", "c"]


def test_who_is_asked_to_stop_ends_at_the_next_item_and_the_attempt_is_not_counted(stage):
    stop = threading.Event()

    def work(ctx, word):
        audit.record(ctx, action="test.note", subject=word)
        stop.set()

    stage.declare(lambda run: run.each("abc", work, word="noted"))
    ended = stage.run(stop=stop)
    assert (ended.state, notes(stage), stage.newest().attempts) == (S.WAITING, ["a"], 0)
    stop.clear()
    again = stage.run(stop=threading.Event())
    assert (
        again.counts
        == {
            "noted": 1,
        }
        or again.state is S.DONE
    )


def test_a_dead_process_frees_its_claim_when_its_lease_is_over(stage):
    stage.declare(lambda run: note(run, "a"))
    dead = stage.die_inside()
    assert stage.run() is None
    with stage.store.transaction() as session:
        assert rows.free_abandoned(session, now=stage.clock.now()) == []
    stage.clock.advance(LEASE + timedelta(seconds=1))
    with stage.store.transaction() as session:
        assert rows.free_abandoned(session, now=stage.clock.now()) == [("test", dead.worker)]
    assert "stopped answering during attempt 1" in stage.newest().error
    assert (stage.run().state, stage.newest().attempts, notes(stage)) == (S.DONE, 2, ["a"])


def test_who_kills_every_process_is_given_up(quick):
    quick.declare(lambda run: None, every=timedelta(days=30))
    for _ in range(MAX_ATTEMPTS):
        quick.die_inside()
        quick.clock.advance(LEASE + timedelta(seconds=1))
        with quick.store.transaction() as session:
            rows.free_abandoned(session, now=quick.clock.now())
        quick.clock.advance(HOUR)
    assert quick.newest().state == S.FAILED


def test_a_process_that_was_silent_too_long_can_write_nothing_more(stage):
    """It wakes up inside its body when another one has taken the occurrence over."""

    def body(run: Run) -> None:
        if run.attempt == 1:
            stage.clock.advance(LEASE + timedelta(seconds=1))
            with stage.store.transaction() as session:
                rows.free_abandoned(session, now=stage.clock.now())
            assert stage.run(due_at=run.due_at).state is S.DONE
        note(run, f"by attempt {run.attempt}")

    stage.declare(body)
    assert stage.run() is None
    assert (notes(stage), stage.newest().state, stage.newest().attempts) == (["by attempt 2"], S.DONE, 2)


def test_one_job_runs_one_occurrence_at_a_time(stage):
    inner = []

    def body(run: Run) -> None:
        if not inner:
            inner.append(stage.run(due_at=run.due_at + HOUR))
        note(run, f"{run.due_at:%H}")

    stage.declare(body)
    assert stage.run().state is S.DONE
    assert (inner, notes(stage)) == ([None], ["12"])


def test_what_waited_before_a_finished_run_needs_no_run_of_its_own(stage):
    failing = [True]

    def body(run: Run) -> None:
        if failing[0]:
            raise Unavailable("not now")

    stage.declare(body)
    assert stage.run().state is S.WAITING
    stage.clock.advance(HOUR)
    failing[0] = False
    assert stage.run().state is S.DONE
    assert list(stage.occurrences().values()) == [S.DONE, S.SUPERSEDED]
    stage.clock.advance(-timedelta(0))
    assert stage.run(due_at=stage.clock.now() - HOUR) is None


@pytest.mark.parametrize("end", ["superseded", "kept"])
def test_a_failed_run_supersedes_nothing(quick, end):
    failing = [True]

    def body(run: Run) -> None:
        if failing[0]:
            raise Unavailable("not now")

    quick.declare(body)
    quick.run()
    quick.clock.advance(HOUR)
    failing[0] = end == "kept"
    quick.run()
    assert quick.occurrences()[quick.clock.now() - HOUR] is (S.WAITING if end == "kept" else S.SUPERSEDED)


def test_a_process_whose_job_another_one_took_up_at_a_later_due_time_can_write_nothing_more(stage):
    """The first run prolongs its occurrence with every item, while its heartbeat cannot write: on its job's name the lease ends."""
    noted, others = [], []

    def body(run):
        if run.due_at == first:
            stage.clock.advance(LEASE + timedelta(minutes=1))
            with run.transaction():
                noted.append("before")
            stage.clock.advance(LEASE - timedelta(seconds=1))
            others.append(stage.run(due_at=first + timedelta(minutes=1)))  # it was prolonged a moment ago
            stage.clock.advance(timedelta(seconds=2))
            others.append(stage.run(due_at=first + timedelta(minutes=2)))
            with run.transaction():
                noted.append("after")
        else:
            noted.append("other")

    stage.declare(body, every=timedelta(minutes=1))
    first = find("test").rhythm.latest(stage.clock.now())
    ended = stage.run(due_at=first)
    assert noted == ["before", "other"]
    assert (others[0], others[1].state) == (None, S.DONE)
    assert (ended.state, "taken over" in ended.error) == (S.WAITING, True)
    assert stage.newest().state == S.DONE


def test_a_transaction_keeps_the_jobs_name_as_well_as_the_occurrence(stage):
    """As long as items are written, no other process begins the job, even if the heartbeat's thread never gets to write."""
    refused = []

    def body(run):
        for _ in range(4):
            stage.clock.advance(LEASE - timedelta(seconds=1))
            with run.transaction():
                pass
            refused.append(stage.run(due_at=run.due_at + timedelta(minutes=1)))

    stage.declare(body, every=timedelta(minutes=1))
    assert stage.run().state is S.DONE
    assert refused == [None] * 4
