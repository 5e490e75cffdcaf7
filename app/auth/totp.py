"""One-time codes (RFC 6238) and recovery codes: sealed or hashed in the store, good once."""

from __future__ import annotations

import hmac
import io
import json
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
import segno
from sqlmodel import Session

from app.auth.seal import Seal
from app.auth.sessions import digest
from models.domain.clock import aware
from models.domain.errors import Invalid
from models.store import factors
from models.store.members import User

STEP_SECONDS = 30
ISSUER = "Moorage"
RECOVERY_CODES = 10
OFFERED_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that is offered and not yet kept. `sealed` travels through the form, so that no two forms share a secret."""

    secret: str
    uri: str
    sealed: str

    def qr_svg(self) -> str:
        """The QR code as an SVG element without script or style."""
        out = io.BytesIO()
        segno.make(self.uri, error="m").save(
            out,
            kind="svg",
            scale=5,
            border=3,
            dark="#000",
            light="#fff",
            xmldecl=False,
            svgns=True,
            title="QR code",
            omitsize=False,
        )
        return out.getvalue().decode()


def offer(seal: Seal, user: User, now: datetime) -> Enrolment:
    """A fresh secret for `user`, to be confirmed with a code of it within 30 minutes."""
    secret = pyotp.random_base32(32)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    content = json.dumps({"secret": secret, "until": (now + OFFERED_FOR).isoformat()})
    return Enrolment(secret, uri, seal.seal(content, _offer_purpose(user.id)))


def reopen(seal: Seal, user: User, sealed: str, now: datetime) -> Enrolment:
    """The same offer again, after a wrong code; Invalid when it is over, of somebody else, or changed."""
    content = json.loads(seal.unseal(sealed, _offer_purpose(user.id)))
    if now >= aware(datetime.fromisoformat(content["until"])):
        raise Invalid("This QR code is too old. Load the page again and scan the new one.", field="code")
    uri = pyotp.TOTP(content["secret"]).provisioning_uri(name=user.email, issuer_name=ISSUER)
    return Enrolment(content["secret"], uri, sealed)


def confirm(session: Session, seal: Seal, user: User, enrolment: Enrolment, code: str, now: datetime) -> list[str]:
    """Keep the offered secret when `code` proves that it arrived. Answers fresh recovery codes, shown this one time."""
    if not _accepted(session, user.id, enrolment.secret, code, now):
        raise Invalid("The code does not fit. Check the clock of your phone and type the newest code.", field="code")
    user.totp_secret_sealed = seal.seal(enrolment.secret, _purpose(user.id))
    user.totp_confirmed_at = now
    session.add(user)
    return fresh_recovery_codes(session, user, now)


def verify(session: Session, seal: Seal, user: User, code: str, now: datetime) -> bool:
    """Whether `code` is the person's current one and was not used before, or an unused recovery code; it is used up by this."""
    if user.totp_secret_sealed is None:
        return False
    if len(_digits(code)) == 6 and _digits(code).isdigit():
        secret = seal.unseal(user.totp_secret_sealed, _purpose(user.id))
        if seal.stale(user.totp_secret_sealed):
            user.totp_secret_sealed = seal.seal(secret, _purpose(user.id))
            session.add(user)
        return _accepted(session, user.id, secret, code, now)
    return factors.spend_recovery(session, user.id, _recovery_digest(code), now)


def disable(session: Session, user: User) -> None:
    """Forget secret and recovery codes."""
    user.totp_secret_sealed = user.totp_confirmed_at = None
    session.add(user)
    factors.clear(session, user.id)


def fresh_recovery_codes(session: Session, user: User, now: datetime) -> list[str]:
    """Ten new recovery codes of 80 bits instead of all older ones."""
    codes = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    factors.replace_recovery(session, user.id, [_recovery_digest(code) for code in codes], now)
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def _accepted(session: Session, user_id: str, secret: str, code: str, now: datetime) -> bool:
    """The step of now, the one before or the one after may be meant: clocks differ."""
    here = int(now.timestamp()) // STEP_SECONDS
    generator, given = pyotp.TOTP(secret), _digits(code).encode()
    matching = [step for step in (here - 1, here, here + 1) if hmac.compare_digest(generator.generate_otp(step).encode(), given)]
    return any(factors.spend_step(session, user_id, step) for step in matching)


def _digits(code: str) -> str:
    return code.replace(" ", "").replace("\u00a0", "")[:64]


def _recovery_digest(code: str) -> str:
    return digest("".join(character for character in code.lower()[:64] if character.isalnum()))


def _purpose(user_id: str) -> str:
    return f"totp:{user_id}"


def _offer_purpose(user_id: str) -> str:
    return f"totp-offer:{user_id}"
