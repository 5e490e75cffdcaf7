"""A hundred orders at once on a real control plane: do all come to stand, is nothing made twice, is what people change put back?

    eval "$(../shared/testbed/testbed up --dir /tmp/many --nodes 20)"
    MOORAGE_TESTBED=../shared/testbed/testbed MOORAGE_TESTBED_DIR=/tmp/many .venv/bin/python benchmarks/orders_at_once.py [--orders 100]

Every order is of a customer of its own, placed by eight threads over the services while one driver works with the account and the rights of
`deploy/provisioner.yaml`; room is what the collectors see of the bed. Kubelets are played, so that the times are those of API server,
controllers, scheduler and ours. What is not as it must be ends the program with 1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import urllib3

from app.driver import Driver
from app.services import changesets, instances, specifications
from app.services.orders import OrderView
from collectors.sources.kubernetes import KubernetesInventory
from models.domain.access import MemberRole, member_actor
from models.domain.changesets import ChangeState
from models.domain.clock import SystemClock
from models.domain.instances import State
from models.store import instances as instance_rows
from models.store import reservations
from models.store import specifications as specification_rows
from provisioner import reconcile
from provisioner.cluster.port import KINDS
from provisioner.desired import desired
from provisioner.labels import Object
from provisioner.wanted import Wanted
from tests.orders.conftest import Shop
from tests.orders.on_bed import Looked, shop_on
from tests.provisioner.grounds import Site, live
from tests.stories import a_customer

PATIENCE = 900
OURS = [kind.name for kind in KINDS if kind.name not in ("Namespace", "Pod", "Event")]
MADE_BY_OTHERS = {("ServiceAccount", "default")}


def until(what: Callable[[], bool], why: str) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            sys.exit(f"did not come in {PATIENCE} s: {why}")
        time.sleep(0.5)


def placed(shop: Shop, count: int) -> list[OrderView]:
    """One order each, mostly small ones."""

    def one(number: int) -> OrderView:
        with shop.store.transaction() as session:
            other = a_customer(session, f"Toko {number}", now=shop.clock.now())
        actor = member_actor(other.owner.id, "Owner", {other.organization.id: MemberRole.OWNER})
        template = ("wordpress", "ghost", "container", "container", "container")[number % 5]
        return shop.order(template, actor=actor, organization_id=other.organization.id)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def wishes(shop: Shop, orders: Sequence[OrderView]) -> list[Wanted]:
    found = []
    with shop.acting(shop.staff) as ctx:
        for order in orders:
            instance = instance_rows.by_id(ctx.session, order.instance_id)
            specification = specification_rows.newest(ctx.session, order.instance_id)
            assert instance is not None
            assert specification is not None
            found.append(specifications.wanted(ctx.session, instance, specification, ctx.ground))
    return found


def held(site: Site, wanted: Wanted) -> dict[tuple[str, str], str]:
    """Every object in the app's namespace that people may make, with its uid."""
    there: list[Object] = [
        one for kind in OURS if kind not in ("Secret", "RoleBinding") for one in site.cluster.find(kind, wanted.namespace, {})
    ]
    for kind, name in (("Secret", "secrets"), ("RoleBinding", "moorage-provisioner")):
        found = site.cluster.read(kind, wanted.namespace, name)
        there += [found] if found else []
    return {(one["kind"], one["metadata"]["name"]): one["metadata"]["uid"] for one in there}


def wrong_in(site: Site, wanted: Wanted) -> list[str]:
    """What is there too little, too much or otherwise."""
    wanted_keys = {(one["kind"], one["metadata"]["name"]) for step in desired(wanted) for one in step.objects} - {
        ("Namespace", wanted.namespace)
    }
    wanted_keys |= {("Secret", "secrets")} if wanted.template.secrets else set()
    there = held(site, wanted).keys() - MADE_BY_OTHERS
    wrong = [f"{wanted.namespace}: {kind} {name} is missing" for kind, name in wanted_keys - there]
    wrong += [f"{wanted.namespace}: {kind} {name} is too much" for kind, name in there - wanted_keys]
    todo, against = reconcile.plan(site.cluster, wanted)
    wrong += [f"{wanted.namespace}: {one.verb} {one.kind} {one.name}" for one in todo] + [one.sentence for one in against]
    pods = Counter(
        pod["metadata"]["labels"].get("app.kubernetes.io/component", "job")
        for pod in site.cluster.find("Pod", wanted.namespace, {})
        if pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
    )
    wrong += [f"{wanted.namespace}: {n} pods of {name}" for name, n in pods.items() if n != 1]
    return wrong


