"""The mail gateway's contract: the simulator, and the SMTP adapter against a mail server of this test on loopback."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.gateways.mail import MailGateway, Message, Simulated, Smtp, domain_of, gateway
from models.domain.errors import Invalid, Misconfigured, Unavailable

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MESSAGE = Message(
    "<mail_1@portal.test>", "Moorage <moorage@portal.test>", "ayu@example.com", "Halo Ayu ☕", "Teks é\n", "<p>é</p>", AT
)


@dataclass
class Behaviour:
    """How the server of a test answers, and what it has seen."""

    recipient: str = "250 ok"
    data: str = "250 kept"
    greeting: str = "220 mail.test"
    starttls: ssl.SSLContext | None = None
    users: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)


class Conversation(socketserver.StreamRequestHandler):
    """One SMTP conversation (RFC 5321), as much as a client needs."""

    def handle(self) -> None:
        does: Behaviour = self.server.does  # set by `serving`
        secure = False
        self._say(does.greeting)
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb = line.split(" ")[0].upper()
            does.commands.append(verb)
            if verb == "EHLO":
                extras = ["STARTTLS"] if does.starttls and not secure else []
                extras += ["AUTH PLAIN"] if does.users and (secure or not does.starttls) else []
                lines = ["mail.test", *extras, "8BITMIME"]
                for at, text in enumerate(lines):
                    self._say(f"250{' ' if at == len(lines) - 1 else '-'}{text}")
            elif verb == "STARTTLS" and does.starttls:
                self._say("220 go")
                self.connection = does.starttls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                secure = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                good = does.users.get(user) == password
                does.signed_in += [user] if good else []
                self._say("235 welcome" if good else "535 wrong")
            elif verb == "RCPT":
                self._say(does.recipient)
            elif verb == "DATA":
                self._say("354 go")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part[1:] if part.startswith(b"..") else part
                if does.data.startswith("250"):
                    parsed = email.message_from_bytes(body, policy=email.policy.default)
                    does.mails.append(cast(EmailMessage, parsed))
                self._say(does.data)
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # after STARTTLS it is another one than the server knows

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of some tests."""


@contextmanager
def serving(does: Behaviour) -> Iterator[int]:
    with Server(("127.0.0.1", 0), Conversation) as server:
        server.does = does
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for 127.0.0.1, and a client's that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    from ipaddress import ip_address

    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())
    return server, client


@pytest.fixture(params=["simulated", pytest.param("smtp", marks=pytest.mark.loopback)])
def any_gateway(request: pytest.FixtureRequest) -> Iterator[MailGateway]:
    if request.param == "simulated":
        yield Simulated()
        return
    with serving(Behaviour()) as port:
        yield Smtp(f"smtp://127.0.0.1:{port}")


def test_a_gateway_takes_a_mail_and_the_same_one_again(any_gateway: MailGateway) -> None:
    any_gateway.send(MESSAGE)
    any_gateway.send(MESSAGE)


def test_which_gateway_a_setting_means() -> None:
    assert isinstance(gateway(""), Simulated)
    assert gateway("").simulated
    assert not gateway("smtps://mail.example.com").simulated


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:0", "smtp://host:99999", "smtp://host:x"]
)
def test_a_wrong_url_is_a_sentence_with_the_settings_name(url: str) -> None:
    with pytest.raises(Misconfigured, match="MOORAGE_SMTP_URL"):
        Smtp(url)


def test_the_domain_of_a_sender() -> None:
    assert domain_of("Moorage <portal@example.com>") == domain_of("portal@example.com") == "example.com"
    with pytest.raises(Misconfigured, match="MOORAGE_MAIL_FROM"):
        domain_of("Moorage")


@pytest.mark.loopback
def test_what_arrives_is_what_was_written() -> None:
    does = Behaviour()
    with serving(does) as port:
        Smtp(f"smtp://127.0.0.1:{port}").send(replace(MESSAGE, text="Baris\n.titik\n" + "é" * 2000 + "\n"))
    (mail,) = does.mails
    assert mail["Subject"] == "Halo Ayu ☕"
    assert (mail["To"], mail["Message-ID"], mail["Auto-Submitted"]) == ("ayu@example.com", "<mail_1@portal.test>", "auto-generated")
    assert mail["Date"].datetime == AT
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text
    assert html
    assert text.get_content().replace("\r\n", "\n") == "Baris\n.titik\n" + "é" * 2000 + "\n"
    assert "<p>é</p>" in html.get_content()


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("behaviour", "failure", "sentence"),
    [
        (Behaviour(recipient="550 no such user"), Invalid, r"refused the address ayu@example.com: no such user \(550\)"),
        (Behaviour(recipient="451 try later"), Unavailable, r"try later \(451\)"),
        (Behaviour(data="554 looks like spam"), Invalid, "looks like spam"),
        (Behaviour(data="452 disk full"), Unavailable, "disk full"),
        (Behaviour(greeting="421 too busy"), Unavailable, "too busy|does not answer"),
        (Behaviour(greeting="HTTP/1.1 400 Bad Request"), Unavailable, "."),
    ],
)
def test_a_refusal_says_whether_it_is_for_good(behaviour: Behaviour, failure: type[Exception], sentence: str) -> None:
    with serving(behaviour) as port, pytest.raises(failure, match=sentence):
        Smtp(f"smtp://127.0.0.1:{port}").send(MESSAGE)
    assert behaviour.mails == []


@pytest.mark.loopback
def test_nobody_there_is_worth_another_try() -> None:
    with serving(Behaviour()) as port:
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        Smtp(f"smtp://127.0.0.1:{port}").send(MESSAGE)


@pytest.mark.loopback
def test_a_password_travels_by_tls(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = tls
    does = Behaviour(starttls=server, users={"moor@age": "p:ss/word"})
    with serving(does) as port:
        Smtp(f"smtp://moor%40age:p%3Ass%2Fword@127.0.0.1:{port}", tls=client).send(MESSAGE)
    assert does.signed_in == ["moor@age"]
    assert does.commands[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert len(does.mails) == 1


@pytest.mark.loopback
def test_a_password_is_never_sent_in_the_open() -> None:
    does = Behaviour(users={"user": "secret"})
    with serving(does) as port, pytest.raises(Unavailable, match="offers no STARTTLS"):
        Smtp(f"smtp://user:secret@127.0.0.1:{port}").send(MESSAGE)
    assert "AUTH" not in does.commands


@pytest.mark.loopback
def test_a_certificate_that_nobody_trusts_is_refused(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    does = Behaviour(starttls=tls[0], users={"user": "secret"})
    with serving(does) as port, pytest.raises(Unavailable, match="No trusted connection"):
        Smtp(f"smtp://user:secret@127.0.0.1:{port}").send(MESSAGE)
    assert does.signed_in == []


@pytest.mark.loopback
def test_a_wrong_password_names_the_setting_and_not_the_password(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    does = Behaviour(starttls=tls[0], users={"user": "secret"})
    with serving(does) as port, pytest.raises(Unavailable, match="MOORAGE_SMTP_URL") as refused:
        Smtp(f"smtp://user:wrongpass@127.0.0.1:{port}", tls=tls[1]).send(MESSAGE)
    assert "wrongpass" not in str(refused.value)


@pytest.mark.parametrize("part", ["subject", "to", "sender"])
def test_no_header_is_smuggled_in(part: str) -> None:
    hostile = replace(MESSAGE, **{part: "a@example.com\r\nBcc: everybody@example.com"})
    with pytest.raises(Invalid):
        Smtp("smtp://127.0.0.1:1").send(hostile)
