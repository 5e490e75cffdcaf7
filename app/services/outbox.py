"""The outbox: mails are written with the change they tell of, and leave afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.gateways import mail_texts
from app.gateways.mail import MailGateway, Message, domain_of
from app.services import audit
from models.domain.access import Permission, StaffRole
from models.domain.clock import Clock
from models.domain.errors import Invalid, NotFound, NotPermitted, PlatformError
from models.store import mail as rows
from models.store import staff
from models.store.mail import Mail, MailStatus
from models.store.session import Store

HOLD = timedelta(minutes=5)
"""How long one attempt may take before the mail is free again."""
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720, 1440))
"""Waiting times after failed attempts; after the last one the mail is given up."""
ALERTED = frozenset({StaffRole.OWNER, StaffRole.OPERATOR})


@dataclass(frozen=True, slots=True)
class MailLine:
    """One mail as lists show it."""

    id: str
    kind: str
    to: str
    subject: str
    status: MailStatus
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    next_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class MailBody:
    """One mail with its words; `text` and `html` are empty and `hidden` says why when they are not to be read."""

    line: MailLine
    text: str
    html: str
    hidden: str = ""
    may_be_revealed: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of delivery did."""

    sent: int = 0
    kept: int = 0
    postponed: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()


def enqueue(
    ctx: Context, *, key: str, kind: str, to: str, locale: str, link: str = "", organization: str | None = None, **values: str
) -> str | None:
    """Write a mail of the kind `kind` (app.gateways.mail_texts) into the outbox; None when the fact `key` was told already.

    Within the caller's transaction: the mail leaves when the change it tells of is kept, and not otherwise.
    """
    if rows.by_key(ctx.session, key) is not None:
        return None
    words = mail_texts.render(kind, locale, link=link, **values)
    row = Mail(
        key=key,
        kind=kind,
        to=to,
        locale=mail_texts.language(locale),
        subject=words.subject,
        text=words.text,
        html=words.html,
        secret=kind in mail_texts.SECRET,
        organization_id=organization,
        next_at=ctx.now,
        created_at=ctx.now,
    )
    return row.id if rows.add(ctx.session, row) else None


def alert_staff(ctx: Context, *, key: str, title: str, body: str, link: str = "") -> int:
    """Mail owners and operators once about the fact `key`; answers how many mails were written."""
    ctx.require(Permission.RUN_JOBS)
    written = 0
    for user, appointed in staff.everyone(ctx.session):
        if appointed.role in ALERTED and user.disabled_at is None:
            at = f"{ctx.now:%Y-%m-%d %H:%M} UTC"
            fact = f"{key}:{user.id}"
            told = enqueue(
                ctx, key=fact, kind="staff_alert", to=user.email, locale=user.locale, link=link, title=title, body=body, at=at
            )
            written += told is not None
    return written


def list_(ctx: Context, *, status: MailStatus | None = None, limit: int = 100, offset: int = 0) -> tuple[MailLine, ...]:
    """Mails, newest first, without their words."""
    ctx.require(Permission.SEE_MAIL)
    if not 1 <= limit <= 500 or offset < 0:
        raise Invalid("Ask for 1 to 500 mails at a time.", field="limit")
    return tuple(_line(row) for row in rows.newest(ctx.session, limit=limit, offset=offset, status=status))


def get(ctx: Context, *, mail_id: str) -> MailBody:
    """One mail with its words, but for bodies with a one-time link: those take `reveal`."""
    ctx.require(Permission.SEE_MAIL)
    row = _row(ctx, mail_id)
    if not row.secret:
        return MailBody(_line(row), row.text, row.html)
    if row.status is not MailStatus.KEPT:
        return MailBody(_line(row), "", "", "It carries a one-time link, which only its receiver may see.")
    return MailBody(_line(row), "", "", "It carries a one-time link. An owner of the platform can reveal it.", may_be_revealed=True)


