"""The checklist of a new live installation: each step is open until it is done, in the words of whoever knows why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.context import Context
from app.services import first_steps, offers
from collectors.latest import Latest
from collectors.sources.port import Finding, Severity, SourceHealth
from models.domain.access import StaffRole
from models.domain.errors import NotPermitted, Unavailable
from models.store.session import Store
from provisioner.catalogue.loading import load
from tests.services import running
from tests.services.running import NOW, Cluster, a_snapshot
from tests.stories import NoWarehouse, a_staff_member

DENIED = Finding("denied_pods", Severity.ERROR, "The account may not list pods. Apply deploy/collector-rbac.yaml")


class Unreached:
    """A cluster that never answered, and a Prometheus that does not either."""

    def snapshot(self) -> Any:
        raise Unavailable("The Kubernetes API does not answer.")

    def current(self, entity: str) -> Any:
        return Latest().current(entity)

    def sources(self) -> tuple[SourceHealth, ...]:
        return (SourceHealth("prometheus", None, None, problem="Prometheus refuses the connection."),)


@pytest.fixture
def ctx(store: Store) -> Iterator[Context]:
    with store.transaction() as session:
        yield running.a_running_context(session, a_staff_member(session), NoWarehouse())


def _open(ctx: Context) -> dict[str, str]:
    return {one.code: one.reason for one in first_steps.find(ctx) if not one.done}


def test_at_first_everything_is_open_and_says_why(ctx: Context) -> None:
    fresh = replace(ctx, cluster=Unreached())
    assert _open(fresh) == {
        "cluster": "The Kubernetes API does not answer.",
        "rights": "",
        "metrics": "Prometheus refuses the connection.",
        "owners": "",
        "offers": "",
    }


def test_steps_are_done_one_by_one(ctx: Context) -> None:
    assert _open(replace(ctx, cluster=Cluster(a_snapshot(), Latest()))) == {"metrics": "", "owners": "", "offers": ""}
    assert list(_open(ctx)) == ["owners", "offers"]
    running.people(ctx.session)
    assert list(_open(ctx)) == ["offers"]
    offers.publish(ctx, templates=load().values())
    assert _open(ctx) == {}


def test_rights_that_are_missing_are_named(ctx: Context) -> None:
    told = (SourceHealth("kubernetes", NOW, NOW, findings=(DENIED,)),)
    assert _open(replace(ctx, cluster=Cluster(a_snapshot(), running.latest(), told)))["rights"] == DENIED.message


def test_a_cluster_that_fell_silent_is_not_reached(ctx: Context) -> None:
    silent = a_snapshot(stale_since=NOW, trouble="The Kubernetes API timed out.")
    assert _open(replace(ctx, cluster=Cluster(silent, running.latest())))["cluster"] == "The Kubernetes API timed out."


def test_only_who_may_see_the_cluster_sees_them(ctx: Context) -> None:
    for actor in (a_staff_member(ctx.session, StaffRole.BILLING, "Bea"), running.a_customer(ctx.session, "X").actor):
        with pytest.raises(NotPermitted):
            first_steps.find(replace(ctx, actor=actor))
