"""A signed-in person's own account: profile and password. Sessions: `signins`; second factor: `second_factor`; tokens: `tokens`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from app.auth.passwords import Proof
from app.auth.policy import Policy
from app.context import Context
from app.gateways import mail_texts
from app.services import audit, outbox, signins
from models.domain.errors import Invalid
from models.domain.organizations import check_name
from models.store import links, sessions
from models.store.limits import Rule
from models.store.links import LinkKind
from models.store.members import User

CHECKS = Rule(10, signins.QUARTER)
"""So often the present password may be tried from inside a session."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person sees and sets about themselves."""

    user_id: str
    email: str
    name: str
    locale: str
    timezone: str
    second_factor: bool
    created_at: datetime


def profile(ctx: Context) -> Profile:
    return _view(signins.person(ctx))


def update(ctx: Context, *, name: str, locale: str, timezone: str) -> Profile:
    """Name, language (`en`, `id`) and time zone (such as `Asia/Jakarta`)."""
    user = signins.person(ctx)
    if locale not in mail_texts.TEXTS:
        raise Invalid(f"The language “{locale}” is not spoken here. Choose one of: {', '.join(mail_texts.TEXTS)}.", field="locale")
    if timezone not in available_timezones():
        raise Invalid(f"“{timezone}” is no time zone. Write it like Asia/Jakarta.", field="timezone")
    before = _facts(user)
    user.name, user.locale, user.timezone = check_name(name), locale, timezone
    ctx.session.add(user)
    ctx.session.flush()
    if _facts(user) != before:
        audit.record(ctx, action="account.update", subject=user.id, before=before, after=_facts(user))
    return _view(user)


def attempt_password(ctx: Context) -> str | None:
    """Count a try of the present password, in a transaction of its own, and answer the stored hash to check it against."""
    user = signins.person(ctx)
    signins.count(ctx, f"own-password:{user.id}", CHECKS)
    return user.password_hash


def change_password(ctx: Context, *, proof: Proof, chosen: str, policy: Policy, session_id: str) -> tuple[str, ...]:
    """Keep `chosen`, the hash of a checked new password, for whoever proved the present one; every other session ends.

    Answers the ids of the ended sessions, for `app.auth.gate.kick`. `app.auth.credentials.change_password` does it all.
    """
    user = signins.person(ctx)
    if not proof.good or user.password_hash != proof.against:
        raise Invalid("The present password is not right. Type it again.", field="current")
    return keep_password(ctx, user, chosen, policy, but=session_id)


def keep_password(ctx: Context, user: User, chosen: str, policy: Policy, *, but: str | None = None) -> tuple[str, ...]:
    """Another password for `user`, by whoever was allowed to: ends sessions (not `but`), waiting sign-ins and reset links."""
    user.password_hash = chosen
    ctx.session.add(user)
    ended = sessions.revoke(ctx.session, now=ctx.now, user_id=user.id, but=but)
    sessions.drop_challenges(ctx.session, user.id)
    links.void(ctx.session, LinkKind.RESET, ctx.now, email=user.email)
    outbox.enqueue(
        ctx,
        key=f"password_changed:{user.id}:{ctx.now.isoformat()}",
        kind="password_changed",
        to=user.email,
        locale=user.locale,
        name=user.name,
        at=f"{ctx.now:%Y-%m-%d %H:%M} UTC",
        address=policy.address,
    )
    audit.record(ctx, action="account.change_password", subject=user.id, after={"ended_sessions": len(ended)})
    return ended


def _facts(user: User) -> dict[str, object]:
    return {"name": user.name, "locale": user.locale, "timezone": user.timezone}


def _view(user: User) -> Profile:
    return Profile(user.id, user.email, user.name, user.locale, user.timezone, user.totp_confirmed_at is not None, user.created_at)
