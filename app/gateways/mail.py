"""Mail: the port, the adapter that speaks SMTP, and the simulated one that only remembers."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from models.domain.errors import Invalid, Misconfigured, Unavailable


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, ready to leave. `id` stays the same over all attempts, so that a mail sent twice is recognised as one."""

    id: str
    sender: str
    to: str
    subject: str
    text: str
    html: str
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


class MailGateway(Protocol):
    """Hands mails to somebody who delivers them."""

    @property
    def simulated(self) -> bool:
        """Whether nothing leaves the machine, so that the outbox is where mails are read."""

    def send(self, message: Message) -> None:
        """Hand over one mail. Unavailable: try again later. Invalid: this mail will never be accepted."""


class Simulated:
    """Delivers nothing; keeps what it was given in `sent`, and fails with the errors put into `failures` first."""

    simulated = True

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.failures: list[Exception] = []

    def send(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)


class Smtp:
    """A mail server by URL: `smtp://user:password@host:587` (STARTTLS where offered, always before a password) or `smtps://`."""

    simulated = False

    def __init__(self, url: str, *, timeout_seconds: float = 20.0, tls: ssl.SSLContext | None = None) -> None:
        self._url = _parsed(url)
        self._timeout = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._where = f"{self._url.hostname}:{self._port}"

    @property
    def _port(self) -> int:
        return self._url.port or (465 if self._url.scheme == "smtps" else 587 if self._url.username else 25)

    def send(self, message: Message) -> None:
        mime = _mime(message)
        try:
            with self._connected() as server:
                server.send_message(mime)
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise _refusal(code, f"refused the address {message.to}: {_words(words)}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Invalid(f"The mail server {self._where} cannot take this mail: {error}") from error
        except smtplib.SMTPAuthenticationError as error:
            raise Unavailable(
                f"The mail server {self._where} refused the sign-in ({error.smtp_code}). Check MOORAGE_SMTP_URL."
            ) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, f"({self._where}) answered {_words(error.smtp_error)}") from error
        except ssl.SSLError as error:
            raise Unavailable(f"No trusted connection to the mail server {self._where}: {error.reason or error}.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"The mail server {self._where} does not answer: {error}.") from error

    def _connected(self) -> smtplib.SMTP:
        host, user = self._url.hostname or "", self._url.username
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._port, timeout=self._timeout, context=self._tls)
        else:
            server = smtplib.SMTP(host, self._port, timeout=self._timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if self._url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=self._tls)
                server.ehlo()
            elif self._url.scheme == "smtp" and user:
                raise Unavailable(f"The mail server {self._where} offers no STARTTLS, so the password is not sent. Use smtps://.")
            if user:
                server.login(unquote(user), unquote(self._url.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def gateway(smtp_url: str) -> MailGateway:
    """The adapter for the setting `smtp_url`; the simulated one when it is empty."""
    return Smtp(smtp_url) if smtp_url else Simulated()


def domain_of(sender: str) -> str:
    """The domain of a sender such as `Moorage <moorage@example.com>`; Misconfigured when there is none."""
    address = parseaddr(sender)[1]
    if "@" not in address:
        raise Misconfigured(f"mail_from (MOORAGE_MAIL_FROM) is {sender!r}; write it like: Moorage <portal@example.com>")
    return address.rsplit("@", 1)[1]


def _parsed(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        usable = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise Misconfigured("smtp_url (MOORAGE_SMTP_URL) must look like smtp://user:password@mail.example.com:587 or smtps://...")
    return parts


def _mime(message: Message) -> EmailMessage:
    mime = EmailMessage(policy=SMTP)
    try:
        mime["From"], mime["To"], mime["Subject"] = message.sender, message.to, message.subject
        mime["Date"], mime["Message-ID"] = format_datetime(message.at), message.id
        mime["Auto-Submitted"] = "auto-generated"
        for name, value in message.headers.items():
            mime[name] = value
    except ValueError as error:
        raise Invalid(f"A mail header has a line break or another illegal character: {error}") from error
    mime.set_content(message.text)
    mime.add_alternative(message.html, subtype="html")
    return mime


def _refusal(code: int, words: str) -> Unavailable | Invalid:
    return Unavailable(f"The mail server {words} ({code}).") if code < 500 else Invalid(f"The mail server {words} ({code}).")


def _words(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
