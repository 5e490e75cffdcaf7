"""The world's tables as the warehouse loads them fastest."""

from __future__ import annotations

import math

import numpy as np

from collectors.sources.simulated import TIMES, micros, moments, things, times
from collectors.warehouse import Blocks
from models.world.table import Table


def entity_blocks(entity: str, table: Table) -> Blocks:
    """The rows of `collectors.sources.simulated.entity_rows` as blocks for `Warehouse.bulk_load`."""
    described, dated = things(entity, table), moments(entity)
    for name in dated.intersection(table.names):  # a fact that is told with every row: the newest holds
        told = [block[name][np.isfinite(block[name])] for block in table.blocks]
        described = described.with_columns(times(np.array([known[-1] if len(known) else math.nan for known in told])).alias(name))
    names = [name for name in table.names if name not in dated]
    rows = [{name: micros(block[name]) if name in TIMES else block[name] for name in names} for block in table.blocks]
    return Blocks(described, rows)
