"""The way in and out: password, second factor, sign-out."""

from __future__ import annotations

from starlette.responses import Response

from app.auth import credentials, gate, totp
from app.auth.forms import markup
from app.auth.forms.exchange import EDGE, Exchange
from app.auth.forms.markup import Field, Html
from app.auth.policy import VISITOR
from app.auth.totp import Enrolment
from app.services import second_factor, signins
from models.domain.errors import Invalid, PlatformError, Unauthenticated
from models.store.sessions import Stage

NOTICES = {"reset": "login.reset_done", "joined": "login.joined", "out": "login.signed_out"}


def login_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    say = exchange.say
    email = Field("email", say("email"), "email", "username", value=exchange.fields.get("email", "")[:254])
    password = Field("password", say("password"), "password", "current-password", longest=256)
    told = NOTICES.get(exchange.fields.get("done", "")) if error is None else None
    return exchange.page(
        "login.title",
        markup.notice(say(told) if told else ""),
        exchange.form("/login", "login.button", email, password, error=error),
        markup.links(
            markup.link(exchange.to("/reset"), say("login.forgotten")),
            markup.link(exchange.to("/signup"), say("login.signup")),
            markup.link(exchange.to("/catalogue"), say("login.catalogue")),
        ),
        error=error,
    )


def login_done(exchange: Exchange) -> Response:
    outcome = credentials.sign_in(
        exchange.parts,
        email=exchange.fields.get("email", ""),
        password=exchange.fields.get("password", ""),
        origin=exchange.origin,
        replaces=exchange.session_hash,
    )
    return exchange.enter(outcome)


def logout_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    return exchange.page(
        "logout.title",
        markup.paragraph(exchange.say("logout.text")),
        exchange.form("/logout", "logout.button", error=error),
        error=error,
    )


def logout_done(exchange: Exchange) -> Response:
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        ended = signins.sign_out(ctx, token_hash=exchange.session_hash)
    gate.kick(ended)
    answer = exchange.redirect("/login", done="out")
    exchange.forget_session(answer)
    return answer


def totp_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    """For a sign-in that waits: the code, or the set-up. For somebody who is signed in: the set-up."""
    stage = _stage(exchange)
    if stage is Stage.CODE:
        return _code(exchange, error)
    if stage is Stage.ENROL:
        return _enrolment(exchange, _offer(exchange), error, mandatory=True)
    if error is not None:
        return exchange.page("failed.title", markup.alert(exchange.say.error(error)), _back(exchange), error=error)
    signed = exchange.signed()
    if signed is None or not signed.recent:
        return exchange.redirect("/login", next="/totp")
    if signed.second_factor:
        return exchange.redirect("/")
    with exchange.parts.reading(signed.actor, EDGE) as ctx:
        offer = second_factor.start(ctx, seal=exchange.parts.seal)
    return _enrolment(exchange, offer, error, mandatory=False)


def totp_done(exchange: Exchange) -> Response:
    stage, parts, fields = _stage(exchange), exchange.parts, exchange.fields
    if stage is None:
        return _own_enrolment(exchange)
    code, cookie = fields.get("code", ""), exchange.challenge or ""
    with parts.transaction(VISITOR, EDGE) as ctx:
        found = signins.waiting(ctx, cookie=cookie)
        if found is None:
            raise Unauthenticated("This sign-in took too long. Begin again with e-mail address and password.")
        signins.attempt_code(ctx, user_id=found[0].id)
    if stage is Stage.ENROL:
        with parts.transaction(VISITOR, EDGE) as ctx:
            outcome, codes = signins.enrol(
                ctx,
                cookie=cookie,
                sealed=fields.get("offer", ""),
                code=code,
                policy=exchange.policy,
                seal=parts.seal,
                origin=exchange.origin,
                replaces=exchange.session_hash,
            )
        answer = _recovery(exchange, codes)
        exchange.carry(answer, outcome)
        return answer
    with parts.transaction(VISITOR, EDGE) as ctx:
        done = signins.second_step(
            ctx,
            cookie=cookie,
            code=code,
            policy=exchange.policy,
            seal=parts.seal,
            origin=exchange.origin,
            replaces=exchange.session_hash,
        )
    return exchange.enter(done)


def _own_enrolment(exchange: Exchange) -> Response:
    signed = exchange.signed()
    if signed is None or not signed.recent:
        raise Unauthenticated("This sign-in took too long. Begin again with e-mail address and password.")
    code, sealed = exchange.fields.get("code", ""), exchange.fields.get("offer", "")
    with exchange.parts.transaction(signed.actor, EDGE) as ctx:
        signins.attempt_code(ctx, user_id=signed.user_id)
    try:
        with exchange.parts.transaction(signed.actor, EDGE) as ctx:
            codes = second_factor.confirm(ctx, seal=exchange.parts.seal, policy=exchange.policy, sealed=sealed, code=code)
    except Invalid as error:
        with exchange.parts.reading(signed.actor, EDGE) as ctx:
            again = second_factor.start(ctx, seal=exchange.parts.seal, sealed=sealed)
        return _enrolment(exchange, again, error, mandatory=False)
    return _recovery(exchange, codes)


def _stage(exchange: Exchange) -> Stage | None:
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        found = signins.waiting(ctx, cookie=exchange.challenge)
    return found[1] if found else None


def _offer(exchange: Exchange) -> Enrolment:
    """A fresh secret, or after a wrong code the one that was scanned already."""
    parts, sealed = exchange.parts, exchange.fields.get("offer", "")
    with parts.reading(VISITOR, EDGE) as ctx:
        found = signins.waiting(ctx, cookie=exchange.challenge)
        if found is None:
            raise Unauthenticated("This sign-in took too long. Begin again with e-mail address and password.")
        if sealed:
            try:
                return totp.reopen(parts.seal, found[0], sealed, ctx.now)
            except Invalid:
                pass  # too old or not ours: a fresh one is offered
        return totp.offer(parts.seal, found[0], ctx.now)


def _code(exchange: Exchange, error: PlatformError | None) -> Response:
    say = exchange.say
    code = Field("code", say("code.field"), autocomplete="one-time-code", hint=say("code.hint"), longest=40, numeric=True)
    return exchange.page("code.title", exchange.form("/totp", "code.button", code, error=error), _back(exchange), error=error)


def _enrolment(exchange: Exchange, offer: Enrolment, error: PlatformError | None, *, mandatory: bool) -> Response:
    say = exchange.say
    code = Field("code", say("enrol.field"), autocomplete="one-time-code", longest=12, numeric=True)
    key = " ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4))
    return exchange.page(
        "enrol.title",
        markup.paragraph(say("enrol.mandatory")) if mandatory else Html(""),
        markup.paragraph(say("enrol.scan")),
        Html(f'<div class="qr">{offer.qr_svg()}</div>'),
        markup.paragraph(say("enrol.secret"), "hint"),
        markup.paragraph(key, "key"),
        markup.paragraph(say("enrol.confirm")),
        exchange.form("/totp", "enrol.button", code, error=error, hidden={"offer": offer.sealed}),
        error=error,
    )


def _recovery(exchange: Exchange, codes: list[str]) -> Response:
    say = exchange.say
    return exchange.page(
        "recovery.title",
        markup.paragraph(say("recovery.text")),
        markup.codes(codes),
        markup.link(exchange.next, say("recovery.next"), kind="button"),
    )


def _back(exchange: Exchange) -> Html:
    return markup.links(markup.link(exchange.to("/login"), exchange.say("back")))
