"""The map of the cluster: nodes as columns, pods as blocks, as high as what they ask for, coloured by state or by owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.services.cluster import NodeRow, PodRow
from app.ui import charts, scales
from app.ui import state as states
from app.ui.gate import Viewer

GIBI = 1024.0**3
PALETTE = ("#2f86d1", "#17a08a", "#dd8b1c", "#8861d0", "#d9566c", "#607589", "#4a9fe0", "#7cb342", "#b0772e", "#c46bb5")
OTHERS = "#b9a98c"
"""Of those that no colour is left for."""
SMALLEST = 0.008
"""Blocks of pods that ask for nothing are drawn as high as this share of the node, so that they can be seen and opened."""


def colours(pods: Sequence[PodRow], by: str) -> Mapping[str, str]:
    """A colour for each of the organizations or templates with the most pods; nobody's is grey, and the rest has none of its own."""
    many = Counter(group for p in pods if (group := _group(p, by)))
    first = sorted(many, key=lambda name: (-many[name], name))[: len(PALETTE)]
    return {"": charts.UNKNOWN} | dict(zip(sorted(first), PALETTE, strict=False))


def _group(pod: PodRow, by: str) -> str:
    return pod.organization if by == "organization" else pod.template


def legend(viewer: Viewer, pods: Sequence[PodRow], by: str) -> str:
    """What the colours mean and how many pods have each, as HTML."""
    tones = charts.STATE_COLOURS if by == "state" else colours(pods, by)
    seen = Counter(p.condition.state.value if by == "state" else _group(p, by) for p in pods)
    nobody = viewer.say.text("word.unowned" if by == "organization" else "map.no_template")
    own = [
        (tones.get(name, charts.UNKNOWN), viewer.format.word(name) if by == "state" else name or nobody, n)
        for name, n in seen.most_common()
        if by == "state" or name in tones
    ]
    rest = [n for name, n in seen.items() if by != "state" and name not in tones]
    if rest:
        own.append((OTHERS, viewer.say.text("map.others", n=len(rest)), sum(rest)))
    told = [
        f'<span style="white-space:nowrap"><span style="color:{tone}">■</span> {escape(name)} {n}</span>' for tone, name, n in own
    ]
    return f'<div style="font-size:0.85rem;display:flex;flex-wrap:wrap;gap:0.25rem 1rem">{"".join(told)}</div>'


def stacks(nodes: Sequence[NodeRow], pods: Sequence[PodRow]) -> list[list[PodRow]]:
    """Pods of each node in the order of the blocks: by organization, larger ones first."""
    on: dict[str, list[PodRow]] = {n.name: [] for n in nodes}
    for pod in pods:
        if pod.node in on and pod.phase in ("Running", "Pending"):
            on[pod.node].append(pod)
    return [sorted(on[n.name], key=lambda p: (not p.organization, p.organization, -p.request.memory, p.name)) for n in nodes]


def option(viewer: Viewer, nodes: Sequence[NodeRow], pods: Sequence[PodRow], by: str) -> charts.Option:
    """A stack a node, one series a place in it; what is free stays empty below the line of allocatable."""
    columns = stacks(nodes, pods)
    tones = colours(pods, by)
    deepest = max((len(c) for c in columns), default=0)
    top = max((n.allocatable.memory for n in nodes), default=0) / GIBI
    series: list[dict[str, Any]] = [
        {
            "type": "bar",
            "stack": "pods",
            "barCategoryGap": "18%",
            "selectedMode": "single",
            "data": [_block(viewer, c[place], nodes[i], tones, by) if place < len(c) else None for i, c in enumerate(columns)],
        }
        for place in range(deepest)
    ]
    series.append(_ceiling(viewer, nodes))
    return {
        "animation": False,
        "grid": {"top": 12, "left": 4, "right": 12, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "item", "formatter": "{b}", "confine": True},
        "xAxis": {"type": "category", "data": [_label(viewer, n) for n in nodes], "axisTick": {"show": False}},
        "yAxis": {
            "type": "value", "min": 0, "max": scales.whole_steps(top * 1.02), "axisLabel": {"formatter": "{value} GiB"},
            "splitNumber": 4,
        },
        "series": series,
        **({"dataZoom": [{"type": "inside", "startValue": 0, "endValue": 23}]} if len(nodes) > 24 else {}),
    }  # fmt: skip


def _label(viewer: Viewer, node: NodeRow) -> str:
    word = viewer.say.text(f"node.{node.state}")
    return node.name if node.state == "ready" else f"{node.name}\n{word}"


def _block(viewer: Viewer, pod: PodRow, node: NodeRow, tones: Mapping[str, str], by: str) -> dict[str, Any]:
    state = pod.condition.state.value
    of_state = charts.STATE_COLOURS.get(state, charts.UNKNOWN)
    fill = of_state if by == "state" else tones.get(_group(pod, by), OTHERS)
    used = pod.memory_used / pod.request.memory if pod.memory_used is not None and pod.request.memory else None
    sick = state not in ("healthy", "finished")
    height = max(pod.request.memory, node.allocatable.memory * SMALLEST) / GIBI
    return {
        "value": round(height, 4),
        "name": tooltip(viewer, pod),
        "itemStyle": {
            "color": fill,
            "opacity": 0.55 if used is None else round(0.35 + 0.6 * min(used, 1.0), 2),
            "borderColor": of_state if sick else "rgba(255,255,255,0.55)",
            "borderWidth": 2.5 if sick else 0.6,
        },
    }


def tooltip(viewer: Viewer, pod: PodRow) -> str:
    """Whose, which, state, and use of what is asked for, in one line."""
    say, fmt = viewer.say, viewer.format
    who = pod.organization or say.text("word.unowned")
    use = say.text("map.use", used=fmt.bytes(pod.memory_used), asked=fmt.bytes(pod.request.memory))
    return f"{who} · {pod.name} · {fmt.word(pod.condition.state.value)} · {use}"


def _ceiling(viewer: Viewer, nodes: Sequence[NodeRow]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "symbol": "rect",
        "symbolSize": [70, 2],
        "itemStyle": {"color": charts.MUTED},
        "data": [
            {
                "value": [i, round(n.allocatable.memory / GIBI, 3)],
                "name": viewer.say.text("map.allocatable", node=n.name, size=viewer.format.bytes(n.allocatable.memory)),
            }
            for i, n in enumerate(nodes)
        ],
    }


def show(viewer: Viewer, nodes: Sequence[NodeRow], pods: Sequence[PodRow], by: str) -> PodRow | None:
    """Draw it; the pod whose block was clicked."""
    columns = stacks(nodes, pods)
    chosen = charts.choose(option(viewer, nodes, pods, by), key="node_map", alt=viewer.say.text("map.alt"), height=380)
    before = states.seen("node_map", columns)
    if chosen is None:
        return None
    place, node = chosen
    if node < len(before) and place < len(before[node]):
        return before[node][place]
    return None
