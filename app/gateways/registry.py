"""Registries of container images: which digest a tag stands for now (OCI distribution specification, version 2 of the API)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import httpx

from models.domain.errors import Invalid, NotFound, Unavailable

DOCKER_HUB = "registry-1.docker.io"
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""An index before a single manifest: its digest is the same for machines of every kind."""
TIMEOUT_SECONDS = 20.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Image:
    """`host/name:tag`, as it is written in a template, in its parts."""

    host: str
    name: str
    tag: str

    @property
    def pinned_with(self) -> str:
        return f"{self.host}/{self.name}:{self.tag}"


def parsed(text: str) -> Image:
    """The parts of an image's name; without a host it is Docker Hub's, without a folder one of its official ones."""
    first, slash, rest = text.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if is_host else (DOCKER_HUB, text)
    name, colon, tag = path.rpartition(":")
    if not colon or "/" in tag or "@" in path or not name:
        raise Invalid(f"“{text}” has no tag that could be resolved. Write it like docker.io/library/nginx:1.29.", field="image")
    if host in ("docker.io", "index.docker.io"):
        host = DOCKER_HUB
    return Image(host, name if "/" in name or host != DOCKER_HUB else f"library/{name}", tag)


class Registry(Protocol):
    """Tells digests. Raises NotFound for an image that is not there, Unavailable when nobody answers."""

    def digest(self, image: str) -> str:
        """`sha256:…` of what the image's tag stands for now."""


class HttpRegistry:
    """Signs `Registry`, without an account: what needs one is not found. `plain`: hosts that speak HTTP (a registry in the cluster).

    `mirror`: a host that is asked in place of all others, for images under the same names.
    """

    def __init__(self, *, plain: frozenset[str] = frozenset(), mirror: str = "", client: httpx.Client | None = None) -> None:
        self._plain = plain
        self._mirror = mirror
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True)

    def digest(self, image: str) -> str:
        wanted = parsed(image)
        host = self._mirror or wanted.host
        scheme = "http" if host in self._plain else "https"
        url = f"{scheme}://{host}/v2/{wanted.name}/manifests/{wanted.tag}"
        answer = self._head(url, {})
        if answer.status_code == 401:
            answer = self._head(url, {"Authorization": f"Bearer {self._token(answer)}"})
        if answer.status_code in (401, 403, 404):
            raise NotFound(f"The registry {host} gives no image {wanted.name}:{wanted.tag} to strangers.")
        if answer.status_code != 200:
            raise Unavailable(f"The registry {host} answered {answer.status_code} about {wanted.name}.")
        said = answer.headers.get("docker-content-digest", "")
        if not _DIGEST.fullmatch(said):
            raise Unavailable(f"The registry {host} told no digest of {wanted.name}:{wanted.tag}.")
        return str(said)

    def _head(self, url: str, headers: dict[str, str]) -> httpx.Response:
        try:
            return self._client.head(url, headers={"Accept": ACCEPT} | headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"The registry did not answer at {url}: {error}.") from error

    def _token(self, refused: httpx.Response) -> str:
        """What the registry's challenge asks for: a token for anybody."""
        scheme, _, rest = refused.headers.get("www-authenticate", "").partition(" ")
        facts = dict(_CHALLENGE.findall(rest))
        realm = facts.pop("realm", "")
        if scheme.lower() != "bearer" or not realm.startswith(("https://", "http://")):
            raise NotFound("The registry asks for an account, and none is set.")
        try:
            answer = self._client.get(realm, params={key: value for key, value in facts.items() if key in ("service", "scope")})
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"The registry gave no token at {realm}: {error}.") from error
        return str(found.get("token") or found.get("access_token") or "")
