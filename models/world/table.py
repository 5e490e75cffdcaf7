"""Many rows of few things: what describes a thing is written once, and each row points to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.world.chance import Floats

Facts = Mapping[str, str | float]
"""Words, and instants in seconds since 1970 (NaN: not known), by column."""


@dataclass(frozen=True)
class Table:
    """Rows thing by thing: `blocks[i]` has the columns `names` of the rows of `things[i]`, ascending in time.

    NaN: not known; times are seconds since 1970.
    """

    things: Sequence[Facts]
    blocks: Sequence[Mapping[str, Floats]]
    names: Sequence[str]

    @cached_property
    def index(self) -> NDArray[np.int32]:
        """The thing of each row."""
        sizes = [len(next(iter(block.values()))) for block in self.blocks]
        return np.repeat(np.arange(len(self.blocks), dtype=np.int32), sizes)

    @cached_property
    def numbers(self) -> Mapping[str, Floats]:
        """Whole columns by name, also when there is no row at all."""
        empty = np.empty(0)
        return {name: np.concatenate([block[name] for block in self.blocks]) if self.blocks else empty for name in self.names}


def table(parts: Sequence[tuple[Facts, Mapping[str, Floats]]], names: Sequence[str]) -> Table:
    """Of each thing and its rows; `names` are the columns, also when there is no row at all."""
    return Table([facts for facts, _ in parts], [block for _, block in parts], tuple(names))
