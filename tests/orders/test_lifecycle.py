"""A subscription is moved in one place, and every move is a row that stays."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import app
from app.jobs import runner
from app.services import decisions, lifecycle, operations
from models import migrations
from models.domain.access import job_actor
from models.domain.dunning import Ended
from models.domain.errors import Conflict, IllegalTransition
from models.domain.subscriptions import SubscriptionState
from models.store import lifecycle as store_
from models.store import subscriptions
from models.store.session import Store
from tests.orders.conftest import Shop
from tests.stories import NOW

S = SubscriptionState
JOB = job_actor("test")


def told(shop: Shop, subscription_id: str) -> list[tuple[str, str, str]]:
    with shop.store.reading() as session:
        return [(one.before.value, one.after.value, one.reason) for one in store_.edges(session, subscription_id)]


def test_nobody_else_moves_a_subscription() -> None:
    """Neither by the store's function nor by the column, whatever name the module has where it is used."""
    folder = Path(app.__file__).parent
    found = []
    for path in sorted([*folder.rglob("*.py"), *folder.parent.glob("pages/**/*.py")]):
        tree = ast.parse(path.read_text())
        names = {
            one.asname or one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "models.store"
            for one in node.names
            if one.name == "subscriptions"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "models.store.subscriptions":
                found += [path.name for one in node.names if one.name == "move"]
            if isinstance(node, ast.Attribute) and node.attr == "move" and isinstance(node.value, ast.Name):
                found += [path.name] if node.value.id in names else []
    assert found == ["lifecycle.py"]


def test_an_order_its_trial_and_its_end_are_written_down(shop: Shop) -> None:
    tried, paid = shop.order("container"), shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=paid.id)
    shop.work()
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=paid.instance_id, typed_name=paid.name)
    shop.clock.advance(timedelta(days=15))
    assert runner.run_once(shop.container, "trials") is not None
    assert told(shop, tried.subscription_id) == [("pending", "trial", "accepted"), ("trial", "expired", "trial_unpaid")]
    assert told(shop, paid.subscription_id) == [("pending", "active", "accepted"), ("active", "expired", "app_removed")]
    with shop.store.reading() as session:
        last = store_.newest(session, [tried.subscription_id, paid.subscription_id])
        assert [last[one.subscription_id].ended for one in (tried, paid)] == [Ended.TRIAL, Ended.CANCELLED]
        assert last[paid.subscription_id].actor == shop.customer.owner.id
        assert all(subscriptions.by_id(session, one.subscription_id).ended_at for one in (tried, paid))  # type: ignore[union-attr]


def test_a_key_moves_once_and_the_table_decides(shop: Shop) -> None:
    placed = shop.order("container", "starter")
    with shop.acting(JOB) as ctx:
        row = subscriptions.by_id(ctx.session, placed.subscription_id)
        assert row is not None
        assert lifecycle.move(ctx, row, S.ACTIVE, reason="test")
        for target in (S.PAST_DUE, S.ACTIVE):
            assert lifecycle.move(ctx, row, target, reason="test", key=f"once:{target}")
        with pytest.raises(IllegalTransition):
            lifecycle.move(ctx, row, S.CLEANED, reason="test")
    with pytest.raises(IntegrityError), shop.acting(JOB) as ctx:
        lifecycle.move(ctx, ctx.session.get_one(subscriptions.Subscription, row.id), S.PAST_DUE, reason="test", key="once:past_due")
    with shop.acting(JOB) as ctx:
        row = subscriptions.by_id(ctx.session, placed.subscription_id)
        assert row is not None
        assert row.state is S.ACTIVE, "what was refused moved nothing"
        assert lifecycle.move(ctx, row, S.EXPIRED, reason="test", ended=Ended.UNPAID)
        assert row.ended_at == ctx.now
        with pytest.raises(Conflict, match="no backup"):
            lifecycle.move(ctx, row, S.CLEANED, reason="test")
        with pytest.raises(Conflict, match="seen to be gone"):
            lifecycle.move(ctx, row, S.CLEANED, reason="test", kept=True)
        assert lifecycle.move(ctx, row, S.CLEANED, reason="test", kept=True, evidence=True)


def test_who_comes_second_moves_nothing(shop: Shop) -> None:
    placed = shop.order("container", "starter")
    with shop.acting(JOB) as ctx:
        row = subscriptions.by_id(ctx.session, placed.subscription_id)
        assert row is not None
        ctx.session.connection().execute(text("UPDATE subscription SET state = 'active'"))
        assert not lifecycle.move(ctx, row, S.LAPSED, reason="test")
    assert told(shop, placed.subscription_id) == []


@pytest.mark.parametrize("attack", ["UPDATE subscription_edge SET reason = 'x'", "DELETE FROM subscription_edge"])
def test_what_was_written_stays(shop: Shop, attack: str) -> None:
    placed = shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    with pytest.raises(IntegrityError), shop.store.transaction() as session:
        session.connection().execute(text(attack))


def test_what_was_before_there_were_moves_gets_its_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with monkeypatch.context() as patch:
        whole = migrations.command.upgrade
        patch.setattr(migrations.command, "upgrade", lambda config, _: whole(config, "0017"))
        migrations.upgrade(made)
    rows = {
        "sub_a": ("active", None, None, None),
        "sub_b": ("pending", None, None, None),
        "sub_c": ("expired", NOW + timedelta(days=3), None, NOW + timedelta(days=3)),
        "sub_d": ("expired", None, NOW + timedelta(days=4), NOW + timedelta(days=4)),
    }
    kept = {"now": NOW.replace(tzinfo=None)}
    with made.engine.execution_options(moorage_write=True).begin() as connection:
        names = "id, slug, name, standing, country, currency, timezone, locale, created_at"
        known = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(organization)").all()}
        taken = [one for one in names.split(", ") if one in known]
        values = dict.fromkeys(taken, "x") | {"created_at": kept["now"]}
        connection.execute(
            text(f"INSERT INTO organization ({', '.join(taken)}) VALUES ({', '.join(':' + one for one in taken)})"), values
        )
        for number, (id, (state, trial, ended, until)) in enumerate(rows.items()):
            at = {"id": id, "state": state, "trial": _plain(trial), "ended": _plain(ended), "now": kept["now"]}
            connection.execute(
                text(
                    "INSERT INTO subscription (id, organization_id, state, currency, trial_until, created_at, ended_at) "
                    "VALUES (:id, 'x', :state, 'IDR', :trial, :now, :ended)"
                ),
                at,
            )
            connection.execute(
                text(
                    "INSERT INTO subscription_item (id, subscription_id, kind, component, price_minor, since, until) "
                    "VALUES (:item, :id, 'plan', '', 0, :now, :until)"
                ),
                at | {"item": f"itm_{number}", "until": _plain(until)},
            )
    migrations.upgrade(made)
    with made.reading() as session:
        found = {id: [(one.after, one.ended, one.at) for one in store_.edges(session, id)] for id in rows}
    made.close()
    assert found == {
        "sub_a": [(S.ACTIVE, None, NOW)],
        "sub_b": [],
        "sub_c": [(S.EXPIRED, Ended.TRIAL, NOW + timedelta(days=3))],
        "sub_d": [(S.EXPIRED, None, NOW + timedelta(days=4))],
    }


def _plain(at: object) -> object:
    return None if at is None else at.replace(tzinfo=None)  # type: ignore[attr-defined]
