"""Reading templates; what is wrong is said with file and line, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from models.domain.errors import Misconfigured
from provisioner.catalogue.agreement import Place, problems
from provisioner.catalogue.schema import Template

FOLDER = Path(__file__).parent
_READER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one that is written in C reads the catalogue in a tenth of the time, where PyYAML has it."""
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; look for a spelling mistake",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a template. `line` counts from 1."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


class Broken(Misconfigured):
    """A template cannot be used; `problems` lists all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class _Named(Protocol):
    @property
    def id(self) -> str: ...


Read = TypeVar("Read", bound=_Named)
Model = TypeVar("Model", bound=BaseModel)


def load(folder: Path = FOLDER) -> Mapping[str, Template]:
    """All templates of a folder by id. Raises Broken with everything that is wrong in any of them."""
    return read_all(folder, parse)


def read_all(folder: Path, read: Callable[[str, str], Read]) -> Mapping[str, Read]:
    """All YAML files of a folder by id, which is the file's name. Raises Broken with everything that is wrong in any of them."""
    found: dict[str, Read] = {}
    broken: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            one = read(path.read_text(encoding="utf-8"), path.name)
        except Broken as error:
            broken += error.problems
            continue
        if one.id != path.stem:
            broken.append(Problem(path.name, 1, f"the id is “{one.id}”; it must be the name of the file, “{path.stem}”"))
        found[one.id] = one
    if broken:
        raise Broken(broken)
    return found


def parse(text: str, file: str) -> Template:
    """The template that `text` describes. Raises Broken."""
    return parse_as(Template, text, file, problems)


def parse_as(model: type[Model], text: str, file: str, disagreements: Callable[[Model], Iterable[tuple[Place, str]]]) -> Model:
    """What `text` describes; `disagreements` says what does not fit together, with its place. Raises Broken."""
    try:
        node = yaml.compose(text, Loader=_READER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Broken([Problem(file, line, f"this is not YAML: {error.problem}")]) from error
    if not isinstance(node, yaml.MappingNode):
        raise Broken([Problem(file, 1, f"a {model.__name__.lower()} is a mapping that begins with `id:`")])
    if twice := list(_twice(node, file)):
        raise Broken(twice)
    data = yaml.SafeLoader("").construct_document(node)
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        raise Broken(_problems(error, node, file)) from error
    if wrong := [Problem(file, _line(node, place), sentence) for place, sentence in disagreements(found)]:
        raise Broken(wrong)
    return found


def _problems(error: ValidationError, node: yaml.Node, file: str) -> list[Problem]:
    found = []
    for one in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in one["loc"])
        sentence = _WORDS.get(one["type"]) or one["msg"].removeprefix("Value error, ")
        found.append(Problem(file, _line(node, one["loc"]), f"{where}: {sentence}" if where else sentence))
    return sorted(found, key=lambda problem: problem.line)


def _line(node: yaml.Node, location: Iterable[Any]) -> int:
    """Line of the deepest part of `location` that stands in the file."""
    line = node.start_mark.line
    for part in location:
        if isinstance(node, yaml.MappingNode):
            step = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if step is None:
                break
            line, node = step[0].start_mark.line, step[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return line + 1


def _twice(node: yaml.Node, file: str) -> Iterator[Problem]:
    """YAML lets a later key replace an earlier one in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield Problem(file, key.start_mark.line + 1, f"“{key.value}” stands here twice")
            seen.add(key.value)
            yield from _twice(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value, file)
