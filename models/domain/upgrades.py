"""Upgrades of apps: which version comes next, and the life of one upgrade with its way back."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from models.domain.errors import IllegalTransition

_NUMBERS = re.compile(r"\d{1,9}")


class UpgradeState(StrEnum):
    ASKED = "asked"
    SAVING = "saving"
    """The backup is made; nothing is changed before it is done."""
    CHANGING = "changing"
    """The new version is wanted and has to prove itself."""
    DONE = "done"
    RETURNING = "returning"
    """The new version failed; the old one is brought back, with its data where the new one may have changed it."""
    RETURNED = "returned"
    FAILED = "failed"
    """Nothing was changed."""
    CANCELLED = "cancelled"
    """Something else was wanted of the app meanwhile."""
    STUCK = "stuck"
    """The way back failed too: somebody has to look."""


U = UpgradeState
MOVES: Mapping[UpgradeState, frozenset[UpgradeState]] = {
    U.ASKED: frozenset({U.SAVING, U.CHANGING, U.FAILED, U.CANCELLED}),
    U.SAVING: frozenset({U.CHANGING, U.FAILED, U.CANCELLED}),
    U.CHANGING: frozenset({U.DONE, U.RETURNING, U.CANCELLED}),
    U.RETURNING: frozenset({U.RETURNED, U.STUCK, U.CANCELLED}),
    U.DONE: frozenset(),
    U.RETURNED: frozenset(),
    U.FAILED: frozenset(),
    U.CANCELLED: frozenset(),
    U.STUCK: frozenset(),
}
OPEN = frozenset({U.ASKED, U.SAVING, U.CHANGING, U.RETURNING})
"""An instance has at most one upgrade in these states."""


def move(current: UpgradeState, target: UpgradeState) -> UpgradeState:
    """`target`, when the table has that move."""
    if target not in MOVES[current]:
        raise IllegalTransition("upgrade", current, target)
    return target


def numbers(version: str) -> tuple[int, ...]:
    """A version as it is ordered: its numbers, without what follows a hyphen or plus sign."""
    return tuple(int(one) for one in _NUMBERS.findall(re.split(r"[-+]", version, maxsplit=1)[0]))


def is_newer(version: str, than: str) -> bool:
    """Whether it comes later. What has no numbers is never newer."""
    return numbers(version) > numbers(than)


def following(now: str, newest: str, known: Collection[str], *, one_major: bool) -> str | None:
    """The version to which an app at `now` goes next on its way to `newest`; None when there is no way from here.

    With `one_major` it passes no major version by; then one of the `known` versions of the next one is needed.
    """
    major = (numbers(now) or (0,))[0]
    if not one_major or (numbers(newest) or (0,))[0] <= major + 1:
        return newest
    between = [one for one in known if numbers(one) and numbers(one)[0] == major + 1]
    return max(between, key=numbers, default=None)


def major(image: str) -> int:
    """The first number of a container image's tag; 0 when it has none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return (numbers(tag) or (0,))[0]


def goes_on(version: str, of: str, *, rule: str) -> bool:
    """Whether an app at `version` goes on from data that is `of` another one, with its template's rule of upgrades."""
    if is_newer(of, version):
        return False
    if rule == "command":
        return not is_newer(version, of)
    return rule != "major" or (numbers(version) or (0,))[0] <= (numbers(of) or (0,))[0] + 1
