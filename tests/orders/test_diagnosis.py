"""What is wrong with an ordered app, what a button does about it, and who may know and do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.services import changesets, decisions, diagnosis, operations
from app.services.diagnosis import Diagnosed
from app.services.orders import OrderView
from models.domain.access import Actor, MemberRole
from models.domain.cluster import Pod, Resources
from models.domain.diagnosis import Cause, Remedy
from models.domain.errors import NotFound, NotPermitted
from models.store import audit, mail
from provisioner.cluster import Rejected, Rejection
from tests.orders.conftest import Shop
from tests.orders.test_logs import Written
from tests.stories import a_member, a_stranger

MIB = 1 << 20
Change = Callable[[Pod], Pod]


@pytest.fixture
def app(shop: Shop) -> OrderView:
    """A paid app of a customer's own image that stands."""
    return paid(shop, "container", "starter")


def paid(shop: Shop, template: str, plan: str, **facts: Any) -> OrderView:
    placed = shop.order(template, plan, **facts)
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    shop.work(passes=30)
    return placed


def befall(shop: Shop, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Something happens to every pod of the shop."""
    whole = type(shop.seen).snapshot

    def seen() -> Any:
        now = whole(shop.seen)
        return replace(now, pods={uid: change(pod) for uid, pod in now.pods.items()})

    monkeypatch.setattr(shop.seen, "snapshot", seen)


def crashing(shop: Shop, reason: str, code: int, restarts: int = 4) -> Change:
    def change(pod: Pod) -> Pod:
        main = replace(
            pod.containers[0], ready=False, restarts=restarts, state="waiting", reason="CrashLoopBackOff", last_reason=reason,
            last_exit_code=code, last_finished_at=shop.clock.now() - timedelta(minutes=1),
            limit=Resources(pod.limit.cpu, 256 * MIB),
        )  # fmt: skip
        return replace(pod, containers=(main,), ready=False, ready_since=None)

    return change


def only(shop: Shop, app: OrderView, actor: Actor | None = None, **more: Any) -> Diagnosed:
    with shop.acting(actor) as ctx:
        (found,) = diagnosis.of_app(ctx, instance_id=app.instance_id, **more).findings
    return found


def test_nothing_is_wrong_with_an_app_that_runs(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        assert diagnosis.of_app(ctx, instance_id=app.instance_id).findings == ()


def test_out_of_memory_is_mended_by_the_next_plan_at_its_price(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    found = only(shop, app)
    assert found.sentence.startswith("web ran out of its 256 MiB of memory, 4 restarts since ")
    assert (found.fix.remedy, found.fix.plan, found.fix.refused) == (Remedy.PLAN, "standard", "")
    assert found.fix.advice == "The plan standard gives it 1 GiB."
    assert (found.fix.difference_minor, found.fix.currency) == (70_000, "IDR")
    with shop.acting() as ctx:
        operations.change_plan(ctx, instance_id=app.instance_id, plan=found.fix.plan)
    shop.work(passes=20)
    with shop.acting() as ctx:
        limits = shop.cluster.read("Deployment", changesets.list_(ctx, instance_id=app.instance_id)[0].namespace, "web")
    assert limits is not None
    assert limits["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "1Gi"


def test_what_a_plan_gives_is_that_of_the_component(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    site = paid(shop, "wordpress", "starter")
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    with shop.acting() as ctx:
        found = diagnosis.of_app(ctx, instance_id=site.instance_id).findings
    assert {one.part for one in found} >= {"web", "database"}
    gives = {one.part: one.fix.values["memory_bytes"] for one in found if one.part != "install"}
    assert gives == {"web": 1 << 30, "database": 1 << 30}, "of the 2 GiB of the plan Standard"


def test_a_trial_is_told_what_a_plan_would_give_and_that_it_cannot_be_taken_here(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = shop.order("container")
    shop.work(passes=30)
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    fix = only(shop, placed).fix
    assert (fix.remedy, fix.refused) == (Remedy.PLAN, "trial")


def test_a_crash_after_other_settings_leads_back_to_those_that_worked(
    shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch
) -> None:
    befall(shop, monkeypatch, crashing(shop, "Error", 1))
    assert only(shop, app).fix.remedy is Remedy.SETTINGS, "nothing was changed, so there is nothing to go back to"
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"environment": {"BROKEN": "1"}})
    shop.clock.advance(timedelta(minutes=3))
    fix = only(shop, app).fix
    assert (fix.remedy, fix.generation) == (Remedy.ROLL_BACK, 1)
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=app.instance_id, generation=fix.generation)
    shop.work(passes=20)
    assert only(shop, app).fix.remedy is Remedy.SETTINGS


def test_a_wrong_image_of_their_own_leads_to_the_settings_and_one_of_ours_to_us(
    shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(pod: Pod) -> Pod:
        main = replace(pod.containers[0], ready=False, state="waiting", reason="ImagePullBackOff")
        return replace(pod, containers=(main,), ready=False)

    befall(shop, monkeypatch, change)
    found = only(shop, app)
    assert (found.cause, found.fix.remedy, found.fix.code) == (Cause.IMAGE, Remedy.SETTINGS, "settings_image")
    site = paid(shop, "wordpress", "starter")
    with shop.acting() as ctx:
        ours = diagnosis.of_app(ctx, instance_id=site.instance_id).findings
    assert {one.fix.remedy for one in ours} == {Remedy.STAFF}


def test_what_the_cluster_refuses_is_tried_again(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shop.cluster.apply

    def apply(body: Any, *rest: Any, **more: Any) -> Any:
        if body["kind"] == "Deployment":
            raise Rejected(Rejection.ADMISSION, "the policy denies it")
        return whole(body, *rest, **more)

    monkeypatch.setattr(shop.cluster, "apply", apply)
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    shop.work(passes=3)
    found = only(shop, app)
    assert (found.cause, found.evidence, found.fix.remedy) == (Cause.REFUSED, ("the policy denies it",), Remedy.RETRY)
    monkeypatch.setattr(shop.cluster, "apply", whole)
    with shop.acting() as ctx:
        changesets.retry(ctx, change_set_id=found.fix.change_set_id)
    shop.work(passes=20)
    with shop.acting() as ctx:
        assert diagnosis.of_app(ctx, instance_id=app.instance_id).findings == ()


def test_a_stopped_app_is_started_again(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work(passes=20)
    found = only(shop, app)
    assert (found.cause, found.fix.remedy) == (Cause.STOPPED, Remedy.START)


def test_lost_data_is_never_tried_again_by_a_customer(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        namespace = changesets.list_(ctx, instance_id=app.instance_id)[0].namespace
        shop.cluster.delete("Namespace", None, namespace)
    shop.clock.advance(timedelta(minutes=2))
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    shop.work(passes=10)
    found = only(shop, app)
    assert (found.cause, found.fix.remedy) == (Cause.DATA_LOST, Remedy.STAFF)


def test_who_may_know_and_do_what(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    befall(shop, monkeypatch, crashing(shop, "Error", 3))
    with shop.store.transaction() as session:
        viewer, stranger = a_member(session, shop.customer, MemberRole.VIEWER), a_stranger(session)
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    logs = Written(["listening", "panic: no database"])
    more = {"logs": logs, "seal": shop.container.seal}
    with shop.acting(stranger) as ctx, pytest.raises(NotFound):
        diagnosis.of_app(ctx, instance_id=app.instance_id)
    with shop.acting(stranger) as ctx, pytest.raises(NotFound):
        diagnosis.tell(ctx, instance_id=app.instance_id, cause="crashing")
    with shop.acting(viewer) as ctx, pytest.raises(NotPermitted):
        diagnosis.tell(ctx, instance_id=app.instance_id, cause="crashing")
    seen = only(shop, app, viewer, **more)
    assert (seen.log, seen.fix.refused, seen.mend) == ((), "rights", "")
    seen = only(shop, app, developer, **more)
    assert (seen.log[-1], seen.fix.refused, seen.mend) == ("panic: no database", "", "")
    assert only(shop, app, shop.staff, **more).mend


def test_a_developer_reads_that_an_owner_has_to_pay_for_more(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    with shop.store.transaction() as session:
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    assert only(shop, app, developer).fix.refused == "pay"


def test_those_who_run_the_platform_are_told_once_a_day(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop.acting() as ctx, pytest.raises(NotFound, match="not wrong with it any more"):
        diagnosis.tell(ctx, instance_id=app.instance_id, cause="crashing")
    befall(shop, monkeypatch, crashing(shop, "Error", 1))
    told = []
    for pause in (timedelta(), timedelta(minutes=1), timedelta(days=1)):
        shop.clock.advance(pause)
        with shop.acting() as ctx:
            told.append(diagnosis.tell(ctx, instance_id=app.instance_id, cause="crashing"))
    assert told == [True, False, True]
    with shop.acting(shop.staff) as ctx:
        mails = [one for one in mail.newest(ctx.session, limit=20) if "needs you" in one.subject]
        looks = [row for row in audit.search(ctx.session, limit=None) if row.action == "instances.ask_for_help"]
    assert len(mails) == 2
    assert len(looks) == 2
