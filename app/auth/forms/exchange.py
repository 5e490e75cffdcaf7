"""One request to a form and its answer: fields, language, cookies, and the proof that the form was our own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import container
from app.auth import gate, sessions
from app.auth.forms import markup
from app.auth.forms.markup import Field, Html
from app.auth.forms.words import NAMES, Words, preferred
from app.auth.headers import FORMS_POLICY
from app.auth.policy import Parts, Policy
from app.auth.sessions import UNKNOWN_DEVICE, Signed
from app.services.signins import CHALLENGE_LASTS, Origin, SignedIn, Waiting
from models.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    NotPermitted,
    PlatformError,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
)

MOST_BYTES = 16_384
EDGE = "form"
PURPOSE = "form"
"""What the signature in every form is made for."""
STATUS: Mapping[type[PlatformError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    TooManyAttempts: 429,
    Unavailable: 503,
}
NOT_NEXT = ("/api", "/internal", "/_stcore", "/static", "/login", "/logout", "/metrics")
"""Where nobody wants to arrive after signing in."""
_SYSTEMS = (("Android", "Android"), ("iPhone|iPad", "iOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"))
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))


class Elsewhere(NotPermitted):
    """The form did not come from our own page, or from one that is too old."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request. `fields` are those of the sent form, else of the address."""

    request: Request
    parts: Parts
    say: Words
    fields: Mapping[str, str]
    nonce: str
    """Secret of this browser from before any session; forms carry its signature."""

    @property
    def policy(self) -> Policy:
        return Policy.of(self.parts.settings)

    @property
    def origin(self) -> Origin:
        client = self.request.client
        return Origin(client.host if client else "", device(self.request.headers.get("user-agent", "")))

    @property
    def session_hash(self) -> str | None:
        cookie = self.request.cookies.get(sessions.cookie_name(self.policy.secure))
        return sessions.digest(cookie) if cookie else None

    @property
    def challenge(self) -> str | None:
        return self.request.cookies.get(_cookie("totp", self.policy))

    @property
    def next(self) -> str:
        return safe_next(self.fields.get("next", ""))

    def signed(self) -> Signed | None:
        """Who is signed in already in this browser."""
        return sessions.resolve(self.parts.store, self.session_hash, self.parts.clock.now())

    def to(self, path: str, **query: str) -> str:
        """An address of ours with what is worth keeping: a chosen language, and where to go afterwards."""
        kept = {name: value for name, value in query.items() if value and not (name == "next" and value == "/")}
        if self.fields.get("lang") in NAMES:
            kept["lang"] = self.fields["lang"]
        return f"{path}?{urlencode(kept)}" if kept else path

    def page(self, title: str, *blocks: Html, error: PlatformError | None = None, wide: bool = False, **values: str) -> Response:
        """A card under the status of `error`; `values` are put into the title."""
        status = 200
        if error is not None:
            status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        simulated = "" if self.policy.live else markup.paragraph(self.say("simulated"), "simulated")
        footer = markup.links(*(self._other(code, name) for code, name in NAMES.items() if code != self.say.language))
        text = markup.document(self.say.language, self.say(title, **values), "".join(blocks) + simulated, footer, wide=wide)
        answer = HTMLResponse(text, status, headers={"Content-Language": self.say.language})
        if isinstance(error, TooManyAttempts):
            answer.headers["Retry-After"] = str(error.retry_after_seconds)
        if self.request.cookies.get(_cookie("form", self.policy)) != self.nonce:
            self._set(answer, "form", self.nonce)
        return answer

    def form(
        self, path: str, button: str, *fields: Field, error: PlatformError | None = None, hidden: Mapping[str, str] | None = None
    ) -> Html:
        """A form to `path`, signed for this browser."""
        kept = {name: value for name, value in (hidden or {}).items() if value}
        kept |= {"next": self.next} if self.next != "/" else {}
        kept["proof"] = self.parts.seal.sign(self.nonce, PURPOSE)
        wrong = error.field if isinstance(error, Invalid) else None
        inputs = markup.inputs(*fields, wrong=wrong, error=error is not None) if fields else Html("")
        said = self.say.error(error) if error is not None else ""
        return markup.form(self.to(path), kept, inputs, self.say(button), error=said)

    def redirect(self, path: str, **query: str) -> Response:
        return RedirectResponse(self.to(path, **query), 303)

    def enter(self, outcome: SignedIn | Waiting) -> Response:
        """Go on after a good password: into the portal, or to the second factor."""
        if isinstance(outcome, Waiting):
            answer = self.redirect("/totp", next=self.next)
            self._set(answer, "totp", outcome.cookie, seconds=int(CHALLENGE_LASTS.total_seconds()))
            return answer
        answer = RedirectResponse(self.next, 303)
        self.carry(answer, outcome)
        return answer

    def carry(self, answer: Response, outcome: SignedIn) -> None:
        """Give the browser its session, and close what the session replaces."""
        gate.kick(outcome.ended)
        policy = self.policy
        answer.set_cookie(
            sessions.cookie_name(policy.secure),
            outcome.cookie,
            max_age=int(policy.session.total_seconds()),
            httponly=True,
            secure=policy.secure,
            samesite="lax",
        )
        answer.delete_cookie(_cookie("totp", policy), httponly=True, secure=policy.secure, samesite="lax")

    def forget_session(self, answer: Response) -> None:
        policy = self.policy
        for name in (sessions.cookie_name(policy.secure), _cookie("totp", policy)):
            answer.delete_cookie(name, httponly=True, secure=policy.secure, samesite="lax")

    def check_ours(self) -> None:
        """Raise unless the form was sent from our own page in this browser."""
        headers, policy = self.request.headers, self.policy
        origin = headers.get("origin")
        if origin is not None and not gate.same_origin(origin, headers.get("host", ""), secure=policy.secure):
            raise Elsewhere("This form was sent from another site. Open the page here and send it again.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Elsewhere("This form was sent from another site. Open the page here and send it again.")
        cookie = self.request.cookies.get(_cookie("form", policy), "")
        if not cookie or not self.parts.seal.signed(self.fields.get("proof", ""), cookie, PURPOSE):
            raise Elsewhere("This page was open for too long, or cookies are off. Send the form once more.")

    def _set(self, answer: Response, name: str, value: str, *, seconds: int | None = None) -> None:
        policy = self.policy
        answer.set_cookie(_cookie(name, policy), value, max_age=seconds, httponly=True, secure=policy.secure, samesite="lax")

    def _other(self, code: str, name: str) -> Html:
        kept = {key: value for key, value in self.fields.items() if key in ("next", "token", "currency", "q")}
        query = urlencode({**kept, "lang": code})
        return markup.link(f"{self.request.url.path}?{query}", name, language=code)


Shown = Callable[[Exchange, PlatformError | None], Response]
Done = Callable[[Exchange], Response]


def endpoint(shown: Shown, done: Done | None = None) -> Callable[[Request], Awaitable[Response]]:
    """A route: `shown` renders the form, also again with what went wrong; `done` acts on a form that was proved to be ours."""

    async def answer(request: Request) -> Response:
        sent = request.method == "POST"
        fields = await _sent(request) if sent else dict(request.query_params)
        if fields is None:
            return Response("This is not a form of ours, or it is too large.", 415, headers=_HEADERS)
        if request.query_params.get("lang") in NAMES:
            fields["lang"] = request.query_params["lang"]
        response = await run_in_threadpool(_answer, request, fields, shown, done if sent else None)
        response.headers.update(_HEADERS)
        return response

    return answer


def safe_next(wanted: str) -> str:
    """`wanted` when it is a page of this site; otherwise the first page."""
    if not wanted.startswith("/") or len(wanted) > 2000 or re.search(r"[\x00-\x20\x7f\\]", wanted):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    if wanted.startswith("//") or parts.scheme or parts.netloc:
        return "/"
    if any(parts.path == path or parts.path.startswith(path + "/") for path in NOT_NEXT):
        return "/"
    return wanted


def device(user_agent: str) -> str:
    """A browser in words, such as `Firefox on Linux`; coarse, so that an update is no new place."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, user_agent)), "")
    return f"{browser} on {system}" if browser and system else browser or system or UNKNOWN_DEVICE


_HEADERS = {"Content-Security-Policy": FORMS_POLICY, "Cache-Control": "no-store"}


def _answer(request: Request, fields: dict[str, str], shown: Shown, done: Done | None) -> Response:
    parts = container.current()
    nonce = request.cookies.get(_cookie("form", Policy.of(parts.settings)), "")
    nonce = nonce if re.fullmatch(r"[\w-]{43}", nonce, re.ASCII) else secrets.token_urlsafe(32)
    say = Words(fields.get("lang", "")) if fields.get("lang") in NAMES else preferred(request.headers.get("accept-language", ""))
    exchange = Exchange(request, parts, say, fields, nonce)
    error: PlatformError | None = None
    if done is not None:
        try:
            exchange.check_ours()
            return done(exchange)
        except PlatformError as problem:
            error = problem
    try:
        return shown(exchange, error)
    except PlatformError as problem:
        return exchange.page("failed.title", markup.alert(say.error(problem)), error=problem)


async def _sent(request: Request) -> dict[str, str] | None:
    """The fields of a sent form; None when it is none, or too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        return None


def _cookie(name: str, policy: Policy) -> str:
    return f"__Host-{name}" if policy.secure else name