def meddle(site: Site, number: int, wanted: Wanted) -> None:
    """Somebody's hand: another one for each app, in turns."""
    (web,) = (
        one for step in desired(wanted) for one in step.objects if one["kind"] == "Deployment" and one["metadata"]["name"] == "web"
    )
    match number % 4:
        case 0:
            site.somebody({**web, "spec": {**web["spec"], "replicas": 0}})
        case 1:
            site.cluster.delete("NetworkPolicy", wanted.namespace, "deny-all")
        case 2:
            site.cluster.delete("Service", wanted.namespace, "web")
        case _:
            quota = next(one for step in desired(wanted) for one in step.objects if one["kind"] == "ResourceQuota")
            site.somebody({**quota, "spec": {"hard": {**quota["spec"]["hard"], "pods": "500"}}})


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--orders", type=int, default=100)
    words.add_argument("--across", type=int, default=4)
    chosen = words.parse_args()
    for name in ("KUBECONFIG", "MOORAGE_TESTBED", "MOORAGE_TESTBED_DIR"):
        if not os.environ.get(name):
            sys.exit(f"{name} is not set: see the first lines of this program")
    urllib3.disable_warnings()
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as scratch:
        inventory = KubernetesInventory(Path(os.environ["KUBECONFIG"]), clock=SystemClock())
        inventory.start()
        try:
            if not inventory.wait(60):
                sys.exit("the cluster was not seen within a minute")
            with live(Path(scratch)) as site, shop_on(site, Path(scratch), cluster=Looked(inventory), across=chosen.across) as shop:
                wrong = measured(site, shop, chosen.orders)
        finally:
            inventory.stop()
    if wrong:
        sys.exit("wrong: " + "; ".join(wrong[:20]))


def measured(site: Site, shop: Shop, count: int) -> list[str]:
    loads = [os.getloadavg()[0]]
    began = time.monotonic()
    orders = placed(shop, count)
    taken = time.monotonic() - began

    def states() -> Counter[State]:
        with shop.acting(shop.staff) as ctx:
            return Counter(instances.get(ctx, instance_id=one.instance_id).state for one in orders)

    until(lambda: states()[State.READY] == count, f"all ready ({states()})")
    stood = time.monotonic() - began
    loads.append(os.getloadavg()[0])
    with shop.acting(shop.staff) as ctx:
        done = [work for work in changesets.list_(ctx, limit=10 * count) if work.finished_at]
        each = sorted((work.finished_at - work.created_at).total_seconds() for work in done if work.finished_at)
        wrong = [f"{work.namespace}: {work.state}" for work in done if work.state is not ChangeState.DONE]
        wrong += [] if len(done) == count else [f"{len(done)} change sets of {count} orders"]
        wrong += ["a reservation is left"] if reservations.open_(ctx.session, "default") else []
    apps = wishes(shop, orders)
    wrong += [] if len({one.namespace for one in apps}) == count else ["two apps share a namespace"]
    wrong += [said for one in apps for said in wrong_in(site, one)]
    before = [held(site, one) for one in apps]
    print(f"{count} orders placed in {taken:.1f} s, all ready {stood:.1f} s after the first; {len(wrong)} things wrong")
    print(
        f"one app: {statistics.median(each):.1f} s in the median, {each[int(len(each) * 0.95)]:.1f} s at p95, {each[-1]:.1f} s the longest"
    )
    for number, one in enumerate(apps):
        meddle(site, number, one)
    began = time.monotonic()
    comparing = Driver(shop.container, site.cluster, prober=shop.prober)
    while comparing.look_after() is not None:
        pass
    until(lambda: not any(wrong_in(site, one) for one in apps), "what somebody changed is as it was")
    print(f"{count} changes by hand found and put back in {time.monotonic() - began:.1f} s")
    for one, was in zip(apps, before, strict=True):
        now = held(site, one)
        kept = [key for key in was if key[0] in ("Secret", "PersistentVolumeClaim", "Deployment", "Job")]
        wrong += [f"{one.namespace}: {key} is another one" for key in kept if now.get(key) != was[key]]
    print(f"load of the machine {', '.join(f'{load:.1f}' for load in [*loads, os.getloadavg()[0]])} on {os.cpu_count()} cores")
    return wrong


if __name__ == "__main__":
    main()
