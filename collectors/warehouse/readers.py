"""Reading from notebooks and other processes."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow as pa

from collectors.warehouse import announcement, views
from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import BadQuestion, Locked, Older, shown
from collectors.warehouse.migrate import applied, available, check
from collectors.warehouse.questions import Questions, encoded, timed
from models.domain.errors import Misconfigured, PlatformError, Unavailable

Params = Sequence[Any] | Mapping[str, Any] | None
WAITS = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0)
"""Seconds before each try: the owner may be starting or stopping."""
ANSWER_SECONDS = 120.0


class Reader(Protocol):
    """Live, read-only. `query` runs one SELECT over the views that `describe()` lists; times come back as aware UTC."""

    def query(self, sql: str, params: Params = None) -> pl.DataFrame: ...

    def close(self) -> None: ...


def reader(uri: str | None = None) -> Reader:
    """A reader for `uri`; None: MOORAGE_WAREHOUSE_URL, else $MOORAGE_DATA or ./data + /warehouse.duckdb.

    A file is read through the process that owns it, over loopback; when nobody does, it is opened for the length of each question, so
    a notebook never keeps the server from starting. A lake is opened directly. An address (https://...) is asked with MOORAGE_TOKEN.
    """
    found = (
        uri or os.environ.get("MOORAGE_WAREHOUSE_URL") or str(Path(os.environ.get("MOORAGE_DATA") or "data") / "warehouse.duckdb")
    )
    if found.startswith(("http://", "https://")):
        token = os.environ.get("MOORAGE_TOKEN")
        if not token:
            raise Misconfigured(f"To read from {shown(found)}, put an API token with the analyst's scope into MOORAGE_TOKEN.")
        return _Remote(announcement.Address(found, token))
    return _Direct(found) if found.startswith("ducklake:") else _File(found)


class _Direct:
    """Opens the warehouse itself."""

    def __init__(self, uri: str) -> None:
        self._link = Connection(uri, memory="1GB", read_only=True)
        try:
            with self._link.told():
                cursor = self._link.cursor()
                done, known = applied(cursor), available()
                check(done, known, uri)
                if known.keys() - done.keys():
                    raise Older(
                        f"The warehouse {shown(uri)} was written by an older program. Run `moorage migrate`, or start the server once: "
                        "it is brought up to this one, and nothing is lost."
                    )
                views.create(cursor, shared=self._link.postgres)
                cursor.close()
                self._link.seal()
        except BaseException:
            self._link.close()
            raise
        self._questions = Questions(self._link)

    def query(self, sql: str, params: Params = None) -> pl.DataFrame:
        return self._questions.query(sql, params)

    def close(self) -> None:
        self._link.close()


class _Remote:
    """Asks the process that owns the warehouse."""

    def __init__(self, address: announcement.Address) -> None:
        self._address = address

    def query(self, sql: str, params: Params = None) -> pl.DataFrame:
        request = urllib.request.Request(  # noqa: S310  the address is this installation's own
            self._address.url,
            encoded(sql, params),
            {"Authorization": f"Bearer {self._address.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                table = pa.ipc.open_stream(answer).read_all()
        except urllib.error.HTTPError as error:
            raise _told(error) from error
        except (OSError, http.client.HTTPException, pa.ArrowInvalid) as error:
            raise Unreachable(f"The server at {self._address.url} does not answer: {error}. Look whether it still runs.") from error
        return timed(table)

    def close(self) -> None:
        """Nothing is kept open."""


class Unreachable(Unavailable):
    """Nobody answers at the announced address."""

    code = "warehouse_unreachable"


def _told(error: urllib.error.HTTPError) -> PlatformError:
    """What the owner said, as the error that it was there."""
    try:
        told = json.loads(error.read())
        code, message = str(told["code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"The server answered {error.code} to a question. Look into its log.")
    if error.code in (401, 404):  # the token or the route of another server on this port: the announcement is old
        return Unreachable(message)
    return (
        Unavailable(message)
        if error.code >= 500
        else BadQuestion(message, field="sql")
        if code == BadQuestion.code
        else Misconfigured(message)
    )


class _File:
    """A DuckDB file: through its owner when there is one."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._side = announcement.reader_file(str(Path(uri).resolve()))

    def query(self, sql: str, params: Params = None) -> pl.DataFrame:
        problem: PlatformError | None = None
        for wait in WAITS:
            time.sleep(wait)
            address = announcement.read(self._side)
            if address:
                try:
                    return _Remote(address).query(sql, params)
                except Unreachable as error:
                    problem = error
            try:
                direct = _Direct(self._uri)
            except Locked as error:
                problem = problem or error
                continue
            try:
                return direct.query(sql, params)
            finally:
                direct.close()
        raise problem or Unavailable(f"The warehouse {self._uri} cannot be read now; try again.")

    def close(self) -> None:
        """Nothing is kept open."""
