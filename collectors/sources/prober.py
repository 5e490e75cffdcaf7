"""Reaches the apps' addresses from outside."""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
from cryptography import x509

from collectors.entities import PROBE
from collectors.frames import record_frame
from collectors.sources.port import ProbeTarget
from models.domain import clock
from models.domain.errors import Misconfigured

AGENT = "moorage-prober/1"
LATE = "No answer in time."


class HttpProber:
    """Signs `ProbeSource`. `resolve` ("host:port") is where every name leads that says nothing else; empty: DNS.

    Up is an answer of the app itself with a status below 500. A status from 500, an address that the ingress leads nowhere, a
    refused connection, a name without an address or a bad certificate is down. What only this machine can be blamed for (its
    resolver, its network) is unknown, which is not up.
    """

    name = "prober"

    def __init__(self, resolve: str = "", *, timeout: timedelta = timedelta(seconds=10), threads: int = 64) -> None:
        self._resolve = resolve
        self._timeout = timeout.total_seconds()
        self._threads = threads
        self._closed = False
        self._change = threading.Condition()
        self._tls = ssl.create_default_context()
        if resolve:
            _endpoint(resolve)

    def probe(self, targets: Sequence[ProbeTarget], now: datetime) -> pl.DataFrame:
        """One row per target, many tried at once; one whose answer does not come within the time-out, from the first packet to the
        head of the answer, is down."""
        rows: dict[int, Mapping[str, object]] = {}
        waiting = deque(enumerate(targets))
        running: dict[int, _Attempt] = {}

        def work() -> None:
            while True:
                with self._change:
                    if self._closed or not waiting:
                        return
                    at, target = waiting.popleft()
                    attempt = running[at] = _Attempt(target, clock.stopwatch() + self._timeout)
                row = self._try(attempt, now)
                with self._change:
                    if running.pop(at, None) is None:
                        return  # it was given up, and another thread took this one's place
                    rows[at] = row
                    self._change.notify_all()

        def begin() -> None:
            # threads that a process which ends does not wait for
            threading.Thread(target=work, name="probe", daemon=True).start()

        for _ in range(min(self._threads, len(targets))):
            begin()
        with self._change:
            while (running or waiting) and not self._closed:
                present = clock.stopwatch()
                late = [at for at, attempt in running.items() if attempt.until <= present]
                for at in late:
                    attempt = running.pop(at)
                    attempt.cut()
                    rows[at] = {**_row(attempt.target, now), "outcome": "down", "reason": LATE}
                    if waiting:
                        begin()
                if not late:
                    self._change.wait(min((a.until - present for a in running.values()), default=self._timeout))
        return record_frame(PROBE, [rows[at] for at in sorted(rows)])

    def close(self) -> None:
        """Begin no further attempts, and wait for none."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _try(self, attempt: _Attempt, now: datetime) -> Mapping[str, object]:
        row = _row(attempt.target, now)
        began = clock.stopwatch()
        try:
            return {**row, **self._ask(attempt, began)}
        except Exception as error:
            outcome, reason = _verdict(error)
            row |= {"outcome": outcome, "reason": reason}
            return row | {"certificate_expires_at": self._bad_certificate_end(attempt)} if _bad_certificate(error) else row

    def _ask(self, attempt: _Attempt, began: float) -> Mapping[str, object]:
        url, (host, port), elsewhere = self._place(attempt.target)
        headers: dict[str, str] = {"User-Agent": AGENT}
        extensions: dict[str, object] = {"trace": attempt.trace}
        if elsewhere:
            # the name stays in the request and in TLS, only the connection goes elsewhere
            headers["Host"], extensions["sni_hostname"] = url.netloc.decode(), url.host
            url = url.copy_with(host=host, port=port)
        with (
            httpx.Client(verify=self._tls, timeout=self._timeout, trust_env=False, headers=headers) as client,
            client.stream("GET", url, extensions=extensions) as response,
        ):
            latency = clock.stopwatch() - began
            expires = _certificate_end(response)
            nowhere = response.status_code == 404 and _no_route(response)
        up = response.status_code < 500 and not nowhere
        said = f"{response.status_code} {response.reason_phrase}".strip()
        return {
            "outcome": "up" if up else "down",
            "status": response.status_code,
            "latency_seconds": latency,
            "certificate_expires_at": expires,
            "reason": "" if up else f"{said}: the ingress leads this address nowhere." if nowhere else f"{said}.",
        }

    def _place(self, target: ProbeTarget) -> tuple[httpx.URL, tuple[str, int], bool]:
        """The address as a URL, host and port to connect to, and whether these are other ones than the URL's."""
        url = httpx.URL(target.address if "://" in target.address else f"https://{target.address}")
        where = target.resolve or self._resolve
        if where:
            return url, _endpoint(where), True
        return url, (url.host, url.port or (443 if url.scheme == "https" else 80)), False

    def _bad_certificate_end(self, attempt: _Attempt) -> datetime | None:
        """When the certificate ends that was not accepted; nothing is said to whoever shows it. None: it is not shown again."""
        left = (attempt.until - clock.stopwatch()) / 2  # why it is bad is to be told in time, whatever comes of this
        if left <= 0:
            return None
        try:
            url, where, _ = self._place(attempt.target)
            with (
                socket.create_connection(where, timeout=left) as plain,
                _unchecked().wrap_socket(plain, server_hostname=url.host) as tls,
            ):
                shown = tls.getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown).not_valid_after_utc if shown else None
        except (OSError, ValueError):
            return None


