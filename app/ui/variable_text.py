"""Environment variables as people type them: `NAME=value` a line; a value in double quotes may have several lines.

Inside of quotes `\\n` is a line break, `\\"` a quotation mark and `\\\\` a backslash. What was written is read back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.domain.errors import Invalid

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"[^\S\n]*(?=\n|\Z)', re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def read(text: str) -> dict[str, str]:
    """Variables by name; the last of two with one name. Raises Invalid with `bad_environment` or `bad_quotes` as its field."""
    text = text.replace("\r\n", "\n")
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        end = text.find("\n", place)
        line = text[place : end if end >= 0 else len(text)]
        if not line.strip():
            place += len(line) + 1
            continue
        name, equals, value = line.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise Invalid("A line of the environment is no NAME=value.", field="bad_environment")
        if not value.lstrip().startswith('"'):
            found[name.strip()] = value.strip()
            place += len(line) + 1
            continue
        quoted = _QUOTED.match(text, text.index('"', place + len(name)))
        if quoted is None:
            raise Invalid("A quotation mark of the environment is not closed at the end of a line.", field="bad_quotes")
        found[name.strip()] = re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), quoted[1], flags=re.DOTALL)
        place = quoted.end() + 1
    return found


def write(variables: Mapping[str, str]) -> str:
    """The text that `read` understands as these variables; quoted is only what has to be."""
    return "\n".join(f"{name}={_written(value)}" for name, value in variables.items())


def _written(value: str) -> str:
    if value == value.strip() and not value.startswith('"') and not re.search(r"[\r\n]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    return f'"{escaped}"'
