"""What has to stand before a new installation is of use, in the order in which one depends on the other."""

from __future__ import annotations

from dataclasses import dataclass

from app.context import Context
from app.services import mapping, offers
from models.domain.access import Permission
from models.domain.errors import PlatformError

DENIED = "denied_"
"""How the codes of findings about missing rights begin."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """`code`: cluster, rights, metrics, owners, offers. `reason`: why it is not done, where somebody said so."""

    code: str
    done: bool
    reason: str = ""


def find(ctx: Context) -> tuple[FirstStep, ...]:
    """The steps of a live installation; all of them, whether done or not."""
    ctx.require(Permission.SEE_CLUSTER)
    cluster = _cluster(ctx)
    denied = "; ".join(one.message for told in ctx.cluster.sources() for one in told.findings if one.code.startswith(DENIED))
    owned = cluster.done and any(one.organization_id for one in mapping.owners(ctx).values())
    sold = any(one.on_sale for one in offers.list_(ctx))
    return (
        cluster,
        FirstStep("rights", cluster.done and not denied, denied),
        _metrics(ctx),
        FirstStep("owners", owned),
        FirstStep("offers", sold),
    )


def _cluster(ctx: Context) -> FirstStep:
    try:
        known = ctx.cluster.snapshot()
    except PlatformError as error:
        return FirstStep("cluster", False, str(error))
    return FirstStep("cluster", known.stale_since is None, known.trouble or "")


def _metrics(ctx: Context) -> FirstStep:
    """Whether samples of pods arrive; what the source says when they do not."""
    try:
        there = ctx.cluster.current("pod").height > 0
    except PlatformError as error:
        return FirstStep("metrics", False, str(error))
    return FirstStep("metrics", there, "" if there else next((one.problem for one in ctx.cluster.sources() if one.problem), ""))
