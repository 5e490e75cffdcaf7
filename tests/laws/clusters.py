"""Small clusters for laws: nodes and pods as Hypothesis draws them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from models.domain.cluster import Claim, Node, Phase, Pod, Resources, Snapshot, Taint, Toleration

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MIB = 2**20

amounts = st.builds(
    lambda milli, mib: Resources(milli / 1000, mib * MIB, 1), st.integers(0, 2000), st.integers(0, 2048)
)  # zero is allowed: pods that ask for nothing exist


def a_node(name: str, size: Resources, **facts: object) -> Node:
    known: dict[str, object] = {"ready": True, "ready_since": NOW, "created_at": NOW, "labels": {"kubernetes.io/hostname": name}}
    return Node(name=name, uid=name, capacity=size, allocatable=size, **(known | facts))


def a_pod(uid: str, request: Resources, node: str | None = None, **facts: object) -> Pod:
    known: dict[str, object] = {
        "phase": Phase.RUNNING if node else Phase.PENDING,
        "created_at": NOW,
        "containers": (),
        "limit": Resources(),
        "owner_kind": "Deployment",
        "owner_name": "web",
    }
    return Pod(namespace="shop", name=uid, uid=uid, node=node, request=request, **(known | facts))


@st.composite
def nodes(draw: st.DrawFn) -> dict[str, Node]:
    found = {}
    for number in range(draw(st.integers(1, 4))):
        name = f"node-{number}"
        size = Resources(draw(st.integers(1, 8)), draw(st.integers(1, 8)) * 1024 * MIB, draw(st.integers(1, 20)))
        taint = draw(st.sampled_from([(), (), (), (Taint("dedicated", "NoSchedule", "x"),), (Taint("soft", "PreferNoSchedule"),)]))
        facts = {"ready": draw(st.sampled_from([True, True, True, False, None])), "unschedulable": draw(st.integers(0, 5)) == 0}
        found[name] = a_node(name, size, taints=taint, **facts)
    return found


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Nodes that hold pods within what they can give, some pods with a volume that lives on their node, some that wait."""
    known = draw(nodes())
    left = {name: node.allocatable for name, node in known.items()}
    pods: dict[str, Pod] = {}
    claims: dict[tuple[str, str], Claim] = {}
    for number in range(draw(st.integers(0, 15))):
        request = draw(amounts)
        home = draw(st.sampled_from([None, *known]))
        if home is not None and not request.fits(left[home]):
            continue
        uid = f"pod-{number}"
        facts: dict[str, object] = {
            "owner_kind": draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", ""])),
            "priority": draw(st.sampled_from([0, 0, 1000])),
            "tolerations": draw(st.sampled_from([(), (Toleration(key="dedicated", operator="Exists"),)])),
        }
        if home is not None:
            left[home] -= request
            if draw(st.booleans()):
                claims["shop", uid] = Claim(
                    "shop", uid, uid, "Bound", "local-path", 1 << 30, node=draw(st.sampled_from([None, home]))
                )
                facts["claims"] = (uid,)
        pods[uid] = a_pod(uid, request, home, **facts)
    return Snapshot("default", NOW, known, pods, claims=claims)