def reveal(ctx: Context, *, mail_id: str) -> MailBody:
    """A kept mail with its one-time link, for an owner only, because whoever reads it can take the account; the audit says so."""
    ctx.require(Permission.SEE_MAIL)
    ctx.require(Permission.MANAGE_STAFF)
    row = _row(ctx, mail_id)
    if row.secret and row.status is not MailStatus.KEPT:
        raise NotPermitted("This mail carries a one-time link and left by a mail server: only its receiver may see it.")
    audit.record(
        ctx, action="mail.reveal", subject=row.id, organization=row.organization_id, after={"to": row.to, "kind": row.kind}
    )
    return MailBody(_line(row), row.text, row.html)


def retry(ctx: Context, *, mail_id: str) -> None:
    """Try a mail that was given up once more, from now on."""
    ctx.require(Permission.RUN_JOBS)
    row = _row(ctx, mail_id)
    if row.status is not MailStatus.FAILED or not row.text:
        raise Invalid("Only a mail that was given up, and still has its words, can be tried again.")
    row.status, row.next_at, row.attempts = MailStatus.DUE, ctx.now, 0
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(ctx, action="mail.retry", subject=row.id, organization=row.organization_id)


def deliver_due(store: Store, gateway: MailGateway, clock: Clock, *, sender: str, limit: int = 50) -> Delivered:
    """Hand over the mails whose time has come: claim, send outside of any transaction, settle.

    At least once: a process that dies between sending and settling sends again, with the same Message-ID. A mail that fails
    is postponed by itself, so one bad address never stops the others.
    """
    domain = domain_of(sender)
    with store.reading() as session:
        waiting = rows.due(session, clock.now(), limit=limit)
    counts = dict.fromkeys(MailStatus, 0)
    problems: list[str] = []
    for mail_id in waiting:
        with store.transaction() as session:
            mail = rows.claim(session, mail_id, clock.now(), hold=HOLD)
        if mail is None:
            continue
        outcome = _attempt(gateway, mail, f"<{mail.id}@{domain}>", sender, clock.now())
        with store.transaction() as session:
            rows.settle(session, mail, **outcome)
        status = MailStatus(str(outcome["status"]))
        counts[status] += 1
        if outcome.get("last_error"):
            problems.append(f"{mail.id} to {mail.to}: {outcome['last_error']}")
    return Delivered(
        counts[MailStatus.SENT], counts[MailStatus.KEPT], counts[MailStatus.DUE], counts[MailStatus.FAILED], tuple(problems)
    )


def _row(ctx: Context, mail_id: str) -> Mail:
    row = ctx.session.get(Mail, mail_id)
    if row is None:
        raise NotFound("There is no such mail.")
    return row


def _attempt(gateway: MailGateway, mail: Mail, message_id: str, sender: str, now: datetime) -> dict[str, object]:
    message = Message(message_id, sender, mail.to, mail.subject, mail.text, mail.html, mail.created_at)
    try:
        gateway.send(message)
    except PlatformError as error:
        if not error.retryable or mail.attempts > len(PAUSES):
            return {"status": MailStatus.FAILED, "last_error": str(error)[:500], **_wiped(mail)}
        return {"status": MailStatus.DUE, "last_error": str(error)[:500], "next_at": now + PAUSES[mail.attempts - 1]}
    except Exception as error:  # a mail that trips over a bug must not hold up the others: it is given up, and says why
        return {"status": MailStatus.FAILED, "last_error": repr(error)[:500], **_wiped(mail)}
    if gateway.simulated:
        return {"status": MailStatus.KEPT, "last_error": "", "sent_at": now}
    return {"status": MailStatus.SENT, "last_error": "", "sent_at": now, **_wiped(mail)}


def _wiped(mail: Mail) -> dict[str, str]:
    return {"text": "", "html": ""} if mail.secret else {}


def _line(row: Mail) -> MailLine:
    return MailLine(
        id=row.id,
        kind=row.kind,
        to=row.to,
        subject=row.subject,
        status=row.status,
        attempts=row.attempts,
        created_at=row.created_at,
        sent_at=row.sent_at,
        next_at=row.next_at if row.status is MailStatus.DUE else None,
        last_error=row.last_error,
    )
