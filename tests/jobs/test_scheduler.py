"""What is due: late starts, abandoned work, requests, and the rhythm itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Settings
from app.jobs import registry
from app.jobs.scheduler import SWEEP_SECONDS, Scheduler
from app.services import jobs as service
from models.domain.jobs import KEPT, LEASE, JobHome, OccurrenceState, Rhythm, back_off
from tests.jobs.conftest import Stage
from tests.stories import a_context, a_staff_member

moments = st.integers(-(10**7), 4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC))
rhythms = st.builds(
    Rhythm,
    st.integers(1, 7 * 86400).map(lambda s: timedelta(seconds=s)),
    st.integers(0, 86400).map(lambda s: timedelta(seconds=s)),
)


def due(stage: Stage) -> list[tuple[str, datetime]]:
    return Scheduler(stage.container, JobHome.WORKER, only={"test"}).due()


@given(rhythms, moments)
def test_now_lies_between_the_newest_due_time_and_the_next(rhythm, now):
    assert rhythm.latest(now) <= now < rhythm.next(now)
    assert rhythm.next(now) - rhythm.latest(now) == rhythm.every
    assert rhythm.latest(rhythm.latest(now)) == rhythm.latest(now)
    assert rhythm.latest(rhythm.next(now)) == rhythm.next(now)


@given(st.integers(1, 100))
def test_pauses_after_failures_grow_up_to_an_hour(attempts):
    assert timedelta(seconds=30) <= back_off(attempts) <= back_off(attempts + 1) <= timedelta(hours=1)


def test_after_days_of_silence_one_late_run_does_for_all_that_were_missed(stage):
    heard = []
    stage.declare(lambda run: heard.append(run.due_at))
    stage.run()
    stage.clock.advance(timedelta(days=3, minutes=5))
    (late,) = due(stage)
    assert late == ("test", stage.clock.now() - timedelta(minutes=5))
    assert stage.run(*late).state is OccurrenceState.DONE
    assert due(stage) == []
    assert len(heard) == 2


def test_a_slot_that_has_just_come_is_left_to_its_own_timer(quick):
    quick.declare(lambda run: None)
    quick.run()
    quick.clock.advance(timedelta(hours=1, seconds=SWEEP_SECONDS))
    assert due(quick) == []
    quick.clock.advance(timedelta(seconds=1))
    assert len(due(quick)) == 1


@pytest.mark.parametrize("age", [timedelta(days=1, hours=7), KEPT + timedelta(days=1)])
def test_a_clean_up_does_not_make_a_job_forget_when_it_ran_last(quick, age):
    quick.declare(lambda run: None, every=timedelta(days=1))
    quick.run()
    quick.clock.advance(age)
    missed = due(quick)
    assert [name for name, _ in missed] == ["test"]
    quick.run("history_cleanup")
    assert due(quick) == missed


@pytest.mark.parametrize("at_start", [True, False])
def test_a_new_installation_runs_at_once_only_what_says_so(quick, at_start):
    quick.declare(lambda run: None, at_start=at_start)
    assert len(due(quick)) == at_start


def test_the_sweep_brings_back_what_a_dead_process_held(stage):
    stage.declare(lambda run: None)
    stage.die_inside()
    assert due(stage) == []
    stage.clock.advance(LEASE + timedelta(seconds=1))
    assert due(stage) == [("test", stage.clock.now().replace(minute=0, second=0))]


def test_a_failed_run_comes_back_when_its_pause_is_over(stage):
    stage.declare(lambda run: 1 / 0)
    stage.run()
    assert due(stage) == []
    stage.clock.advance(back_off(1))
    assert due(stage) == [("test", stage.clock.now().replace(second=0))]


def test_a_newer_slot_goes_before_one_that_waits_which_it_supersedes(stage):
    failing = [True]
    stage.declare(lambda run: 1 / 0 if failing[0] else None)
    stage.run()
    stage.clock.advance(timedelta(hours=1, minutes=1))
    failing[0] = False
    assert due(stage) == [("test", stage.clock.now() - timedelta(minutes=1))]


def test_what_somebody_asked_for_runs_within_a_sweep_once(stage):
    heard = []
    stage.declare(lambda run: heard.append(run.due_at))
    stage.run()
    stage.clock.advance(timedelta(minutes=10))
    with stage.store.transaction() as session:
        ctx = a_context(session, a_staff_member(session), now=stage.clock.now())
        asked = service.run_now(ctx, name="test")
        assert service.run_now(ctx, name="test").id == asked.id
    (wanted,) = due(stage)
    assert stage.run(*wanted).state is OccurrenceState.DONE
    assert (due(stage), len(heard), stage.newest().requested_by) == ([], 2, asked.requested_by)


def test_a_rhythm_that_is_a_setting_is_the_installations(quick):
    registry.fit(Settings.model_construct(backup_minutes=3.0))
    try:
        assert registry.find("backup").rhythm.every == timedelta(minutes=3)
        assert service.DECLARED["backup"].rhythm.every == timedelta(minutes=3)
    finally:
        registry.fit(Settings.model_construct())
    assert registry.find("backup").rhythm.every == timedelta(minutes=15)


def test_history_goes_on_behind_the_last_row_of_a_page_without_loss_or_repetition(stage):
    stage.declare(lambda run: None)
    stage.declare(lambda run: None, name="other")
    for _ in range(5):
        stage.run()
        stage.run("other")
        stage.clock.advance(timedelta(hours=1))
    with stage.store.transaction() as session:
        ctx = a_context(session, a_staff_member(session))
        whole = [row.id for row in service.history(ctx)]
        walked: list[str] = []
        while page := service.history(ctx, after=walked[-1] if walked else "", limit=3):
            walked += [row.id for row in page]
    assert walked == whole
    assert len(set(walked)) == 10
