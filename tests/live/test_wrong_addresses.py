"""Wrong addresses and accounts on a real control plane: `doctor` and the start each say what is wrong, and what to do."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import config
from app.doctor import Verdict, examine
from tests.cli.test_up import Up, start  # noqa: F401  a fixture
from tests.live.conftest import Bed, until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]


@dataclass
class Place:
    """The bed, and a folder for kubeconfigs that are wrong in one way."""

    bed: Bed
    folder: Path
    accounts: list[str] = field(default_factory=list)

    def kubeconfig(self, *, server: str = "", user: dict[str, Any] | None = None) -> Path:
        """The bed's own, but for the server's address or who asks."""
        found = yaml.safe_load(self.bed.kubeconfig.read_text())
        for one in found["clusters"]:
            one["cluster"]["server"] = server or one["cluster"]["server"]
        for one in found["users"] if user is not None else ():
            one["user"] = user
        path = self.folder / f"kubeconfig-{secrets.token_hex(4)}"
        path.write_text(yaml.safe_dump(found))
        return path

    def token(self, *, living: bool) -> dict[str, Any]:
        """Of a new service account without any right, which is deleted at once when it is not to live on."""
        name = f"nobody-{secrets.token_hex(4)}"
        self.accounts.append(name)
        self.bed.kubectl("create", "serviceaccount", name, "-n", "default")
        token = self.bed.kubectl("create", "token", name, "-n", "default", "--duration=10m").strip()
        if not living:
            self.bed.kubectl("delete", "serviceaccount", name, "-n", "default")
        return {"token": token}

    def told(self, kubeconfig: Path, prometheus: str) -> dict[str, list[str]]:
        """The sentences of what `doctor` finds wrong, by the name of the check."""
        settings = config.load(data=self.folder / "data", kubeconfig=kubeconfig, prometheus_url=prometheus)
        found: dict[str, list[str]] = {}
        for check in examine(settings):
            if check.verdict is Verdict.PROBLEM:
                found.setdefault(check.name, []).append(check.sentence)
        return found


@pytest.fixture
def place(bed: Bed, tmp_path: Path) -> Iterator[Place]:
    made = Place(bed, tmp_path)
    yield made
    if made.accounts:
        bed.kubectl("delete", "serviceaccount", "-n", "default", "--ignore-not-found", *made.accounts)


@pytest.fixture
def closed() -> Iterator[str]:
    """An address of this machine at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def api_address(bed: Bed) -> str:
    return str(yaml.safe_load(bed.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])


def test_what_is_right_is_no_problem(place: Place) -> None:
    found = place.told(place.bed.kubeconfig, place.bed.prometheus)
    assert {"cluster", "rights", "settings"}.isdisjoint(found), found


def test_wrong_kubeconfigs_have_a_sentence_each(place: Place, closed: str) -> None:
    garbage = place.folder / "garbage"
    garbage.write_text("{[")
    gone = place.token(living=False)

    def refused() -> Any:
        # the account's deletion reaches the API server's own cache a moment later
        return place.told(place.kubeconfig(user=gone), place.bed.prometheus).get("cluster")

    told = {
        "nobody there": place.told(place.kubeconfig(server=f"https://{closed}"), place.bed.prometheus)["cluster"],
        "no file": place.told(place.folder / "none", place.bed.prometheus)["cluster"],
        "no kubeconfig": place.told(garbage, place.bed.prometheus)["cluster"],
        "a Prometheus": place.told(place.kubeconfig(server=place.bed.prometheus), place.bed.prometheus)["cluster"],
        "token": until(refused, 60, "the token of a deleted account is refused"),
    }
    patterns = {
        "nobody there": rf"Kubernetes API at https://{re.escape(closed)} does not answer \(connection refused\)",
        "no file": r"Cannot use the kubeconfig .*none: .*Name a readable kubeconfig",
        "no kubeconfig": r"Cannot use the kubeconfig .*garbage: ",
        "a Prometheus": r"does not tell its version|no Kubernetes API",
        "token": r"refuses the credentials .*401.*Renew",
    }
    for cause, sentences in told.items():
        assert [one for one in sentences if re.search(patterns[cause], " ".join(one.split()))], (cause, sentences)
    assert len({sentences[0] for sentences in told.values()}) == len(told)


def test_an_account_without_rights_is_told_each_that_is_missing(place: Place) -> None:
    found = place.told(place.kubeconfig(user=place.token(living=True)), place.bed.prometheus)
    assert "cluster" not in found
    assert {"nodes", "pods"} == {re.findall(r"may not list and watch (\w+)", one)[0] for one in found["rights"]}
    assert all("Apply deploy/collector-rbac.yaml" in one for one in found["rights"])


def test_wrong_prometheus_addresses_have_a_sentence_each(place: Place, closed: str) -> None:
    metrics = os.environ.get("KUBE_STATE_METRICS_URL", "").removesuffix("/metrics")
    wrong = {
        f"http://{closed}": r"does not answer \(connection refused\). Check that it runs",
        api_address(place.bed): r"certificate of Prometheus at .* cannot be trusted",
        f"{place.bed.prometheus}/graph": r"knows no /api/v1/query|does not answer like a Prometheus",
        "http://prometheus.invalid:9090": r"does not answer \(",
    } | ({metrics: r"does not answer like a Prometheus|knows no /api/v1/query"} if metrics else {})
    sentences = set()
    for address, pattern in wrong.items():
        (said, *_) = place.told(place.bed.kubeconfig, address)["prometheus"]
        assert re.search(pattern, " ".join(said.split())), (address, said)
        sentences.add(said)
    assert len(sentences) == len(wrong)


def _nobody(place: Place, closed: str) -> tuple[Path, str]:
    return place.kubeconfig(server=f"https://{closed}"), f"http://{closed}"


def _strangers(place: Place, _closed: str) -> tuple[Path, str]:
    return place.kubeconfig(user=place.token(living=False)), api_address(place.bed)


@pytest.mark.parametrize(
    ("wrong", "cluster", "prometheus"),
    [
        (
            _nobody,
            r"does not answer \(connection refused\)|for the first time",
            r"does not answer \(connection refused\). Check that it runs",
        ),
        (_strangers, r"refuses the credentials|may not|for the first time", r"certificate of Prometheus at .* cannot be trusted"),
    ],
)
def test_the_start_says_both_and_serves_what_it_has(
    place: Place,
    closed: str,
    start: Callable[..., Up],  # noqa: F811  the fixture
    wrong: Callable[[Place, str], tuple[Path, str]],
    cluster: str,
    prometheus: str,
) -> None:
    kubeconfig, address = wrong(place, closed)
    up = start("--kubeconfig", str(kubeconfig), "--prometheus", address)
    for words in ("Ctrl-C stops it", "cluster: not reached, because", "prometheus: not read, because"):
        up.wait_for(words)
    # on a machine that is busy the first answer may come later than the line, which then says that it is waited for
    assert re.search(cluster, _line(up, "cluster: not reached, because"))
    assert re.search(prometheus, _line(up, "prometheus: not read, because"))
    assert up.interrupt() == 0


def _line(up: Up, begin: str) -> str:
    return next(line for line in list(up.said) if line.startswith(begin))
