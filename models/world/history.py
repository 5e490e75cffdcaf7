"""What goes wrong in every world by itself: the demo's noisy neighbour, leak, crash loop, outage and collection gap."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.world.faults import Fault, Kind
from models.world.tenants import CRASHING, LEAKING, NOISY

FADES_ON = 68.0
"""Day of the world from which on nobody uses the idle trial."""
LOST_NODE = "node-2"


def faults(epoch: datetime) -> tuple[Fault, ...]:
    """Those of the world that began at `epoch`. The last three days of its first 90 show each of them."""

    def on(day: float) -> datetime:
        return epoch + timedelta(days=day)

    return (
        Fault(Kind.NOISY, NOISY, on(60.0)),
        Fault(Kind.LEAK, LEAKING, on(79.3)),
        Fault(Kind.NODE_OFF, LOST_NODE, on(87.62), on(87.62) + timedelta(minutes=52)),
        Fault(Kind.SAMPLES_LOST, "", on(88.21), on(88.21) + timedelta(minutes=140)),
        Fault(Kind.CRASH_LOOP, CRASHING, on(89.18)),
    )
