"""Addresses of the plain HTML forms, for the server."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from app.auth.forms import accounts, catalogue, entrance
from app.auth.forms.exchange import endpoint

_FILES = Path(__file__).with_name("forms")
_CACHED = {"Cache-Control": "public, max-age=300"}


def stylesheet(_request: Request) -> Response:
    return FileResponse(_FILES / "forms.css", media_type="text/css", headers=_CACHED)


def mark(_request: Request) -> Response:
    return FileResponse(_FILES / "moorage.svg", media_type="image/svg+xml", headers=_CACHED)


routes: list[BaseRoute] = [
    Route("/login", endpoint(entrance.login_shown, entrance.login_done), methods=["GET", "POST"]),
    Route("/logout", endpoint(entrance.logout_shown, entrance.logout_done), methods=["GET", "POST"]),
    Route("/totp", endpoint(entrance.totp_shown, entrance.totp_done), methods=["GET", "POST"]),
    Route("/signup", endpoint(accounts.signup_shown, accounts.signup_done), methods=["GET", "POST"]),
    Route("/verify", endpoint(accounts.verify_shown, accounts.verify_done), methods=["GET", "POST"]),
    Route("/reset", endpoint(accounts.reset_shown, accounts.reset_done), methods=["GET", "POST"]),
    Route("/invite", endpoint(accounts.invite_shown, accounts.invite_done), methods=["GET", "POST"]),
    Route("/setup", endpoint(accounts.setup_shown, accounts.setup_done), methods=["GET", "POST"]),
    Route("/catalogue", endpoint(catalogue.shown)),
    Route("/assets/forms.css", stylesheet),
    Route("/assets/moorage.svg", mark),
    Route("/favicon.ico", mark),
]
