"""The metrics warehouse: `open` for the process that owns it, `reader` for everyone else."""

from __future__ import annotations

from collectors.warehouse.bulk_blocks import Blocks
from collectors.warehouse.connection import Connection
from collectors.warehouse.dictionary import ColumnDoc
from collectors.warehouse.errors import BadQuestion, Damaged, DiskFull, Edited, Locked, Newer, NotWritable
from collectors.warehouse.health import SourceTicks, TableSize, WarehouseHealth
from collectors.warehouse.readers import Reader, reader
from collectors.warehouse.warehouse import Warehouse
from models.domain.clock import Clock

__all__ = [
    "BadQuestion",
    "Blocks",
    "ColumnDoc",
    "Damaged",
    "DiskFull",
    "Edited",
    "Locked",
    "Newer",
    "NotWritable",
    "Reader",
    "SourceTicks",
    "TableSize",
    "Warehouse",
    "WarehouseHealth",
    "open",
    "reader",
]


def open(
    uri: str, *, data_path: str = "", memory: str = "2GB", threads: int | None = None, clock: Clock | None = None
) -> Warehouse:
    """The warehouse for writing, migrated. Raises Locked, Damaged, Newer, Edited or NotWritable, each with a sentence."""
    return Warehouse(Connection(uri, data_path=data_path, memory=memory, threads=threads), clock)
