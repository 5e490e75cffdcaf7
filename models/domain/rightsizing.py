"""What a container should ask for, from what it used: CPU at the 95th percentile, memory 15 % above its peak (KRR's rules).

Never below a floor, never below what it held when it was killed for memory, and nothing at all on too little evidence: percentiles
of a quiet fortnight miss the peaks of a busy one. CPU in cores, memory in bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MIB = 1024**2
CPU_FLOOR = 0.010
CPU_STEP = 0.005
MEMORY_FLOOR = 64 * MIB
MEMORY_STEP = 8 * MIB
MEMORY_MARGIN = 1.15
OOM_MARGIN = 1.25
"""Memory above the peak at which it was killed: the kernel stopped it there, it wanted more."""
MINIMUM_SAMPLES = 100
MINIMUM_DAYS = 3.0
WORTH_IT = 0.20
"""A change smaller than this share of the request is noise."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured of one container of a workload, over all its pods: the busiest pod counts."""

    samples: int
    days: float
    cpu_p95: float
    memory_max: float
    cpu_request: float
    memory_request: float
    memory_limit: float = 0.0
    oom_kills: int = 0


@dataclass(frozen=True, slots=True)
class Sizing:
    """The suggested requests, and why."""

    cpu: float
    memory: int
    reason: str

    def saves_cpu(self, evidence: Evidence) -> float:
        """Cores won; negative when it should ask for more."""
        return evidence.cpu_request - self.cpu

    def saves_memory(self, evidence: Evidence) -> int:
        return int(evidence.memory_request) - self.memory


def enough(evidence: Evidence) -> bool:
    """Whether there is evidence for any suggestion."""
    return evidence.samples >= MINIMUM_SAMPLES and evidence.days >= MINIMUM_DAYS


def suggest(evidence: Evidence) -> Sizing | None:
    """A better request; None without enough evidence, or when today's is near enough in both resources."""
    if not enough(evidence):
        return None
    cpu = max(CPU_FLOOR, _up(evidence.cpu_p95, CPU_STEP))
    memory = max(MEMORY_FLOOR, int(_up(evidence.memory_max * MEMORY_MARGIN, MEMORY_STEP)))
    reason = "p95 of CPU, peak memory plus 15 %"
    if evidence.oom_kills:
        # samples miss the last moment: it reached its limit, so the limit is the peak
        peak = max(evidence.memory_max, evidence.memory_limit)
        memory = max(memory, int(_up(peak * OOM_MARGIN, MEMORY_STEP)), int(evidence.memory_request))
        reason = f"killed for memory {evidence.oom_kills} times: 25 % above that peak"
    if 0 < evidence.memory_limit < memory:
        reason += "; raise its limit too, a request above it is refused"
    if _near(cpu, evidence.cpu_request) and _near(memory, evidence.memory_request):
        return None
    return Sizing(round(cpu, 3), memory, reason)


def _up(value: float, step: float) -> float:
    return math.ceil(value / step - 1e-9) * step


def _near(suggested: float, request: float) -> bool:
    return request > 0 and abs(suggested - request) <= WORTH_IT * request