class _Attempt:
    """One address that is being tried; whoever waits for it may cut it off when its time is over."""

    def __init__(self, target: ProbeTarget, until: float) -> None:
        self.target, self.until = target, until
        self._socket: socket.socket | None = None
        self._over = False

    def trace(self, event: str, told: Mapping[str, Any]) -> None:
        """What the connection tells of its steps: each one that opens it has another socket."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = told["return_value"].get_extra_info("socket")
            if self._over:
                self.cut()

    def cut(self) -> None:
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                # of the connection, not of TLS, which another thread is reading from
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _row(target: ProbeTarget, now: datetime) -> dict[str, object]:
    return {"ts": now, "namespace": target.namespace, "address": target.address}


def _unchecked() -> ssl.SSLContext:
    """For a look at a certificate that was refused already: no request follows."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _no_route(response: httpx.Response) -> bool:
    """Whether a 404 is the ingress's own: Traefik's and ingress-nginx's words for an address that no Ingress names."""
    first = next(response.iter_bytes(64), b"")
    return first.strip() in (b"404 page not found", b"default backend - 404")


def _endpoint(text: str) -> tuple[str, int]:
    """Host and port of "host:port", of a URL, or of a host alone (port 443)."""
    parts = urlsplit(text if "://" in text else f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or (port is None and ":" in parts.netloc.rpartition("]")[2]):
        raise Misconfigured(f"{text!r} is no address of an ingress. Write ingress_address as host:port.")
    return parts.hostname, port or (80 if parts.scheme == "http" else 443)


def _certificate_end(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), tz=UTC)


def _bad_certificate(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _verdict(error: Exception) -> tuple[str, str]:
    """Outcome and reason of an attempt that brought no answer."""
    text = str(error)
    if _bad_certificate(error) or isinstance(error, ssl.SSLError):
        cause = text.split("certificate verify failed:")[-1].split("(_ssl")[0].strip().rstrip(".") or "TLS failed"
        return "down", f"The certificate is not good: {cause}."
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return "unknown", "The address is no web address."
    if isinstance(error, httpx.TimeoutException):
        return "down", LATE
    if any(sign in text for sign in ("Name or service not known", "No address associated", "nodename nor servname")):
        return "down", "Its name is not in the DNS."
    if any(sign in text for sign in ("Temporary failure in name resolution", "Network is unreachable", "Too many open files")):
        return "unknown", f"This machine could not try: {text.split('] ')[-1]}."
    if "refused" in text:
        return "down", "The connection is refused."
    if isinstance(error, httpx.TransportError):
        return "down", f"The connection broke: {text.rstrip('.') or type(error).__name__}."
    return "unknown", f"It could not be tried: {type(error).__name__}."
