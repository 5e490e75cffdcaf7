"""Backups by schedule, and the end of those whose time is over: with evidence, and nothing left behind."""

from __future__ import annotations

import json
from datetime import timedelta

from app.jobs import registry, runner
from app.services import app_backups, decisions, settings
from app.services.orders import OrderView
from models.domain.app_backups import BackupReason, BackupState
from models.store import app_backups as store
from models.store import audit
from tests.orders.conftest import Shop

DAY = timedelta(days=1)


def _paid(shop: Shop) -> OrderView:
    made = shop.order("wordpress", "starter", name="paid")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=made.id)
    shop.work(passes=25)
    return made


def _run(shop: Shop) -> dict[str, int]:
    outcome = runner.run_once(shop.container, "app_backups")
    assert outcome is not None
    assert outcome.error == ""
    return dict(outcome.counts)


def _backups(shop: Shop, app: OrderView) -> list[app_backups.BackupView]:
    with shop.acting() as ctx:
        return list(app_backups.of_app(ctx, instance_id=app.instance_id).backups)


def test_paid_apps_are_saved_once_a_day_and_what_is_over_goes_with_evidence(shop: Shop) -> None:
    paid, trial = _paid(shop), shop.order("wordpress", "trial", name="trial")
    shop.work(passes=25)
    with shop.acting(shop.staff) as ctx:
        job = registry.find("app_backups")
        assert [(one.subject, one.action) for one in job.preview(ctx, ctx.now).planned] == [(paid.instance_id, "save")]
    assert _run(shop) == {"begun": 1}
    shop.work(passes=4)
    (first,) = _backups(shop, paid)
    assert (first.reason, first.state) == (BackupReason.SCHEDULE, BackupState.DONE)
    assert _backups(shop, trial) == []
    shop.clock.advance(timedelta(hours=2))
    assert _run(shop) == {}
    shop.clock.advance(DAY)
    assert _run(shop) == {"begun": 1}
    shop.work(passes=4)
    shop.clock.advance(29 * DAY)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="app_backup_hours", value=0)
        job = registry.find("app_backups")
        assert [(one.subject, one.action) for one in job.preview(ctx, ctx.now).planned] == [(first.id, "delete")]
    with shop.store.reading() as session:
        row = store.by_id(session, first.id)
        assert row is not None
        place = row.place
    assert shop.target.size(place) == first.size
    assert _run(shop) == {"deleted": 1}
    assert shop.target.size(place) is None
    second, gone = _backups(shop, paid)
    assert (second.state, gone.state, gone.usable) == (BackupState.DONE, BackupState.EXPIRED, False)
    with shop.store.reading() as session:
        row = store.by_id(session, first.id)
        assert row is not None
        assert (row.secrets, row.gone_at is not None) == ("", True)
        (told,) = [one for one in audit.search(session, limit=None) if one.action == "app_backups.expire"]
    assert json.loads(told.before or "")["sha256"] == first.sha256
    shop.clock.advance(timedelta(hours=1))
    assert _run(shop) == {}


def test_trials_are_saved_when_that_is_set(shop: Shop) -> None:
    trial = shop.order("wordpress", "trial")
    shop.work(passes=25)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="app_backup_trials", value=True)
    assert _run(shop) == {"begun": 1}
    assert [one.state for one in _backups(shop, trial)] == [BackupState.WANTED]


def test_what_killed_turns_left_behind_is_tidied_and_what_is_being_written_is_not(shop: Shop) -> None:
    app = _paid(shop)
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    shop.target.put(f"{app.instance_id}/{asked.id}.1.part-0a1b", [b"half"])
    shop.target.put(f"{app.instance_id}/bak_lost.2", [b"nobody's"])
    assert _run(shop) == {"tidied": 1}
    assert list(shop.target.names()) == [f"{app.instance_id}/{asked.id}.1.part-0a1b"]
    shop.work(passes=4)
    shop.clock.advance(timedelta(hours=1))
    assert _run(shop) == {"tidied": 1}
    (done,) = _backups(shop, app)
    assert done.state is BackupState.DONE
    assert len(list(shop.target.names())) == 1
