"""What provisioning costs beside `kubectl apply` of the same objects: an app from its order until it is ready, by both, in turns.

    eval "$(../shared/testbed/testbed up --dir /tmp/many --nodes 3)"
    export MOORAGE_TESTBED=../shared/testbed/testbed MOORAGE_TESTBED_DIR=/tmp/many
    .venv/bin/python benchmarks/provisioning.py [--rounds 7]

Ours is an order over the services, the driver's passes and its writes in the store, until the app is ready. Theirs is `kubectl apply`
of the same manifests (the Secret with them) in the same stages, since setup steps must have run before there is a way in: apply, wait
until what was applied stands (`kubectl rollout status`, `kubectl wait` for Jobs), apply the next. Beside it the bare apply of all at
once, which waits for nothing, and what of our time was spent in requests to the API. Kubelets are played, so nothing hides the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import urllib3

from app.services import instances, specifications
from models.domain.access import MemberRole, member_actor
from models.domain.instances import State
from models.store import instances as instance_rows
from models.store import specifications as specification_rows
from provisioner.desired import desired
from provisioner.labels import Object
from provisioner.secrets import draw, sealed
from provisioner.wanted import Wanted
from tests.orders.conftest import Shop
from tests.orders.on_bed import shop_on
from tests.provisioner.grounds import command, live
from tests.stories import a_customer

TEMPLATES = ("container", "ghost", "wordpress")
MOST = 300


class Timed:
    """A cluster that counts the seconds and requests that pass in it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = 0.0
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)

        def timed(*args: Any, **words: Any) -> Any:
            began = time.perf_counter()
            try:
                return inner(*args, **words)
            finally:
                self.seconds += time.perf_counter() - began
                self.calls += 1

        return timed


def ours(shop: Shop, template: str, number: int) -> tuple[float, Wanted]:
    """Seconds from the order until the app is ready."""
    with shop.store.transaction() as session:
        other = a_customer(session, f"Toko {template} {number}", now=shop.clock.now())
    actor = member_actor(other.owner.id, "Owner", {other.organization.id: MemberRole.OWNER})
    began = time.perf_counter()
    order = shop.order(template, actor=actor, organization_id=other.organization.id)
    while True:
        with shop.acting(shop.staff) as ctx:
            if instances.get(ctx, instance_id=order.instance_id).state is State.READY:
                break
        if time.perf_counter() - began > MOST:
            sys.exit(f"{template} is not ready after {MOST} s")
        time.sleep(0.02)
    took = time.perf_counter() - began
    with shop.acting(shop.staff) as ctx:
        instance = instance_rows.by_id(ctx.session, order.instance_id)
        specification = specification_rows.newest(ctx.session, order.instance_id)
        assert instance is not None
        assert specification is not None
        return took, specifications.wanted(ctx.session, instance, specification, ctx.ground)


def theirs(wanted: Wanted, folder: Path) -> tuple[float, float]:
    """Seconds of the same in stages with kubectl; seconds of the bare apply of all at once into another namespace."""
    staged = replace(wanted, namespace=f"{wanted.namespace}-k", instance_id=f"{wanted.instance_id}k", host=f"k-{wanted.host}")
    bare = replace(wanted, namespace=f"{wanted.namespace}-b", instance_id=f"{wanted.instance_id}b", host=f"b-{wanted.host}")
    stages = _stages(staged)
    files = []
    for number, stage in enumerate(stages):
        file = folder / f"stage-{number}.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": stage}))
        files.append(file)
    whole = folder / "whole.json"
    whole.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [one for stage in _stages(bare) for one in stage]}))
    began = time.perf_counter()
    for file, stage in zip(files, stages, strict=True):
        _kubectl("apply", "--server-side", "-f", str(file))
        _await(staged.namespace, stage)
    between = time.perf_counter()
    _kubectl("apply", "--server-side", "-f", str(whole))
    return between - began, time.perf_counter() - between


def _stages(wanted: Wanted) -> list[list[Object]]:
    found = [list(step.objects) for step in desired(wanted)]
    if wanted.template.secrets:
        found[0].append(sealed(wanted, draw(wanted.template)))
    return found


def _await(namespace: str, stage: list[Object]) -> None:
    for one in stage:
        name = one["metadata"]["name"]
        if one["kind"] == "Deployment":
            _kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, f"--timeout={MOST}s")
        elif one["kind"] == "Job":
            _kubectl("wait", "--for=condition=Complete", f"job/{name}", "-n", namespace, f"--timeout={MOST}s")


KUBECTL: list[str] = []
"""kubectl itself where the bed's own wrapper would cost as much again."""


def _kubectl(*words: str) -> None:
    done = subprocess.run([*(KUBECTL or command()), *words], capture_output=True, text=True, timeout=MOST, check=False)
    if done.returncode:
        sys.exit(done.stderr or done.stdout)


def _find_kubectl() -> None:
    """The binary behind the wrapper, by what the wrapper runs."""
    found = sorted((Path.home() / ".cache" / "moorage-testbed").glob("*/hk"))
    if found:
        KUBECTL.extend([str(found[0]), "kubectl", f"--kubeconfig={os.environ['KUBECONFIG']}"])


def rounds(shop: Shop, timed: Timed, count: int, folder: Path) -> Mapping[str, list[tuple[float, float, float, float, int]]]:
    found: dict[str, list[tuple[float, float, float, float, int]]] = {template: [] for template in TEMPLATES}
    for number in range(count + 1):
        for template in TEMPLATES:
            seconds, calls = timed.seconds, timed.calls
            took, wanted = ours(shop, template, number)
            asked, requests = timed.seconds - seconds, timed.calls - calls
            staged, bare = theirs(wanted, folder)
            for suffix in ("", "-k", "-b"):
                _kubectl("delete", "namespace", f"{wanted.namespace}{suffix}", "--wait=false")
            if number:  # the first one warms both
                found[template].append((took, staged, bare, asked, requests))
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=7)
    chosen = words.parse_args()
    for name in ("KUBECONFIG", "MOORAGE_TESTBED", "MOORAGE_TESTBED_DIR"):
        if not os.environ.get(name):
            sys.exit(f"{name} is not set: see the first lines of this program")
    urllib3.disable_warnings()
    _find_kubectl()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-bench-")))
        site = stack.enter_context(live(folder))
        timed = Timed(site.cluster)
        shop = stack.enter_context(shop_on(replace(site, cluster=timed), folder))
        began = os.getloadavg()[0]
        found = rounds(shop, timed, chosen.rounds, folder)
        print("| template | order until ready | kubectl in stages | ratio | bare apply of all | ours inside requests | requests |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for template, rows in found.items():
            took, staged, bare, asked, requests = (statistics.median(column) for column in zip(*rows, strict=True))
            print(
                f"| {template} | {took:.2f} s | {staged:.2f} s | {took / staged:.2f} | {bare:.2f} s | {asked:.2f} s | {requests:.0f} |"
            )
        print(f"medians of {chosen.rounds}; load of the machine {began:.1f}, {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
