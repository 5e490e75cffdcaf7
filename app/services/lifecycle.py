"""The life of subscriptions: the one place that moves them. Each move is a row with its reason, its actor and a key."""

from __future__ import annotations

from app.context import Context
from models.domain.dunning import Ended
from models.domain.subscriptions import ENDED, SubscriptionState, edge
from models.store import lifecycle as store
from models.store import subscriptions
from models.store.lifecycle import SubscriptionEdge
from models.store.subscriptions import Subscription


def move(
    ctx: Context,
    row: Subscription,
    target: SubscriptionState,
    *,
    reason: str,
    ended: Ended | None = None,
    key: str = "",
    kept: bool = False,
    evidence: bool = False,
) -> bool:
    """Bring it to `target` if it still stands where `row` says; False when somebody else moved it. For other services, which check rights.

    IllegalTransition when the table has no such move. From expired it goes on only while its data is `kept`, and is cleaned only with
    the `evidence` that nothing of it is left. `key` is the move's own where there is one: a second one under it is refused.
    """
    made = edge(
        row.state, target, at=ctx.now, reason=reason, actor=ctx.actor.id, key=key or "numbered", backup=kept, evidence=evidence
    )  # fmt: skip
    if not subscriptions.move(ctx.session, row.id, row.state, target):
        return False
    store.add(
        ctx.session,
        SubscriptionEdge(
            subscription_id=row.id, number=0, before=made.before, after=made.after, at=made.at, reason=made.reason,
            actor=made.actor, key=key, ended=ended if target is SubscriptionState.EXPIRED else None,
        ),
    )  # fmt: skip
    ctx.session.refresh(row)
    row.ended_at = (row.ended_at or ctx.now) if target in ENDED else None
    ctx.session.add(row)
    ctx.session.flush()
    return True
