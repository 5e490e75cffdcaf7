"""What an instance should be: everything that rendering depends on, as one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from models.domain.components import Keeping
from models.domain.errors import Invalid
from models.domain.ids import is_label
from provisioner.catalogue import listed
from provisioner.catalogue.addons import AddOn
from provisioner.catalogue.schema import REFERENCE, Parameter, Plan, Template

MOST_COPIES = 10
MOST_VARIABLES = 100
_IMAGE = re.compile(
    r"(?:[a-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the cluster is like, from settings."""

    apps_domain: str
    forbidden_networks: tuple[str, ...] = ()
    """Networks in CIDR that no app may reach, beside the private ones: the nodes' public addresses."""
    ingress_namespace: str = "kube-system"
    ingress_labels: Mapping[str, str] = field(default_factory=lambda: {"app.kubernetes.io/name": "traefik"})
    ingress_class: str | None = None
    certificate_issuer: str | None = None
    """ClusterIssuer of cert-manager for customers' own domains; None where the ingress sees to their certificates itself."""
    tls_secret: str | None = None
    """Name of a certificate's Secret for each app; None where the ingress has a wildcard certificate of its own."""
    storage_class: str | None = None
    pod_security_version: str = "latest"
    tags_suffice: bool = True
    """Whether a template may be sold whose images are named by tag only."""
    notice_image: str = "busybox:1.37"
    """What answers for a suspended app: any image with busybox."""
    platform_namespace: str = "moorage"
    """Where the provisioner's service account is."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A component that was added to an instance. `made`: whether its volumes stood once, so that they are not made anew in silence."""

    addon: AddOn
    keeping: Keeping = Keeping.RUNS
    made: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One instance as it should be. `namespace` is its own, `host` the name under which it answers.

    `template` has the components already that were added and run.
    """

    instance_id: str
    organization_id: str
    organization: str
    email: str
    namespace: str
    host: str
    template: Template
    plan: Plan
    parameters: Mapping[str, Any]
    ground: Ground
    running: bool = True
    generation: int = 1
    restarts: int = 0
    """Another number makes its containers begin anew."""
    additions: tuple[Addition, ...] = ()
    """What was added, in that order."""
    domains: tuple[str, ...] = ()
    """Names of the customer's own at which it answers as well, proven to be theirs."""
    upgrades: bool = False
    """Whether this generation brings it from another version to this one: then the template's upgrade command is run."""
    notice: str = ""
    """Why it is suspended, as visitors read it at its address; empty when it is not."""
    still: bool = False
    """Whether only what a backup or a restore needs is to run (`provisioner.stillness`)."""

    def runs(self, component: str) -> bool:
        """Whether that component is to have pods."""
        if self.still:
            return any(entry.of == component and entry.dump for entry in self.template.backup)
        return self.running

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def routes(self) -> tuple[str, ...]:
        """Paths at which its components answer from outside, the longest first."""
        found = {one.route for one in self.template.components if isinstance(one, listed.Listed) and one.route}
        return tuple(sorted(found or {"/"}, key=lambda route: (-len(route), route)))


def check_parameters(template: Template, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the customer said, whole and understood: defaults filled in. Raises Invalid with the parameter's name."""
    for name in given:
        if name not in template.parameters:
            raise Invalid(f"{template.name} does not ask for “{name}”.", field=name)
    found: dict[str, Any] = {}
    for name, parameter in template.parameters.items():
        value = given.get(name, parameter.default)
        if value in (None, "", {}, []):
            if parameter.required:
                raise Invalid(f"{parameter.question['en']} Please say.", field=name)
            continue
        found[name] = _understood(name, parameter, value)
    return found


def _understood(name: str, parameter: Parameter, value: Any) -> Any:
    match parameter.kind:
        case "image":
            return _image(name, value)
        case "port":
            return _port(name, value)
        case "copies":
            return _copies(name, value)
        case "path":
            return _path(name, value)
        case "components":
            return listed.understood(name, value, _each(name))
        case "environment":
            return _environment(name, value)
        case "command":
            return _command(name, value)
        case _:
            return _matching(name, value, re.compile(r"[^\x00-\x1f]{1,300}"), "That is at most 300 characters in one line.")


def _each(name: str) -> listed.Checks:
    """The same rules for each component of a list."""
    return listed.Checks(
        image=partial(_image, name),
        port=partial(_port, name),
        environment=partial(_environment, name),
        command=partial(_command, name),
        copies=partial(_copies, name),
        health=partial(_path, name),
    )


def _image(name: str, value: Any) -> str:
    return _matching(name, value, _IMAGE, "An image looks like ghcr.io/you/app:1.4.")


def _port(name: str, value: Any) -> int:
    return _whole(name, value, 1, 65535, "A port is a whole number from 1 to 65535.")


def _copies(name: str, value: Any) -> int:
    return _whole(name, value, 1, MOST_COPIES, f"There can be 1 to {MOST_COPIES} copies.")


def _path(name: str, value: Any) -> str:
    return _matching(name, value, re.compile(r"/[^\s?#]{0,300}"), "A path begins with a slash, such as /health.")


def _matching(name: str, value: Any, pattern: re.Pattern[str], sentence: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value.strip()):
        raise Invalid(sentence, field=name)
    return value.strip()


def _whole(name: str, value: Any, least: int, most: int, sentence: str) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,6}", str(value)) or not least <= int(value) <= most:
        raise Invalid(sentence, field=name)
    return int(value)


def _environment(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > MOST_VARIABLES:
        raise Invalid(f"Environment variables are at most {MOST_VARIABLES} names with values.", field=name)
    for key, text in value.items():
        if not isinstance(key, str) or not _VARIABLE.fullmatch(key):
            raise Invalid(f"“{key}” is no name of an environment variable: letters, digits and underscores.", field=name)
        if not isinstance(text, str) or len(text) > 10_000 or "\x00" in text:
            raise Invalid(f"The value of {key} is a text of at most 10,000 characters.", field=name)
    return dict(value)


def _command(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or len(value) > 100:
        raise Invalid("A command is a list of words, such as [gunicorn, app:main].", field=name)
    if not all(isinstance(word, str) and len(word) <= 2000 and "\x00" not in word for word in value):
        raise Invalid("The words of a command are texts.", field=name)
    return tuple(value)


def resolved(wanted: Wanted, text: str) -> str:
    """`text` with all that is no secret put in; secrets stay as they are, since they are in no manifest."""

    def value(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        match kind:
            case "secret":
                return found[0]
            case "service":
                return name
            case "parameter":
                return str(wanted.parameters.get(name, ""))
            case "plan":
                return _of_plan(wanted.plan, name)
        return {
            "host": wanted.host, "url": wanted.url, "email": wanted.email, "organization": wanted.organization,
            "instance": wanted.instance_id, "version": wanted.template.version,
        }[kind]  # fmt: skip

    return REFERENCE.sub(value, text)


def _of_plan(plan: Plan, name: str) -> str:
    from provisioner.catalogue.quantities import bytes_of, cores_of

    match name:
        case "memory_mib":
            return str(bytes_of(plan.memory) >> 20)
        case "storage_gib":
            return str(bytes_of(plan.storage) >> 30)
        case _:
            return f"{cores_of(plan.cpu):f}"


def check_namespace(name: str) -> str:
    """The namespace of an instance. Raises Invalid."""
    if not is_label(name) or not name.startswith("c-"):
        raise Invalid(f"“{name}” cannot be the namespace of an app: those begin with c-.")
    return name
