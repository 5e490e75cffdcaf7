"""What a template is: one YAML file says everything that Moorage must know to sell, run, back up and upgrade a kind of app.

Texts may refer to what is known at ordering time: `${host}`, `${url}`, `${email}`, `${organization}`, `${version}`,
`${plan.memory_mib}`, `${service.NAME}` (address of a component), `${secret.NAME}`, `${parameter.NAME}`; in the pattern of listed
components `${part.NAME}`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from models.domain.ids import is_label
from provisioner.catalogue.quantities import bytes_of, cores_of

REFERENCE = re.compile(r"\$\{([a-z_]+)(?:\.([a-z0-9_-]+))?\}")
FACTS = frozenset({"host", "url", "email", "organization", "instance", "version"})
PLAN_FACTS = frozenset({"memory_mib", "storage_gib", "cpu"})
PART_FACTS = frozenset({"image", "port", "command", "copies", "health"})
"""What a customer says of each component that is listed (`provisioner.catalogue.listed`)."""
CURRENCIES = frozenset({"IDR", "USD", "EUR"})
LANGUAGES = frozenset({"en", "id"})
HASHES = frozenset({"argon2", "bcrypt"})
"""Kinds of secrets that are the hash of another one."""


def _label(text: str) -> str:
    if not is_label(text):
        raise ValueError("is written in at most 63 lower-case letters, digits and inner hyphens")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or ".." in text.split("/"):
        raise ValueError("is an absolute path, such as /data")
    return text


def _cpu(text: str) -> str:
    cores_of(text)
    return text


def _size(text: str) -> str:
    bytes_of(text)
    return text


Label = Annotated[str, AfterValidator(_label)]
AbsolutePath = Annotated[str, AfterValidator(_path)]
Cpu = Annotated[str, AfterValidator(_cpu)]
"""CPU as Kubernetes writes it: `250m` or `1.5`."""
Size = Annotated[str, AfterValidator(_size)]
"""Bytes as Kubernetes writes them: `512Mi`, `10Gi`."""
Share = Annotated[float, Field(gt=0, le=1)]


class Strict(BaseModel):
    """What is not known is a mistake, and what was read does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Words(Strict):
    """What the app is for, in one sentence and in some more, for people who are not technical."""

    summary: Annotated[str, Field(min_length=10, max_length=120)]
    text: Annotated[str, Field(min_length=20, max_length=1000)]


class Licence(Strict):
    """Under which licence the app may be hosted for money. `agreement`: only with its maker's agreement, which an admin must confirm."""

    name: str
    resale: Literal["free", "agreement"]
    note: str = ""

    @model_validator(mode="after")
    def _reason(self) -> Licence:
        if self.resale == "agreement" and not self.note:
            raise ValueError("needs a note that says what the licence forbids")
        return self


class Secret(Strict):
    """A value that is drawn once. `survives`: without it a backup is worth nothing, so it is part of every backup."""

    kind: Literal["password", "hex", "base64", "bcrypt", "argon2"] = "password"
    length: Annotated[int, Field(ge=8, le=128)] = 32
    survives: bool = False
    of: Label | None = None
    """For `bcrypt` and `argon2`: the secret whose hash this is."""

    @model_validator(mode="after")
    def _hash_of(self) -> Secret:
        if (self.kind in HASHES) != (self.of is not None):
            raise ValueError(f"a secret of kind {' or '.join(sorted(HASHES))}, and no other, says `of` which secret it is the hash")
        return self


class Parameter(Strict):
    """Something that only the customer knows."""

    kind: Literal["image", "port", "text", "environment", "command", "path", "copies", "components"]
    question: dict[str, str]
    default: str | int | None = None
    required: bool = True


class Volume(Strict):
    """A directory that is kept. `share` of the plan's storage."""

    name: Label
    path: AbsolutePath
    share: Share = 1.0


class Probe(Strict):
    """How it is known that a component works: an HTTP path on its port, an open port (neither), or a command's exit code."""

    path: str | None = None
    command: tuple[str, ...] = ()
    period_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    failures: Annotated[int, Field(ge=1, le=360)] = 3

    @model_validator(mode="after")
    def _one_way(self) -> Probe:
        if self.path is not None and self.command:
            raise ValueError("has a path or a command, not both")
        return self


class Probes(Strict):
    startup: Probe
    readiness: Probe
    liveness: Probe | None = None


class Component(Strict):
    """One workload of the app. `cpu_share` and `memory_share` are of the plan; those of all components add up to one."""

    name: Label
    image: str
    port: int | str
    inner_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    """Further ports on which the other components of the app reach it."""
    user: Annotated[int, Field(ge=1)]
    group: Annotated[int, Field(ge=0)] | None = None
    command: tuple[str, ...] | str = ()
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    secret_files: dict[str, Label] = {}
    """Environment variable -> secret whose file it names; for images that understand `..._FILE`."""
    volumes: tuple[Volume, ...] = ()
    scratch: tuple[AbsolutePath, ...] = ()
    """Directories that may be written and are forgotten with the pod."""
    shell: str | None = None
    """For an image without a shell: an image with a busybox that needs no libraries, whose programs are put into the pod. The files of a
    backup are read and given back by commands."""
    read_only_root: bool = True
    low_port: bool = False
    """Listens below 1024 without being root, by the safe sysctl `net.ipv4.ip_unprivileged_port_start`."""
    internet: bool = False
    """Whether it may reach addresses outside the cluster."""
    probes: Probes
    cpu_share: Share
    memory_share: Share
    grace_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    copies: int | str = 1

    @model_validator(mode="after")
    def _one_place(self) -> Component:
        paths = [volume.path for volume in self.volumes] + list(self.scratch)
        if len(paths) != len(set(paths)):
            raise ValueError("mounts one path twice")
        if self.volumes and self.copies != 1:
            raise ValueError("has a volume, which one pod alone may write, so it has one copy")
        return self


