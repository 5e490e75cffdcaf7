"""Signing in at an app as its owner would, once, to prove the credentials that were drawn for it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from app.config import Settings
from models.domain.errors import Misconfigured
from provisioner.catalogue.schema import SignIn

SECONDS = 15.0
AGENT = "moorage-sign-in/1"
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Tried:
    """How it went. `refused`: the app answered, and did not take the credentials."""

    right: bool
    reason: str = ""
    refused: bool = False


class Doorman(Protocol):
    """Tries a sign-in. Never raises for what an app does."""

    def sign_in(self, address: str, request: SignIn) -> Tried:
        """`request` has all references put in; nothing of its fields is in the reason."""


class HttpDoorman:
    """`resolve` ("host:port") is where every name leads, as with the prober; empty: DNS. Certificates are checked."""

    def __init__(self, resolve: str = "") -> None:
        self._tls = ssl.create_default_context()
        parts = urlsplit(resolve if "://" in resolve else f"//{resolve}")
        if resolve and not parts.hostname:
            raise Misconfigured(f"{resolve!r} is no address of an ingress. Write ingress_address as host:port.")
        self._place = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)) if resolve else None

    def sign_in(self, address: str, request: SignIn) -> Tried:
        url = httpx.URL(address).copy_with(path=request.path)
        headers = {"User-Agent": AGENT, "Accept": "application/json, text/html", **request.headers}
        extensions: dict[str, object] = {}
        if self._place is not None:
            headers["Host"], extensions["sni_hostname"] = url.netloc.decode(), url.host
            url = url.copy_with(host=self._place[0], port=self._place[1])
        fields, basic = dict(request.fields), request.kind == "basic"
        try:
            with (
                httpx.Client(verify=self._tls, timeout=SECONDS, trust_env=False) as client,
                client.stream(
                    "GET" if basic else "POST",
                    url,
                    headers=headers,
                    extensions=extensions,
                    auth=httpx.BasicAuth(fields["user"], fields["password"]) if basic else None,
                    data=fields if request.kind == "form" else None,
                    json=fields if request.kind == "json" else None,
                ) as answer,
            ):
                return _judged(request, answer, _beginning(answer))
        except (httpx.HTTPError, OSError) as error:
            return Tried(False, f"the sign-in got no answer ({type(error).__name__})")


def doorman(settings: Settings) -> Doorman | None:
    """Whoever signs in at new apps; None where apps are simulated and have no door."""
    return HttpDoorman(settings.ingress_address) if settings.live else None


def _beginning(answer: httpx.Response) -> str:
    found = b""
    for chunk in answer.iter_bytes():
        found += chunk
        if len(found) > MOST_BYTES:
            break
    return found.decode(errors="replace")


def _judged(request: SignIn, answer: httpx.Response, body: str) -> Tried:
    cookies = [value.split("=", 1)[0].strip() for value in answer.headers.get_list("set-cookie")]
    for one in request.answers:
        held = not one.cookie or any(name.startswith(one.cookie) for name in cookies)
        if answer.status_code == one.status and held and one.says in body:
            return Tried(True)
    if answer.status_code >= 500 or answer.status_code in (404, 429):
        return Tried(False, f"the sign-in is not there yet ({answer.status_code})")
    return Tried(False, f"it did not take the credentials that were drawn for it ({answer.status_code})", refused=True)
