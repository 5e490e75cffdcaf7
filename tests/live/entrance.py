"""The bed's ingress as the world sees it: over TLS, with one wildcard certificate a template, whose maker this machine trusts."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SPACE = "moorage-certificates"


@dataclass(frozen=True)
class Entrance:
    """`place` ("host:port") is where all names lead; `trusted` the file with the maker's certificate."""

    place: str
    trusted: Path

    @contextmanager
    def visitor(self, host: str) -> Iterator[httpx.Client]:
        """A browser without a window at that name: certificates are checked, cookies kept."""
        context = ssl.create_default_context(cafile=str(self.trusted))
        with httpx.Client(base_url=f"https://{host}", verify=context, timeout=30, mounts={}, trust_env=False) as client:
            client._transport = _Led(self.place, host, context)
            yield client


class _Led(httpx.BaseTransport):
    """Connects elsewhere than the name says; the name stays in the request and in TLS."""

    def __init__(self, place: str, host: str, context: ssl.SSLContext) -> None:
        self._inner = httpx.HTTPTransport(verify=context)
        self._name, self._port = place.rsplit(":", 1)
        self._host = host

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == self._host, f"led away to {request.url}"
        # a request of its own: cookies belong to the name
        led = httpx.Request(
            request.method,
            request.url.copy_with(host=self._name, port=int(self._port)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._host},
        )
        return self._inner.handle_request(led)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def entrance(folder: Path, kubectl: Any, domains: list[str]) -> Iterator[Entrance]:
    """`kubectl(*words, given=)` is the bed's administrator, who brings the certificates as an operator would."""
    names = [f"*.{domain}" for domain in domains]
    trusted, key, certificate = _certificate(names)
    file = folder / "trusted.pem"
    file.write_bytes(trusted)
    data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "wildcard", "namespace": SPACE},
            "type": "kubernetes.io/tls",
            "data": data,
        },
        # Traefik takes certificates from any Ingress and serves them by name; this one leads nowhere
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "wildcard", "namespace": SPACE},
            "spec": {
                "tls": [{"hosts": names, "secretName": "wildcard"}],
                "rules": [
                    {
                        "host": "nobody.invalid",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "none", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ],
            },
        },
    ]
    # that of the tests before may be ending still, and what is put into it would end with it
    kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--wait=true", "--timeout=50s")
    kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    try:
        with _tunnel() as place:
            yield Entrance(place, file)
    finally:
        kubectl("delete", "namespace", SPACE, "--wait=false", "--ignore-not-found")


@contextmanager
def _tunnel() -> Iterator[str]:
    command = [os.environ["MOORAGE_TESTBED"], "kubectl", "--dir", os.environ["MOORAGE_TESTBED_DIR"]]
    forward = ["port-forward", "-n", "kube-system", "service/traefik", ":443", "--address", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, *forward], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "Forwarding from 127.0.0.1:" in said, said
        yield said.split("from ", 1)[1].split(" ", 1)[0]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def _certificate(names: list[str]) -> tuple[bytes, bytes, bytes]:
    """The maker's certificate; key and certificate for the names."""
    now = datetime.now(UTC)
    maker_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    maker = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test bed")])

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(maker).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))

    root = begun(maker, maker_key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    uses = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    root = root.add_extension(uses, critical=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(maker_key.public_key()), critical=False)
    leaf = begun(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]), key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(maker_key.public_key()), critical=False)
    return (
        root.sign(maker_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        leaf.sign(maker_key, hashes.SHA256()).public_bytes(Encoding.PEM),
    )
