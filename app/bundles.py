"""Streamlit's program text from memory: a first page asks for a hundred files, each of which would be looked for, read and sent anew."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.file_util import get_static_dir

PREFIX = "/static/"
PACKED = frozenset({".js", ".css", ".svg", ".json", ".txt"})
"""What gets smaller; fonts and pictures are packed already."""
LEVEL = 6
HEADERS = {"Cache-Control": "public, immutable, max-age=31536000", "Vary": "Accept-Encoding"}
"""The names carry a digest of the content, so they never mean anything else."""


class Bundles:
    """Middleware before the gate: everybody may read what every installation of Streamlit has.

    Answers whole files below `/static/` to who understands gzip, packed once for each process; all else goes on to `app`.
    """

    def __init__(self, app: ASGIApp, *, directory: Path | None = None) -> None:
        folder = (directory or Path(get_static_dir())) / PREFIX.strip("/")
        self._app = app
        self._files: Mapping[str, Path] = {
            PREFIX + file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
        }
        self._kept: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if file is None or not _may_be_packed(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        body = self._kept.get(scope["path"])
        if body is None:
            body = self._kept[scope["path"]] = await run_in_threadpool(_content, file)
        headers = HEADERS | ({"Content-Encoding": "gzip"} if file.suffix in PACKED else {})
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        await Response(body, headers=headers, media_type=kind)(scope, receive, send)


def _may_be_packed(headers: Headers) -> bool:
    """Whether gzip is among the named encodings (RFC 9110, 12.5.3: a weight of zero means no) and the whole file is wanted."""
    if "range" in headers:
        return False
    for part in headers.get("accept-encoding", "").split(","):
        name, _, weight = part.replace(" ", "").lower().partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    return gzip.compress(content, LEVEL, mtime=0) if file.suffix in PACKED else content
