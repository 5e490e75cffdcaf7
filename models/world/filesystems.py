"""What is measured on a machine's file systems: one that fills slowly, and one of a kind that knows no inodes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.world.chance import Floats

GAUGES = ("size_bytes", "available_bytes", "inodes", "inodes_free", "read_only")


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system. `fills`: the share of it that is used follows the age of the world; else `used` is the share for ever."""

    mountpoint: str
    device: str
    fstype: str
    size: int
    inodes: int | None
    used: float
    fills: bool = False


ROOT = Disk("/", "/dev/vda2", "ext4", 80 * 2**30, 5_242_880, 0.31, fills=True)
DISKS = (ROOT, Disk("/boot/efi", "/dev/vda1", "vfat", 512 * 2**20, None, 0.06))


def used(disk: Disk, x: Floats, noise: Floats) -> Floats:
    """Share of its space that is used; `noise` wanders in [0, 1)."""
    if not disk.fills:
        return np.full(len(x), disk.used)
    grown: Floats = disk.used + 0.05 * (1 - np.exp(-np.maximum(x, 0.0) / (200 * 86400.0))) + 0.01 * noise
    return grown


def inodes_used(disk: Disk, share: Floats) -> Floats:
    """Share of its inodes that are used, for the share of its space that is; NaN where there are none."""
    return 0.04 + 0.3 * share if disk.inodes else np.full(len(share), math.nan)


def read(disk: Disk, x: Floats, noise: Floats) -> dict[str, Floats]:
    """All columns of an entity `filesystem` at `x`, all of them under power."""
    share = used(disk, x, noise)
    inodes = float(disk.inodes) if disk.inodes else math.nan
    return {
        "size_bytes": np.full(len(x), float(disk.size)),
        "available_bytes": np.floor(disk.size * (1 - share) / 4096.0) * 4096.0,
        "inodes": np.full(len(x), inodes),
        "inodes_free": np.floor(inodes * (1 - inodes_used(disk, share))),
        "read_only": np.zeros(len(x)),
    }
