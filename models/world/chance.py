"""Chance without a generator: every draw is a hash of what it is for, so any of them can be taken alone and in any order.

The mixing function is SplitMix64 (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


def key(seed: int, *names: object) -> int:
    """64 bits that stand for `names` in the world of `seed`."""
    text = "\x1f".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def unit(seed: int, *names: object) -> float:
    """A draw from [0, 1)."""
    return (key(seed, *names) >> 11) * _UNIT


def between(low: float, high: float, seed: int, *names: object) -> float:
    """A draw from [low, high)."""
    return low + (high - low) * unit(seed, *names)


def letters(length: int, seed: int, *names: object) -> str:
    """A suffix as Kubernetes makes them: consonants and digits."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    value = key(seed, *names)
    found = []
    for _ in range(length):
        value, index = divmod(value, len(alphabet))
        found.append(alphabet[index])
    return "".join(found)


def uid(seed: int, *names: object) -> str:
    """Looks like a UUID of version 4."""
    text = hashlib.blake2b("\x1f".join(str(name) for name in (seed, *names)).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def units(keys: Keys, index: NDArray[np.int64]) -> Floats:
    """A draw from [0, 1) for each pair of key and index (broadcast)."""
    with np.errstate(over="ignore"):
        bits = keys + index.astype(np.uint64) * _GOLDEN
        bits = (bits ^ (bits >> np.uint64(30))) * _MIX1
        bits = (bits ^ (bits >> np.uint64(27))) * _MIX2
        bits ^= bits >> np.uint64(31)
    drawn: Floats = (bits >> np.uint64(11)).astype(np.float64) * _UNIT
    return drawn


def wander(keys: Keys, x: Floats, spacing: float) -> Floats:
    """A value in [0, 1) that wanders: drawn at each multiple of `spacing`, straight in between. Slope at most 1 / spacing.

    `keys` is (rows, 1) and `x` (rows or 1, columns).
    """
    place = x / spacing
    knot = np.floor(place)
    share = place - knot
    index = knot.astype(np.int64)
    first, last = int(index.min()), int(index.max())
    if last - first + 2 <= 4 * index.shape[1] + 8:
        drawn = units(keys, np.arange(first, last + 2, dtype=np.int64)[None, :])
        if index.shape[0] == 1:
            row = index[0] - first
            left, right = drawn[:, row], drawn[:, row + 1]
            return left + (right - left) * share
        at = np.broadcast_to(index - first, (drawn.shape[0], index.shape[1]))
        left, right = np.take_along_axis(drawn, at, 1), np.take_along_axis(drawn, at + 1, 1)
    else:
        left, right = units(keys, index), units(keys, index + 1)
    return left + (right - left) * share
