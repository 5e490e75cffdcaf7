"""Commands in containers: what the provisioner may ask of programs that run in a pod, and what a failure means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.domain.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Place:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str


class CommandFailed(PlatformError):
    """The command ran and said no. `status` is its exit code, `said` the end of what it wrote to its standard error."""

    code = "command_failed"

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"The command ended with {status}" + (f": {said}" if said else " and said nothing about it."))
        self.status, self.said = status, said


class Commands(Protocol):
    """Every call may raise Unavailable (nobody answers, the connection broke), Misconfigured or Rejected (no such pod, no right)."""

    def run(self, place: Place, command: Sequence[str], given: Iterable[bytes] | None = None, length: int = 0) -> Iterator[bytes]:
        """Begin the command, with `given` of `length` bytes as its whole standard input, and give its standard output in pieces.

        The command is over well when the iterator ends; CommandFailed after the last piece when it is not. Closing the iterator
        ends the connection, and an exception of `given` does too and comes out of it.
        """


def said(pieces: Iterable[bytes], most: int = 300) -> str:
    """The last lines of a standard error, as one line of a sentence."""
    text = b"".join(pieces).decode(errors="replace").replace("\x00", "")
    words = " ".join(text.split())
    return words if len(words) <= most else f"… {words[-most:]}"
