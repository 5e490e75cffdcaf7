"""What commands in containers promise: the simulated cluster always, the bed's real node with the provisioner's own account."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collectors.sources.kubernetes_connection import Connection, Refused
from models.domain.errors import Unavailable
from models.world.contents import Contents
from provisioner import reconcile
from provisioner.catalogue import Template
from provisioner.cluster import Rejected, Rejection
from provisioner.cluster.commands import CommandFailed, Commands, Place
from provisioner.cluster.live_commands import LiveCommands
from provisioner.cluster.simulated_commands import SimulatedCommands
from provisioner.labels import COMPONENT
from provisioner.reconcile import Done
from tests.provisioner.grounds import live, simulated
from tests.provisioner.orders import TEMPLATES, an_instance

REAL = pytest.param("live", marks=(pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")))
HOSTILE = b"\x00\xff'\";$(reboot)\r\n\x04\x1a" + "日本 é".encode() + bytes(range(256)) * 9000
"""2.2 MiB, more than any buffer between the two ends."""


@dataclass
class Hands:
    commands: Commands
    place: Place


def a_template() -> Template:
    facts = TEMPLATES["n8n"].model_dump()
    facts |= {"id": "box", "secrets": {}, "setup": (), "credentials": (), "upgrade": {"rule": "tag"}, "ready_within_seconds": 90}
    probe = {"command": ["true"], "period_seconds": 1}
    facts["components"] = (
        {
            "name": "web",
            "image": "busybox:1.37",
            "port": 8080,
            "user": 1000,
            "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done"],
            "volumes": [{"name": "data", "path": "/data"}],
            "scratch": ["/tmp"],
            "probes": {"startup": probe, "readiness": probe},
            "cpu_share": 1.0,
            "memory_share": 1.0,
            "grace_seconds": 5,
        },
    )
    return Template.model_validate(facts)


@pytest.fixture(scope="module", params=["simulated", "simulated-file", REAL])
def hands(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    folder = Path(tmp_path_factory.mktemp("commands"))
    number = secrets.token_hex(4)
    wanted = an_instance(a_template(), instance_id=f"ins_{number}", namespace=f"c-test-{number}")
    if request.param == "live":
        with live(folder, real=True) as site:
            connection = Connection(folder / "kubeconfig")
            assert isinstance(site.converge(wanted), Done)
            (pod,) = site.cluster.find("Pod", wanted.namespace, {COMPONENT: "web"})
            place = Place(wanted.namespace, pod["metadata"]["name"], "web")
            yield Hands(LiveCommands(connection.websocket, Refused), place)
            reconcile.remove(site.cluster, wanted, now=site.now())
            connection.close()
        return
    kept = request.param == "simulated-file"
    site = simulated(folder / "world.json" if kept else None)
    assert isinstance(site.converge(wanted), Done)
    (pod,) = site.cluster.find("Pod", wanted.namespace, {COMPONENT: "web"})
    commands = SimulatedCommands(site.cluster, Contents(folder / "volumes" if kept else None))
    yield Hands(commands, Place(wanted.namespace, pod["metadata"]["name"], "web"))


def test_what_is_given_is_what_is_read_again(hands: Hands) -> None:
    pieces = [HOSTILE[begin : begin + 100_001] for begin in range(0, len(HOSTILE), 100_001)]
    assert b"".join(hands.commands.run(hands.place, ["sh", "-c", "cat > /data/x"], pieces, len(HOSTILE))) == b""
    read = list(hands.commands.run(hands.place, ["cat", "/data/x"]))
    assert b"".join(read) == HOSTILE
    assert len(read) > 1, "in pieces"
    assert list(hands.commands.run(hands.place, ["sh", "-c", "cat > /data/x"], [])) == []
    assert b"".join(hands.commands.run(hands.place, ["cat", "/data/x"])) == b""


def test_a_command_that_fails_says_so(hands: Hands) -> None:
    with pytest.raises(CommandFailed) as failed:
        list(hands.commands.run(hands.place, ["false"]))
    assert failed.value.status == 1


def test_what_goes_wrong_with_the_input_comes_out(hands: Hands) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 70_000
        raise Unavailable("the target is away")

    with pytest.raises(Unavailable, match="the target is away"):
        list(hands.commands.run(hands.place, ["sh", "-c", "cat > /data/y"], broken(), 100_000))


def test_pods_and_containers_that_are_not_there_are_said(hands: Hands) -> None:
    with pytest.raises(Rejected) as refused:
        list(hands.commands.run(Place(hands.place.namespace, "nobody", "web"), ["true"]))
    assert refused.value.rejection is Rejection.ABSENT
    with pytest.raises(Rejected) as unknown:
        list(hands.commands.run(Place(hands.place.namespace, hands.place.pod, "other"), ["true"]))
    assert unknown.value.rejection is Rejection.INVALID


@pytest.mark.parametrize("hands", [REAL], indirect=True)  # no program runs in the simulated cluster
def test_a_real_program_tells_its_status_and_its_last_words(hands: Hands) -> None:
    with pytest.raises(CommandFailed) as failed:
        list(hands.commands.run(hands.place, ["sh", "-c", "echo first; echo 'no space' >&2; exit 3"]))
    assert (failed.value.status, failed.value.said) == (3, "no space")
    with pytest.raises(CommandFailed, match="not found"):
        list(hands.commands.run(hands.place, ["sh", "-c", "no-such-program"]))
    with pytest.raises(CommandFailed) as early:  # the rest of its input is no hindrance
        list(hands.commands.run(hands.place, ["sh", "-c", "exit 5"], [b"x" * 100_000] * 30, 3_000_000))
    assert early.value.status == 5


@pytest.mark.parametrize("hands", [REAL], indirect=True)  # the simulated cluster has no accounts
def test_only_in_the_namespaces_of_apps(hands: Hands) -> None:
    with pytest.raises(Rejected) as refused:
        list(hands.commands.run(Place("kube-system", "anything", "main"), ["true"]))
    assert refused.value.rejection is Rejection.FORBIDDEN
