"""Which curves stand in a chart of a pod, a node or an app, and how each looks."""

from __future__ import annotations

from app.ui.charts import BAD, CALM, GOOD, MUTED, VIOLET, WARN, Curve
from app.ui.messages import Say


def memory(say: Say, *, top: str = "memory_limit", request: bool = True) -> tuple[Curve, ...]:
    """Use against request and limit (or what a node can give)."""
    asked = (Curve("memory_request", say.text("curve.request"), MUTED, dashed=True, width=1.5, step=True),) if request else ()
    return (
        Curve("memory_use", say.text("curve.use"), CALM, area=True),
        Curve("memory_max", say.text("curve.max"), VIOLET, width=1.0),
        *asked,
        Curve(top, say.text(f"curve.{top.split('_')[1]}"), BAD, dashed=True, width=1.5, step=True),
    )


def cpu(say: Say, *, top: str = "cpu_limit", request: bool = True) -> tuple[Curve, ...]:
    asked = (Curve("cpu_request", say.text("curve.request"), MUTED, dashed=True, width=1.5, step=True),) if request else ()
    return (
        Curve("cpu_use", say.text("curve.use"), GOOD, area=True),
        *asked,
        Curve(top, say.text(f"curve.{top.split('_')[1]}"), BAD, dashed=True, width=1.5, step=True),
    )


def throttled(say: Say) -> tuple[Curve, ...]:
    """The share of its periods in which a container wanted more CPU than its limit and was held back."""
    return (Curve("throttled", say.text("curve.throttled"), WARN, area=True),)


def network(say: Say) -> tuple[Curve, ...]:
    return (
        Curve("network_receive", say.text("curve.received"), CALM, area=True),
        Curve("network_transmit", say.text("curve.sent"), WARN),
    )


def requests(say: Say) -> tuple[Curve, ...]:
    return (Curve("requests", say.text("curve.requests"), CALM, area=True),)


def answer_time(say: Say) -> tuple[Curve, ...]:
    """The time within which half and nearly all requests were answered."""
    return (Curve("p95", say.text("curve.p95"), WARN, area=True), Curve("p50", say.text("curve.p50"), CALM, width=1.5))
