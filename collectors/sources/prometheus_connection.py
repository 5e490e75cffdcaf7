"""One connection to a Prometheus: questions within limits of time, size and number, foreign errors as sentences."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import urllib3
from prometheus_api_client import PrometheusConnect

from models.domain import clock
from models.domain.errors import Misconfigured, PlatformError, Unavailable

CONNECT_SECONDS = 3.05
READ_SECONDS = 15.0
"""Without a byte."""
QUESTION_SECONDS = 30.0
"""Until an answer has arrived as a whole; Prometheus is told to give up a little earlier."""
_CHUNK = 1 << 18

Series = Mapping[str, Any]
"""`metric` (labels) and `values` or `value`, as Prometheus writes them."""


class TooMuch(Misconfigured):
    """The answer is larger than the limits allow."""

    code = "too_many_series"


class _TokenRefused(Misconfigured):
    """The answer was 401; `used` is the header that was sent."""

    def __init__(self, message: str, used: str) -> None:
        super().__init__(message)
        self.used = used


class _Bearer(requests.auth.AuthBase):
    """Sends a token: the one that is given, or what stands in a file, which is read again when its token is refused."""

    def __init__(self, token: str, file: Path | None) -> None:
        self._lock = threading.Lock()
        self._header, self._file = f"Bearer {token}" if token else "", file

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._lock:
            if not self._header and self._file is not None:
                self._header = self._read(self._file)
            if self._header:
                request.headers["Authorization"] = self._header
        return request

    def renew(self, used: str) -> bool:
        """Whether the file holds another token than the one that was refused."""
        with self._lock:
            if self._file is not None:
                self._header = self._read(self._file)
            return self._header != used

    def _read(self, file: Path) -> str:
        try:
            token = file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Misconfigured(
                f"The token for Prometheus cannot be read from {file}: {cause}. Name a readable file in prometheus_token_file "
                "(MOORAGE_PROMETHEUS_TOKEN_FILE)."
            ) from error
        if not token or len(token.split()) > 1:
            raise Misconfigured(
                f"{file} holds no token for Prometheus: it should be one word and nothing else. Check prometheus_token_file."
            )
        return f"Bearer {token}"


class _BoundedSession(requests.Session):
    """Reads an answer piece by piece, so that neither a huge nor an endless one is taken in; keeps the end of the newest one."""

    def __init__(self, shown: str, max_bytes: int) -> None:
        super().__init__()
        self.shown, self.max_bytes = shown, max_bytes

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        until = clock.stopwatch() + QUESTION_SECONDS
        kwargs["stream"] = True
        response = super().send(request, **kwargs)
        if response.is_redirect:
            return response
        body, size = [], 0
        try:
            for chunk in response.iter_content(_CHUNK):
                body.append(chunk)
                size += len(chunk)
                if size > self.max_bytes:
                    raise TooMuch(
                        f"Prometheus at {self.shown} answers with more than {self.max_bytes >> 20} MiB to one question. Check that "
                        "the job settings select one scrape of this cluster only, not that of all clusters."
                    )
                if clock.stopwatch() > until:
                    raise Unavailable(f"Prometheus at {self.shown} does not finish its answer within {QUESTION_SECONDS:.0f} s.")
        finally:
            response.close()
        response._content, response._content_consumed = b"".join(body), True
        if response.status_code != 200:
            refusal = _refusal(self.shown, response.status_code, response.content)
            if response.status_code == 401:
                raise _TokenRefused(str(refusal), str(request.headers.get("Authorization", "")))
            raise refusal
        # custom_query drops the warnings, which say that the answer is not whole
        told = _WARNINGS.search(response.content[-4096:])
        if told:
            raise Unavailable(
                f"Prometheus at {self.shown} gives only part of an answer: {_first(told.group(1))}. It is tried again, "
                "and read later as a gap."
            )
        return response


_WARNINGS = re.compile(rb'"warnings":\s*(\[.*)$', re.DOTALL)


class PrometheusConnection:
    """Safe to share between threads. `max_series` and `max_bytes` are for one question. The token is given, or stands in a file."""

    def __init__(self, url: str, token: str, *, max_series: int, max_bytes: int, token_file: Path | None = None) -> None:
        url = url.strip().rstrip("/")
        self.shown = re.sub(r"//[^/@\s]*@", "//", url)
        self._max_series = max_series
        self._bearer = _Bearer(token, token_file)
        self._session = _BoundedSession(self.shown, max_bytes)
        self._api = PrometheusConnect(
            url,
            session=self._session,
            retry=urllib3.Retry(0, redirect=5, raise_on_status=False),
            auth=self._bearer if token or token_file else None,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )

    def ask(self, query: str, at: datetime) -> Sequence[Series]:
        """The series that `query` has at `at`. Raises Unavailable, Misconfigured or TooMuch."""
        params = {"time": f"{at.timestamp():.3f}", "timeout": f"{QUESTION_SECONDS - 5:.0f}s"}
        return self._checked(query, lambda: self._api.custom_query(query, params=params))

    def points(self, query: str, start: datetime, end: datetime, step_seconds: int) -> Sequence[Series]:
        """The values of `query` each `step_seconds` in [start, end]; at most 11,000 steps."""
        return self._checked(query, lambda: self._api.custom_query_range(query, start, end, str(step_seconds)))

    def close(self) -> None:
        self._api.close()

    def _checked(self, query: str, call: Any) -> Sequence[Series]:
        found = self._called(call)
        if not isinstance(found, list):
            raise self.strange()
        if len(found) > self._max_series:
            raise TooMuch(
                f"Prometheus at {self.shown} has {len(found):,} series for {query}, "
                f"more than the {self._max_series:,} that are read. Check that the job settings "
                "select one scrape of this cluster only, not that of all clusters."
            )
        return found

    def _called(self, call: Any, *, again: bool = True) -> Any:
        try:
            return call()
        except _TokenRefused as refused:
            if not again or not self._bearer.renew(refused.used):
                raise
            return self._called(call, again=False)
        except PlatformError:
            raise
        except requests.exceptions.JSONDecodeError as error:
            raise self.strange() from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise Unavailable(f"Prometheus at {self.shown} broke off in the middle of its answer. It is tried again.") from error
        except requests.exceptions.SSLError as error:
            raise Misconfigured(
                f"The certificate of Prometheus at {self.shown} cannot be trusted ({_cause(error)}). Name its authority in "
                "REQUESTS_CA_BUNDLE, or use the address that the certificate is for."
            ) from error
        except (
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
            UnicodeError,
        ) as error:
            raise Misconfigured(
                f"prometheus_url {self.shown!r} is no address. Write it as http://prometheus.monitoring.svc:9090."
            ) from error
        except requests.exceptions.TooManyRedirects as error:
            raise Misconfigured(f"{self.shown} redirects without end. Check prometheus_url.") from error
        except requests.exceptions.RequestException as error:
            text = str(error)
            if again and ("RemoteDisconnected" in text or "Connection aborted" in text or "ConnectionResetError" in text):
                return self._called(call, again=False)  # a kept connection that the server had closed meanwhile
            raise Unavailable(
                f"Prometheus at {self.shown} does not answer ({_cause(error)}). Check that it runs and "
                "that prometheus_url is right."
            ) from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self.strange() from error

    def strange(self) -> Misconfigured:
        return Misconfigured(
            f"{self.shown} does not answer like a Prometheus. Check prometheus_url: it is the address of the server itself, such "
            "as http://prometheus.monitoring.svc:9090, not of a page or of a sign-in in front of it."
        )


def _refusal(shown: str, status: int, body: bytes) -> PlatformError:
    """What a status other than 200 means."""
    message = _message(body)
    said = f": {message}" if message else ""
    if status == 401:
        return Misconfigured(
            f"Prometheus at {shown} refuses the token (401{said}): it is missing or has expired. "
            "Renew prometheus_token, or the file that prometheus_token_file names."
        )
    if status == 403:
        return Misconfigured(
            f"Prometheus at {shown} does not allow this token to ask (403{said}). Give it the right to read metrics."
        )
    if status == 404:
        return Misconfigured(
            f"{shown} knows no /api/v1/query (404). Check prometheus_url: with a path prefix, the prefix belongs to it."
        )
    if status == 422 and "too many samples" in message:
        return TooMuch(
            f"Prometheus at {shown} would have to load too many samples{said}. Check that the job settings select one scrape of "
            "this cluster only, or raise --query.max-samples."
        )
    if status in (408, 425, 429) or status >= 500 or (status == 422 and "timed out" in message):
        return Unavailable(f"Prometheus at {shown} answers {status}{said}. It is tried again.")
    return Misconfigured(f"Prometheus at {shown} refuses the question ({status}{said}). Check prometheus_url and the job settings.")


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
        return str(found["error"])[:200].rstrip(".")
    except (ValueError, KeyError, TypeError):
        text = body[:120].decode(errors="replace").strip()
        return "" if text.startswith("<") else " ".join(text.split()).rstrip(".")


def _first(raw: bytes) -> str:
    """The first of the warnings at the end of an answer."""
    found = re.search(rb'"((?:[^"\\]|\\.)*)"', raw)
    return found.group(1).decode(errors="replace")[:200].rstrip(".") if found else "it says so"


def _cause(error: Exception) -> str:
    text = str(error)
    for sign, words in (
        ("refused", "connection refused"),
        ("Name or service not known", "its name is unknown"),
        ("Failed to resolve", "its name is unknown"),
        ("timed out", "timed out"),
        ("No route", "no route to it"),
        ("unreachable", "network unreachable"),
        ("CERTIFICATE_VERIFY_FAILED", "not signed by a known authority"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("Connection aborted", "connection closed"),
        ("RemoteDisconnected", "connection closed"),
    ):
        if sign in text:
            return words
    return type(error).__name__
