"""Values that an instance needs and nobody chooses: drawn once, kept in the instance's namespace, never rendered anywhere else."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping

import bcrypt
from argon2 import PasswordHasher

from provisioner.catalogue import Template
from provisioner.labels import Object, made
from provisioner.wanted import Wanted
from provisioner.workloads import SECRETS, secret_home

_LETTERS = string.ascii_letters + string.digits


def draw(template: Template) -> dict[str, str]:
    """New values by name; hashes belong to the values beside them."""
    found: dict[str, str] = {}
    for name, secret in template.secrets.items():
        if secret.kind == "hex":
            found[name] = secrets.token_hex(secret.length)[: secret.length]
        elif secret.kind == "base64":
            found[name] = base64.b64encode(secrets.token_bytes(secret.length)).decode()
        elif secret.kind == "password":
            found[name] = _password(secret.length)
    for name, secret in template.secrets.items():
        if secret.of is not None:
            found[name] = _hash(secret.kind, found[secret.of])
    return found


def _password(length: int) -> str:
    """Has small and capital letters and a digit: some apps take no other."""
    while True:
        found = "".join(secrets.choice(_LETTERS) for _ in range(length))
        if all(any(test(letter) for letter in found) for test in (str.islower, str.isupper, str.isdigit)):
            return found


def _hash(kind: str, value: str) -> str:
    if kind == "argon2":
        return PasswordHasher().hash(value)
    return bcrypt.hashpw(value.encode(), bcrypt.gensalt()).decode()


def homes(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """Names of the Secrets that the instance needs, each with the values that are in it."""
    found: dict[str, tuple[str, ...]] = {}
    for name in wanted.template.secrets:
        home = secret_home(wanted, name)
        found[home] = (*found.get(home, ()), name)
    return found


def sealed(wanted: Wanted, values: Mapping[str, str], name: str = SECRETS) -> Object:
    """The Secret that holds them. Immutable: a mistake of ours is then refused by the API instead of losing an encryption key."""
    data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
    return made(wanted, "Secret", "v1", name, {"type": "Opaque", "immutable": True, "data": data})


def opened(found: Object) -> dict[str, str]:
    """The values of such a Secret."""
    return {name: base64.b64decode(text).decode() for name, text in (found.get("data") or {}).items()}
