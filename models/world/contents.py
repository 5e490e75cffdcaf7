"""What lies on the volumes of the simulated cluster: invented once from the volume's identity, then what was written there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.domain.errors import NotFound
from models.world import chance

PIECE = 1 << 16
_INVENTED = 24
"""Lines of content that nobody wrote."""


class Contents:
    """By the volume's uid, in a folder that processes share, or in memory without one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: dict[str, bytes] = {}

    def read(self, uid: str) -> Iterator[bytes]:
        """What was written last, else what the world invents for the volume; in pieces."""
        if self._folder is None:
            held = self._held.get(uid, invented(uid))
            yield from (held[begin : begin + PIECE] for begin in range(0, len(held), PIECE))
            return
        try:
            with (self._folder / _name(uid)).open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError:
            yield invented(uid)

    def write(self, uid: str, pieces: Iterable[bytes]) -> None:
        """Keep it in the place of what was there, whole or not at all."""
        if self._folder is None:
            self._held[uid] = b"".join(pieces)
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{_name(uid)}.{os.getpid()}.{threading.get_ident()}"
        try:
            with draft.open("wb") as out:
                out.writelines(pieces)
            draft.replace(self._folder / _name(uid))
        finally:
            draft.unlink(missing_ok=True)


def invented(uid: str) -> bytes:
    """The same for the same volume, always."""
    return "".join(f"{number:02} {chance.uid(0, uid, str(number))}\n" for number in range(_INVENTED)).encode()


def _name(uid: str) -> str:
    if not uid or not uid.replace("-", "").isalnum():
        raise NotFound(f"{uid!r} is no volume of the simulated cluster.")
    return uid
