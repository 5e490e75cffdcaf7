"""Whether the cluster can carry one more order: the cluster as it is, what is sold already, and the rule of sale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from app.context import Context
from app.services import outbox, settings
from models.domain import capacity, placement
from models.domain import reservations as rules
from models.domain.cluster import Resources, Snapshot
from models.domain.errors import Conflict, Unavailable
from models.domain.reservations import Admission
from models.store import instances
from models.store import reservations as store

GIB = 1 << 30
TOO_OLD = timedelta(minutes=10)
"""What was known of the cluster so long ago is nothing to sell by."""


class NoRoom(Conflict):
    """The cluster cannot carry the order now. `smaller` names a plan that would fit, when there is one; `wanted` what was asked for."""

    code = "no_room"

    def __init__(self, message: str, *, smaller: str = "", wanted: str = "") -> None:
        super().__init__(message)
        self.smaller = smaller
        self.wanted = wanted


def tell(ctx: Context, refused: NoRoom) -> None:
    """Staff hear once a day of each thing that somebody wanted and the cluster could not carry."""
    if refused.wanted:
        outbox.alert_staff(
            ctx,
            key=f"no-room:{refused.wanted}:{ctx.now:%Y-%m-%d}",
            title=f"No room for {refused.wanted}",
            body=f"Somebody wanted it and was refused. {refused}",
            link=f"{ctx.address}/capacity",
        )


def admission(ctx: Context, pods: Sequence[Resources], *, instead_of: str = "", but: str = "") -> Admission:
    """Whether pods of these sizes fit beside all that runs and all that is sold. For other services, which check rights.

    `instead_of`: the namespace whose pods make room for them; `but`: the instance whose reservation does.
    """
    snapshot = ctx.cluster.snapshot()
    if snapshot.stale_since is not None and ctx.now - snapshot.stale_since > TOO_OLD:
        raise Unavailable("The cluster has been silent for a while, so nobody knows what room there is. Try again in some minutes.")
    if instead_of:
        snapshot = replace(snapshot, pods={uid: pod for uid, pod in snapshot.pods.items() if pod.namespace != instead_of})
    space = placement.room(snapshot)
    levels = capacity.levels(space, float(settings.get(ctx, "sale_limit")))
    return rules.admit(space, held(ctx, snapshot, but=but), pods, levels, ctx.now)


def held(ctx: Context, snapshot: Snapshot, *, but: str = "") -> list[Sequence[Resources]]:
    """By reservation the pods that are sold and do not exist yet, without the one of the instance `but`."""
    there: dict[str, list[Resources]] = {}
    for pod in snapshot.pods.values():
        if pod.active:
            there.setdefault(pod.namespace, []).append(pod.request)
    found: list[Sequence[Resources]] = []
    for one in store.open_(ctx.session, snapshot.cluster):
        if one.instance_id == but:
            continue
        instance = instances.by_id(ctx.session, one.instance_id)
        found.append(missing(one.pods, there.get(instance.namespace, ()) if instance else ()))
    return found


def missing(sold: Sequence[Resources], there: Iterable[Resources]) -> list[Resources]:
    """What of `sold` has no pod yet: each pod that exists stands for one of its size."""
    left = list(sold)
    for pod in there:
        same = next((one for one in left if one.memory == pod.memory and abs(one.cpu - pod.cpu) < 1e-6), None)
        if same is not None:
            left.remove(same)
    return left


def sentence(answer: Admission, plan: str) -> str:
    """Why the plan cannot be sold now, and how much is missing."""
    match answer.binding:
        case "memory":
            lack = f"{answer.lacking / GIB:.2g} GiB of memory are missing"
        case "cpu":
            lack = f"{answer.lacking:.2g} CPU cores are missing"
        case "pods":
            lack = f"{answer.lacking:.0f} places for containers are missing"
        case _:
            lack = f"no machine has {answer.lacking / GIB:.2g} GiB free in one piece"
    return f"There is no room for the plan {plan} at the moment: {lack}."
