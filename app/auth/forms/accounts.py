"""Forms that links lead to, and those that ask for a link: sign-up, reset, invitation, first administrator."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from app.auth import gate, passwords
from app.auth.forms import markup
from app.auth.forms.exchange import EDGE, Exchange
from app.auth.forms.markup import Field, Html
from app.auth.forms.words import ZONES
from app.auth.policy import VISITOR
from app.gateways import mail_texts
from app.services import first_admin, invitations, resets, signins, signups
from models.domain.errors import Invalid, NotFound, PlatformError
from models.domain.organizations import check_email, check_name
from models.store.limits import Rule

LINKS_FROM_ONE_ADDRESS = Rule(60, signins.QUARTER)
"""So often links may be used from one address: each one that is good costs the work of a password hash."""


def signup_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    say, typed = exchange.say, exchange.fields
    return exchange.page(
        "signup.title",
        exchange.form(
            "/signup",
            "signup.button",
            Field("name", say("name"), autocomplete="name", value=typed.get("name", "")[:80], longest=80),
            Field(
                "organization",
                say("signup.organization"),
                autocomplete="organization",
                value=typed.get("organization", "")[:80],
                longest=80,
            ),
            Field("email", say("email"), "email", "email", hint=say("signup.hint"), value=typed.get("email", "")[:254]),
            error=error,
        ),
        _back(exchange),
        error=error,
    )


def signup_done(exchange: Exchange) -> Response:
    typed = exchange.fields
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        signups.request(
            ctx,
            email=typed.get("email", ""),
            name=typed.get("name", ""),
            organization=typed.get("organization", ""),
            locale=exchange.say.language,
            origin=exchange.origin,
        )
    return _sent(exchange, "sent.signup")


def verify_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    try:
        with exchange.parts.reading(VISITOR, EDGE) as ctx:
            asked = signups.asked(ctx, token=_token(exchange))
    except NotFound as gone:
        return _gone(exchange, gone, "/signup", "login.signup")
    return exchange.page(
        "verify.title",
        markup.paragraph(exchange.say("verify.text", email=asked.email)),
        exchange.form("/verify", "verify.button", *_new_password(exchange), error=error, hidden={"token": _token(exchange)}),
        error=error,
    )


def verify_done(exchange: Exchange) -> Response:
    _count(exchange)
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        asked = signups.asked(ctx, token=_token(exchange))
    fresh = _chosen(exchange, asked.person, asked.email)
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        outcome = signups.open_account(
            ctx,
            token=_token(exchange),
            password_hash=fresh,
            timezone=ZONES[mail_texts.language(asked.locale)],
            policy=exchange.policy,
            origin=exchange.origin,
            replaces=exchange.session_hash,
        )
    return exchange.enter(outcome)


def reset_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    """Without a token it asks for the address, with one for the new password."""
    say, token = exchange.say, _token(exchange)
    if not token:
        email = Field("email", say("email"), "email", "username", value=exchange.fields.get("email", "")[:254])
        return exchange.page(
            "reset.title",
            markup.paragraph(say("reset.ask")),
            exchange.form("/reset", "reset.ask_button", email, error=error),
            _back(exchange),
            error=error,
        )
    try:
        with exchange.parts.reading(VISITOR, EDGE) as ctx:
            user = resets.asked(ctx, token=token)
    except NotFound as gone:
        return _gone(exchange, gone, "/reset", "reset.title")
    return exchange.page(
        "reset.title",
        markup.paragraph(say("verify.text", email=user.email)),
        markup.paragraph(say("reset.everywhere"), "hint"),
        exchange.form("/reset", "reset.button", *_new_password(exchange), error=error, hidden={"token": token}),
        error=error,
    )


def reset_done(exchange: Exchange) -> Response:
    token = _token(exchange)
    if not token:
        with exchange.parts.transaction(VISITOR, EDGE) as ctx:
            resets.request(ctx, email=exchange.fields.get("email", ""), origin=exchange.origin)
        return _sent(exchange, "sent.reset")
    _count(exchange)
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        user = resets.asked(ctx, token=token)
    fresh = _chosen(exchange, user.name, user.email)
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        ended = resets.choose(ctx, token=token, password_hash=fresh, policy=exchange.policy)
    gate.kick(ended)
    answer = exchange.redirect("/login", done="reset")
    exchange.forget_session(answer)
    return answer


def invite_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    say, token = exchange.say, _token(exchange)
    try:
        with exchange.parts.reading(VISITOR, EDGE) as ctx:
            asked = invitations.asked(ctx, token=token)
    except NotFound as gone:
        return _gone(exchange, gone, "/login", "back")
    role = mail_texts.word(say.language, asked.role)
    told = markup.paragraph(say("invite.text", inviter=asked.invited_by, email=asked.email, role=role))
    place = asked.organization or say("invite.staff")
    if asked.user is not None:
        accept = exchange.form("/invite", "invite.accept", error=error, hidden={"token": token})
        return exchange.page("invite.title", told, markup.paragraph(say("invite.known")), accept, error=error, organization=place)
    name = Field("name", say("name"), autocomplete="name", value=exchange.fields.get("name", "")[:80], longest=80)
    fields = (name, *_new_password(exchange))
    return exchange.page(
        "invite.title",
        told,
        exchange.form("/invite", "invite.button", *fields, error=error, hidden={"token": token}),
        error=error,
        organization=place,
    )


def invite_done(exchange: Exchange) -> Response:
    token = _token(exchange)
    _count(exchange)
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        asked = invitations.asked(ctx, token=token)
    if asked.user is not None:
        with exchange.parts.transaction(VISITOR, EDGE) as ctx:
            user = invitations.accept(ctx, token=token)
        signed = exchange.signed()
        here = signed is not None and signed.user_id == user.id
        return exchange.redirect("/") if here else exchange.redirect("/login", done="joined")
    name = check_name(exchange.fields.get("name", ""))
    fresh = _chosen(exchange, name, asked.email)
    language = exchange.say.language
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        outcome = invitations.join(
            ctx,
            token=token,
            name=name,
            password_hash=fresh,
            locale=language,
            timezone=ZONES[language],
            policy=exchange.policy,
            origin=exchange.origin,
            replaces=exchange.session_hash,
        )
    return exchange.enter(outcome)


def setup_shown(exchange: Exchange, error: PlatformError | None) -> Response:
    say, typed = exchange.say, exchange.fields
    try:
        with exchange.parts.reading(VISITOR, EDGE) as ctx:
            first_admin.asked(ctx, token=_token(exchange))
    except NotFound as gone:
        return _gone(exchange, gone, "/login", "back")
    name = Field("name", say("name"), autocomplete="name", value=typed.get("name", "")[:80], longest=80)
    email = Field("email", say("email"), "email", "username", value=typed.get("email", "")[:254])
    fields = (name, email, *_new_password(exchange))
    return exchange.page(
        "setup.title",
        markup.paragraph(say("setup.text")),
        exchange.form("/setup", "setup.button", *fields, error=error, hidden={"token": _token(exchange)}),
        error=error,
    )


def setup_done(exchange: Exchange) -> Response:
    _count(exchange)
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        first_admin.asked(ctx, token=_token(exchange))
    name, email = check_name(exchange.fields.get("name", "")), check_email(exchange.fields.get("email", ""))
    fresh, language = _chosen(exchange, name, email), exchange.say.language
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        outcome = first_admin.become(
            ctx,
            token=_token(exchange),
            email=email,
            name=name,
            password_hash=fresh,
            locale=language,
            timezone=ZONES[language],
            policy=exchange.policy,
            origin=exchange.origin,
            replaces=exchange.session_hash,
        )
    return exchange.enter(outcome)


def _token(exchange: Exchange) -> str:
    return exchange.fields.get("token", "")[:200]


def _count(exchange: Exchange) -> None:
    with exchange.parts.transaction(VISITOR, EDGE) as ctx:
        signins.count(ctx, f"link-address:{exchange.origin.address}", LINKS_FROM_ONE_ADDRESS)


def _new_password(exchange: Exchange) -> tuple[Field, Field]:
    say = exchange.say
    chosen = Field(
        "password",
        say("choose.field"),
        "password",
        "new-password",
        say("choose.hint"),
        shortest=passwords.SHORTEST,
        longest=passwords.LONGEST,
    )
    return chosen, replace(chosen, name="again", label=say("choose.again"), hint="")


def _chosen(exchange: Exchange, *about: str) -> str:
    """The hash of the password that was typed twice, when it may be chosen."""
    password = passwords.check(exchange.fields.get("password", ""), about=about)
    if password != exchange.fields.get("again", ""):
        raise Invalid("The two passwords differ. Type the new one twice.", field="again")
    return passwords.hashed(password)


def _sent(exchange: Exchange, key: str) -> Response:
    say = exchange.say
    email = exchange.fields.get("email", "").strip()[:254]
    outbox = "" if exchange.parts.settings.smtp_url else say("sent.outbox")
    told = markup.paragraph(outbox, "hint") if outbox else Html("")
    return exchange.page("sent.title", markup.paragraph(say(key, email=email)), told, _back(exchange))


def _gone(exchange: Exchange, error: NotFound, path: str, words: str) -> Response:
    say = exchange.say
    again = markup.links(markup.link(exchange.to(path), say(words)))
    return exchange.page("gone.title", markup.paragraph(say("gone.text")), again, error=error)


def _back(exchange: Exchange) -> Html:
    return markup.links(markup.link(exchange.to("/login"), exchange.say("back")))
