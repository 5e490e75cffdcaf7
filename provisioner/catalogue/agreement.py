"""Whether the parts of a template agree with each other; each part by itself is the schema's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from provisioner.catalogue.schema import FACTS, LANGUAGES, PART_FACTS, PLAN_FACTS, REFERENCE, Template

Place = tuple[str | int, ...]
"""Keys and positions from the top of the file to what is meant."""


def problems(template: Template) -> Iterator[tuple[Place, str]]:
    """What does not fit together, with its place."""
    yield from _names(template)
    yield from _backups(template)
    yield from _words(template)
    yield from _sums(template)
    yield from _references(template)
    yield from _connections(template)


def _names(template: Template) -> Iterator[tuple[Place, str]]:
    components = [component.name for component in template.components]
    for key, what, names in (
        ("components", "component", components),
        ("plans", "plan", [plan.name for plan in template.plans]),
        ("setup", "setup step", [step.name for step in template.setup]),
    ):
        for name, times in Counter(names).items():
            if times > 1:
                yield (key, len(names) - 1 - names[::-1].index(name)), f"the {what} “{name}” stands there twice"
    if template.exposes not in components:
        yield ("exposes",), f"there is no component “{template.exposes}”"
    for number, step in enumerate(template.setup):
        if step.of not in components:
            yield ("setup", number, "of"), f"there is no component “{step.of}”"
    for name, secret in template.secrets.items():
        if secret.of is not None and secret.of not in template.secrets:
            yield ("secrets", name), f"there is no secret “{secret.of}” whose hash it could be"


def _backups(template: Template) -> Iterator[tuple[Place, str]]:
    volumes = {component.name: {volume.name for volume in component.volumes} for component in template.components}
    for number, one in enumerate(template.backup):
        if one.of not in volumes:
            yield ("backup", number), f"there is no component “{one.of}”"
        for lacking in sorted(set(one.files) - volumes.get(one.of, set(one.files))):
            yield ("backup", number), f"“{one.of}” has no volume “{lacking}”"


def _words(template: Template) -> Iterator[tuple[Place, str]]:
    spoken: list[tuple[Place, Iterable[str]]] = [(("words",), template.words)]
    spoken += [(("credentials", number), one.label) for number, one in enumerate(template.credentials)]
    spoken += [(("parameters", name), one.question) for name, one in template.parameters.items()]
    for place, languages in spoken:
        if missing := LANGUAGES - set(languages):
            yield place, f"words are missing in {', '.join(sorted(missing))}"


def _sums(template: Template) -> Iterator[tuple[Place, str]]:
    for share in ("cpu_share", "memory_share"):
        if abs(sum(getattr(component, share) for component in template.components) - 1) > 1e-9:
            yield ("components",), f"the {share} of all components must add up to 1"
    storage = [volume.share for component in template.components for volume in component.volumes]
    if storage and abs(sum(storage) - 1) > 1e-9:
        yield ("components",), "the share of all volumes must add up to 1"


def _references(template: Template) -> Iterator[tuple[Place, str]]:
    known: Mapping[str, Iterable[str]] = {
        "service": {component.name for component in template.components},
        "secret": template.secrets,
        "parameter": template.parameters,
        "plan": PLAN_FACTS,
        "part": PART_FACTS if any(one.kind == "components" for one in template.parameters.values()) else (),
    }
    for place, text in _texts(template):
        for kind, name in REFERENCE.findall(text):
            if (name not in known.get(kind, ())) if name else (kind not in FACTS):
                yield place, f"“${{{kind}{'.' + name if name else ''}}}” refers to nothing"
    for number, component in enumerate(template.components):
        for variable, secret in component.secret_files.items():
            if secret not in template.secrets:
                yield ("components", number, "secret_files", variable), f"there is no secret “{secret}”"


def _connections(template: Template) -> Iterator[tuple[Place, str]]:
    from provisioner.catalogue.addons import load_components  # which is read by the same means as templates are

    known = load_components() if template.connections else {}
    for component, names in template.connections.items():
        if component not in known:
            yield ("connections", component), f"there is no component “{component}” that could be added"
            continue
        for own, theirs in names.items():
            if theirs not in known[component].gives:
                yield ("connections", component, own), f"“{component}” gives no variable “{theirs}”"


def _texts(template: Template) -> Iterator[tuple[Place, str]]:
    """Every text in which references are resolved."""
    for number, component in enumerate(template.components):
        here: Place = ("components", number)
        for key in ("image", "port", "copies"):
            yield (*here, key), str(getattr(component, key))
        yield from (((*here, "environment", name), text) for name, text in component.environment.items())
        command = (component.command,) if isinstance(component.command, str) else component.command
        yield from (((*here, "command"), word) for word in command)
        yield from (((*here, "arguments"), word) for word in component.arguments)
        for name in ("startup", "readiness", "liveness"):
            probe = getattr(component.probes, name)
            for text in (probe.path or "", *probe.command) if probe is not None else ():
                yield (*here, "probes", name), text
    for number, step in enumerate(template.setup):
        yield from ((("setup", number, "environment", name), text) for name, text in step.environment.items())
        yield from ((("setup", number, "command", place), word) for place, word in enumerate(step.command))
    for number, backup in enumerate(template.backup):
        yield from ((("backup", number), word) for word in (*backup.dump, *backup.restore))
    yield from ((("upgrade",), word) for word in template.upgrade.command)
    yield from ((("credentials", number, "value"), one.value) for number, one in enumerate(template.credentials))
    for key in ("fields", "headers") if template.proof is not None else ():
        yield from ((("proof", key, name), text) for name, text in getattr(template.proof, key).items())
