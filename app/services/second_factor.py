"""A signed-in person's own second factor: set up, confirm, switch off, recovery codes."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth import totp
from app.auth.policy import Policy
from app.auth.seal import Seal
from app.auth.totp import Enrolment
from app.context import Context
from app.gateways import mail_texts
from app.services import audit, outbox, signins
from models.domain.errors import Conflict, Invalid, NotPermitted
from models.store import factors, staff
from models.store.members import User

WRONG = "The code does not fit, or was used before. Wait for the next one and type it."


@dataclass(frozen=True, slots=True)
class Status:
    """Whether it is on, whether it must be, and how many recovery codes are left."""

    enabled: bool
    mandatory: bool
    recovery_left: int


def status(ctx: Context, *, policy: Policy) -> Status:
    user = signins.person(ctx)
    return Status(user.totp_confirmed_at is not None, _mandatory(ctx, user, policy), factors.recovery_left(ctx.session, user.id))


def start(ctx: Context, *, seal: Seal, sealed: str = "") -> Enrolment:
    """Offer a secret; with `sealed` the same one again, after a wrong code."""
    user = signins.person(ctx)
    if user.totp_confirmed_at is not None:
        raise Conflict("Two-step sign-in is on already. Switch it off first to set up another device.")
    return totp.reopen(seal, user, sealed, ctx.now) if sealed else totp.offer(seal, user, ctx.now)


def confirm(ctx: Context, *, seal: Seal, policy: Policy, sealed: str, code: str) -> list[str]:
    """Switch it on, with a code that proves that the secret arrived; answers the recovery codes, shown this one time."""
    user = signins.person(ctx)
    codes = totp.confirm(ctx.session, seal, user, start(ctx, seal=seal, sealed=sealed), code, ctx.now)
    _note(ctx, user, "enabled", policy)
    return codes


def disable(ctx: Context, *, seal: Seal, policy: Policy, code: str) -> None:
    """Switch it off, with a code; not for staff on live data."""
    user = signins.person(ctx)
    if _mandatory(ctx, user, policy):
        raise NotPermitted("Staff must keep two-step sign-in on live data.")
    if not totp.verify(ctx.session, seal, user, code, ctx.now):
        raise Invalid(WRONG, field="code")
    totp.disable(ctx.session, user)
    _note(ctx, user, "disabled", policy)


def new_recovery_codes(ctx: Context, *, seal: Seal, code: str) -> list[str]:
    """Fresh recovery codes instead of the older ones, with a code; shown this one time."""
    user = signins.person(ctx)
    if not totp.verify(ctx.session, seal, user, code, ctx.now):
        raise Invalid(WRONG, field="code")
    audit.record(ctx, action="second_factor.recovery_codes", subject=user.id)
    return totp.fresh_recovery_codes(ctx.session, user, ctx.now)


def _mandatory(ctx: Context, user: User, policy: Policy) -> bool:
    return policy.live and staff.by_user(ctx.session, user.id) is not None


def _note(ctx: Context, user: User, change: str, policy: Policy) -> None:
    audit.record(ctx, action="second_factor.enable" if change == "enabled" else "second_factor.disable", subject=user.id)
    outbox.enqueue(
        ctx,
        key=f"second_factor:{user.id}:{change}:{ctx.now.isoformat()}",
        kind="second_factor",
        to=user.email,
        locale=user.locale,
        name=user.name,
        change=mail_texts.word(user.locale, change),
        at=f"{ctx.now:%Y-%m-%d %H:%M} UTC",
        address=policy.address,
    )
