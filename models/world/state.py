"""All that the simulated world needs to be computed again: a seed, where its history begins, and what was ordered to go wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from models.domain.clock import aware
from models.domain.errors import Conflict, Invalid, Misconfigured
from models.world.faults import MOMENTARY, Fault, Kind

FORMAT = 1
HISTORY = timedelta(days=90)
"""How far back a new world begins."""


@dataclass(frozen=True, slots=True)
class State:
    """The same state is the same world, at every instant and in every process."""

    seed: int
    epoch: datetime
    faults: tuple[Fault, ...] = ()
    """Ordered ones, beside those of the world's own history."""
    nodes: int = 3
    """More than the business of its history needs leave room for what is ordered."""

    def with_fault(self, fault: Fault) -> State:
        """This state and one more fault; a lasting one that is on already is refused."""
        if fault.kind not in MOMENTARY and any(
            f.kind == fault.kind and f.target == fault.target and f.active(fault.start) for f in self.faults
        ):
            raise Conflict(f"The fault {fault.kind} of {fault.target or 'the world'} is on already. End it first.")
        return replace(self, faults=(*self.faults, fault))

    def without_fault(self, kind: Kind, target: str, at: datetime) -> State:
        """The faults of that kind and target, ended at `at`; refused when none is on."""
        kept: list[Fault] = []
        ended = False
        for fault in self.faults:
            if fault.kind == kind and fault.target == target and fault.active(at):
                ended = True
                if fault.start < at:
                    kept.append(replace(fault, end=at))
            else:
                kept.append(fault)
        if not ended:
            raise Conflict(f"The fault {kind} of {target or 'the world'} is not on, so it cannot be ended.")
        return replace(self, faults=tuple(kept))


def begin(seed: int, now: datetime) -> State:
    """A new world whose history of 90 days ends with the hour of `now`."""
    hour = aware(now).replace(minute=0, second=0, microsecond=0)
    return State(seed, hour - HISTORY)


def to_json(state: State) -> str:
    body = {
        "format": FORMAT,
        "seed": state.seed,
        "epoch": state.epoch.isoformat(),
        "nodes": state.nodes,
        "faults": [
            {"kind": f.kind.value, "target": f.target, "start": f.start.isoformat(), "end": f.end.isoformat() if f.end else None}
            for f in state.faults
        ],
    }
    return json.dumps(body, indent=1) + "\n"


def from_json(text: str) -> State:
    """The state in `text`; Misconfigured when it is damaged or newer than this program."""
    try:
        body: dict[str, Any] = json.loads(text)
        if body["format"] > FORMAT:
            raise Misconfigured(
                f"The world file has format {body['format']}, this program knows {FORMAT}. Start the newer program that wrote it."
            )
        faults = tuple(
            Fault(Kind(f["kind"]), f["target"], _instant(f["start"]), _instant(f["end"]) if f["end"] else None)
            for f in body["faults"]
        )
        return State(int(body["seed"]), _instant(body["epoch"]), faults, int(body.get("nodes", 3)))
    except (ValueError, KeyError, TypeError, Invalid) as error:
        raise Misconfigured(
            f"The world file is damaged ({error}). Restore it from a backup, or move it away to begin a new world."
        ) from error


def _instant(text: str) -> datetime:
    return aware(datetime.fromisoformat(text))