class Setup(Strict):
    """A step that runs once, as a Job in the app's namespace, before anybody can reach the app from outside."""

    name: Label
    of: Label
    """Component whose image, environment and volumes it uses."""
    image: str | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: dict[str, str] = {}
    seconds: Annotated[int, Field(ge=5, le=3600)] = 300


class Backup(Strict):
    """How one component is saved and brought back. Commands write to and read from standard output and input; `files` are volumes."""

    of: Label
    dump: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    files: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _both_ways(self) -> Backup:
        if bool(self.dump) != bool(self.restore):
            raise ValueError("a dump needs a way to restore it, and the reverse")
        if not self.dump and not self.files:
            raise ValueError("saves nothing: name a dump or files")
        return self


class Upgrade(Strict):
    """`tag`: another image is all. `major`: one major version at a time. `command`: the code is on the volume and upgrades itself."""

    rule: Literal["tag", "major", "command"]
    command: tuple[str, ...] = ()
    reversible: bool = False

    @model_validator(mode="after")
    def _its_command(self) -> Upgrade:
        if (self.rule == "command") != bool(self.command):
            raise ValueError("the rule `command`, and no other, names a command")
        return self


class Credential(Strict):
    """What its owner signs in with."""

    label: dict[str, str]
    value: str
    secret: bool = False


class Answer(Strict):
    """How an app says that a sign-in was right. `cookie`: the beginning of a cookie's name; `says`: a word of the body."""

    status: Annotated[int, Field(ge=200, le=499)]
    cookie: str = ""
    says: str = ""

    @model_validator(mode="after")
    def _a_sign(self) -> Answer:
        if not self.cookie and not self.says:
            raise ValueError("names a cookie or a word: a status alone proves no sign-in")
        return self


class SignIn(Strict):
    """The request with which the app's own page signs in, as its maker documents it: the drawn credentials are tried with it at the app's
    address before the app is called ready.

    `form` and `json` post the fields; `basic` reads the path with `user` and `password` as HTTP has it (RFC 7617).
    """

    path: AbsolutePath
    kind: Literal["form", "json", "basic"] = "json"
    fields: Annotated[dict[str, str], Field(min_length=1)]
    headers: dict[str, str] = {}
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _of_http(self) -> SignIn:
        if self.kind == "basic" and set(self.fields) != {"user", "password"}:
            raise ValueError("a basic sign-in has the fields user and password, and no others")
        return self


class Plan(Strict):
    """`cpu` and `memory` are limits of the whole app; memory is reserved in full, CPU by the template's `cpu_reserved`."""

    name: Label
    cpu: Cpu
    memory: Size
    storage: Size
    price: dict[str, Annotated[int, Field(ge=0)]]
    people: Annotated[int, Field(ge=1)]
    """Up to how many people it suits; what the checkout proposes from."""
    trial_days: Annotated[int, Field(ge=1, le=90)] | None = None

    @model_validator(mode="after")
    def _prices(self) -> Plan:
        if set(self.price) != CURRENCIES:
            raise ValueError(f"has a price in each of {', '.join(sorted(CURRENCIES))}")
        if (self.trial_days is not None) != (not any(self.price.values())):
            raise ValueError("a trial, and nothing else, costs nothing")
        return self


class Template(Strict):
    """One entry of the catalogue."""

    id: Label
    name: str
    category: Literal[
        "automation", "publishing", "files", "monitoring", "security", "development", "analytics", "communication", "data", "own"
    ]
    version: str
    words: dict[str, Words]
    licence: Licence
    secrets: dict[Label, Secret] = {}
    parameters: dict[Label, Parameter] = {}
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    exposes: Label
    """Component that answers at the app's address."""
    setup: tuple[Setup, ...] = ()
    backup: tuple[Backup, ...] = ()
    upgrade: Upgrade
    credentials: tuple[Credential, ...] = ()
    connections: dict[Label, dict[str, str]] = {}
    """By component that can be added: what the app itself calls the variables of that one (its name -> the component's name).

    The app then gets those instead. Without an entry it gets the component's variables as they are.
    """
    proof: SignIn | None = None
    plans: Annotated[tuple[Plan, ...], Field(min_length=1)]
    cpu_reserved: Share = 0.2
    """The part of a plan's CPU that is requested; the rest is had when nobody else wants it."""
    ready_within_seconds: Annotated[int, Field(ge=30, le=3600)]
    """After this long an app that is not ready has failed."""
