"""What the prober says of addresses that answer, refuse, break or are not there. Unknown is not up."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collectors.sources.port import ProbeTarget
from collectors.sources.prober import HttpProber
from models.domain.errors import Misconfigured

pytestmark = pytest.mark.loopback
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ENDS = datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC)


class Handler(BaseHTTPRequestHandler):
    """`/status/N` answers N; `/host` is 200 only for the right Host; `/hang` says nothing."""

    def do_GET(self) -> None:
        match self.path.strip("/").split("/"):
            case ["status", code]:
                self.reply(int(code), b"hello")
            case ["lost"]:
                self.reply(404, b"404 page not found\n")
            case ["host"]:
                self.reply(200 if self.headers["Host"] == "shop.example.test" else 421, b"")
            case ["hang"]:
                threading.Event().wait(2)
            case ["slam"]:
                self.connection.close()

    def reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    block_on_close = False

    def handle_error(self, *_: object) -> None: ...


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prober() -> Iterator[HttpProber]:
    made = HttpProber(timeout=timedelta(seconds=1))
    yield made
    made.close()


def tried(prober: HttpProber, address: str, resolve: str = "") -> dict[str, object]:
    row: dict[str, object] = prober.probe([ProbeTarget(address, "a", resolve)], NOW).row(0, named=True)
    return row


ANSWERS = [
    ("status/200", "up", 200, ""),
    ("status/302", "up", 302, ""),
    ("status/401", "up", 401, ""),
    ("status/404", "up", 404, ""),
    ("lost", "down", 404, "404 Not Found: the ingress leads this address nowhere."),
    ("status/500", "down", 500, "500 Internal Server Error."),
    ("status/503", "down", 503, "503 Service Unavailable."),
    ("hang", "down", None, "No answer in time."),
    ("slam", "down", None, "The connection broke: Server disconnected without sending a response."),
]


@pytest.mark.parametrize(("path", "outcome", "status", "reason"), ANSWERS, ids=[a[0] for a in ANSWERS])
def test_answers(prober: HttpProber, path: str, outcome: str, status: int | None, reason: str) -> None:
    with serving() as where:
        row = tried(prober, f"http://{where}/{path}")
    assert (row["outcome"], row["status"], row["reason"]) == (outcome, status, reason)
    assert (row["latency_seconds"] is None) == (status is None)
    assert row["ts"] == NOW


def test_nobody_listens(prober: HttpProber) -> None:
    with serving() as where:
        pass
    row = tried(prober, f"http://{where}/")
    assert (row["outcome"], row["reason"]) == ("down", "The connection is refused.")


def test_an_address_that_is_none_is_unknown(prober: HttpProber) -> None:
    assert tried(prober, "gopher://x")["outcome"] == "unknown"


def test_the_name_stays_when_the_connection_goes_elsewhere(prober: HttpProber) -> None:
    with serving() as where:
        assert tried(prober, "http://shop.example.test/host", where)["outcome"] == "up"
        assert tried(prober, "http://shop.example.test/host", where)["status"] == 200
        assert tried(prober, "http://other.example.test/host", where)["status"] == 421


@contextmanager
def dripping(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, threading.Event]]:
    """Whoever asks gets a byte of an endless head every few milliseconds; the event tells that somebody hung up on it."""
    hung_up, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        plain, _ = listening.accept()
        with tls.wrap_socket(plain, server_side=True) if tls else plain as connection, suppress(OSError):
            connection.settimeout(0.02)
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"a")
                with suppress(TimeoutError):
                    if connection.recv(1) == b"":
                        break
        hung_up.set()

    threading.Thread(target=drip, daemon=True).start()
    with listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}", hung_up


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "tls"])
def test_an_answer_that_drips_without_end_is_cut_off_and_the_others_are_tried(tmp_path: Path, secret: bool) -> None:
    context, public = certificate(tmp_path, ENDS)
    prober = trusting(HttpProber(timeout=timedelta(seconds=1), threads=1), public)
    with dripping(context if secret else None) as (slow, hung_up), serving() as well:
        address = ProbeTarget("https://shop.example.test/" if secret else f"http://{slow}/", "a", slow)
        frame = prober.probe([address, ProbeTarget(f"http://{well}/status/200", "b")], NOW)
        assert hung_up.wait(20)
    assert frame.select("outcome", "reason").rows() == [("down", "No answer in time."), ("up", "")]


def test_a_name_that_is_looked_up_without_end_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    prober = HttpProber(timeout=timedelta(seconds=1), threads=1)
    found, ask = threading.Event(), prober._ask

    def lost(attempt: Any, began: float) -> Any:
        return found.wait(60) if attempt.target.namespace == "a" else ask(attempt, began)

    monkeypatch.setattr(prober, "_ask", lost)
    with serving() as well:
        targets = [ProbeTarget("http://lost.example.test/", "a"), ProbeTarget(f"http://{well}/status/200", "b")]
        rows = prober.probe(targets, NOW).select("outcome", "reason").rows()
    assert not found.is_set()
    found.set()
    assert rows == [("down", "No answer in time."), ("up", "")]


def test_many_at_once_keep_their_order() -> None:
    prober = HttpProber(threads=8)
    with serving() as where:
        codes = [200, 503, 404, 500, 204] * 8
        frame = prober.probe([ProbeTarget(f"http://{where}/status/{c}", str(i)) for i, c in enumerate(codes)], NOW)
    prober.close()
    assert frame["status"].to_list() == codes
    assert frame["namespace"].to_list() == [str(i) for i in range(40)]


def certificate(folder: Path, ends: datetime) -> tuple[ssl.SSLContext, Path]:
    """A server's context for shop.example.test, and its certificate as a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "c.pem", folder / "k.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


def trusting(prober: HttpProber, public: Path) -> HttpProber:
    prober._tls = ssl.create_default_context(cafile=str(public))
    return prober


def test_the_end_of_the_certificate_is_told(prober: HttpProber, tmp_path: Path) -> None:
    context, public = certificate(tmp_path, ENDS)
    with serving(context) as where:
        row = tried(trusting(prober, public), "https://shop.example.test/status/200", where)
    assert (row["outcome"], row["certificate_expires_at"]) == ("up", ENDS)


BAD = [
    ("of another name", "https://other.example.test/status/200", ENDS, True, "Hostname mismatch"),
    ("over", "https://shop.example.test/status/200", datetime(2021, 1, 1, tzinfo=UTC), True, "certificate has expired"),
    ("of nobody known", "https://shop.example.test/status/200", ENDS, False, "self-signed certificate"),
]


@pytest.mark.parametrize(("address", "ends", "trusted", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_bad_certificate_is_down(
    prober: HttpProber, tmp_path: Path, address: str, ends: datetime, trusted: bool, words: str
) -> None:
    context, public = certificate(tmp_path, ends)
    with serving(context) as where:
        row = tried(trusting(prober, public) if trusted else prober, address, where)
    assert row["outcome"] == "down"
    assert words in str(row["reason"])
    assert row["certificate_expires_at"] == ends


@pytest.mark.parametrize("resolve", ["host:", "host:port", ":80"])
def test_an_ingress_address_that_is_none_has_a_sentence(resolve: str) -> None:
    with pytest.raises(Misconfigured, match="host:port"):
        HttpProber(resolve)
