"""The provisioner's driver: passes over all change sets that are due, some at once, in the worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.background import Background
from app.container import Container
from app.gateways.payments import Answer, Charge, DummyGateway, PaymentGateway
from app.jobs.runner import new_worker
from app.logs import logger
from app.services import decisions, drift, passes, upgrade_turns
from app.services.credentials import PURPOSE, filled
from app.services.passes import Proof, Work
from models.domain.access import job_actor
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import Conflict, PlatformError
from models.domain.orders import OrderState
from models.store import orders, payments, specifications
from provisioner import reconcile
from provisioner.cluster import Cluster
from provisioner.reconcile import Done
from provisioner.secrets import draw
from provisioner.wanted import Wanted

if TYPE_CHECKING:
    from app.gateways.sign_in import Doorman, Tried
    from collectors.sources.port import ProbeSource

log = logger(__name__)
ACTOR = job_actor("provisioner")
PAUSE_SECONDS = 1.0
COMPARED_EVERY = timedelta(minutes=10)
"""How often an app is compared with what is wanted."""
RESTS = timedelta(seconds=30)
"""So long an upgrade is left alone whose step failed."""
ACROSS = 4
"""So many instances are worked on at once."""


class Driver(Background):
    """Works on what is due until it is stopped. Any number of processes may run one: claims and leases keep them apart."""

    def __init__(
        self,
        container: Container,
        cluster: Cluster,
        *,
        prober: ProbeSource | None = None,
        doorman: Doorman | None = None,
        gateway: PaymentGateway | None = None,
        across: int = ACROSS,
        lease: timedelta = passes.LEASE,
    ) -> None:
        super().__init__("provisioner")
        self._container = container
        self._cluster = cluster
        self._prober = prober
        self._doorman = doorman
        self._gateway = gateway or DummyGateway()
        self._across = across
        self._lease = lease
        self._compared: dict[str, datetime] = {}
        """When each app was last compared with what is wanted."""
        self._rests: dict[str, datetime] = {}
        """Until when each upgrade whose step failed is left alone."""
        self._holder = new_worker()

    def run(self) -> None:
        with ThreadPoolExecutor(self._across, thread_name_prefix="pass") as pool:
            while not self.stopping.wait(PAUSE_SECONDS):
                if not self.once(lambda work: list(pool.map(self.one, work))):
                    self.look_after()

    def look_after(self) -> str | None:
        """Compare one app that was not compared for a while with what is wanted; its id, or None when none is due."""
        now = self._container.clock.now()
        try:
            with self._container.reading(ACTOR, "job") as ctx:
                apps = drift.watched(ctx)
            self._compared = {one: at for one, at in self._compared.items() if one in apps}
            due = [one for one in apps if now - self._compared.get(one, now - COMPARED_EVERY) >= COMPARED_EVERY]
            if not due:
                return None
            app = min(due, key=lambda one: (self._compared.get(one, now - COMPARED_EVERY), one))
            self._compared[app] = now
            with self._container.reading(ACTOR, "job") as ctx:
                seen = drift.wanted(ctx, instance_id=app)
            if seen is not None:
                todo, against = reconcile.plan(self._cluster, seen, making=False)
                if todo:
                    with self._container.transaction(ACTOR, "job") as ctx:
                        drift.found(ctx, seen=seen, changes=todo, objections=against)
        except PlatformError as error:
            log.warning("provisioner cannot compare", error=error)
            return None
        return app

    def once(self, each: Callable[[tuple[str, ...]], object] | None = None) -> int:
        """Settle payments, take steps of upgrades and give every change set that is due one pass; how many of these there were."""
        self.upgrade()
        try:
            self.settle()
            with self._container.reading(ACTOR, "job") as ctx:
                found = passes.due(ctx, limit=self._across * 8)
        except PlatformError as error:
            log.warning("provisioner cannot look for work", error=error)
            return 0
        (each or (lambda work: [self.one(one) for one in work]))(found)
        return len(found)

    def one(self, change_set_id: str) -> ChangeState | None:
        """One pass; what goes wrong is written down and never escapes."""
        if self.stopping.is_set():
            return None
        try:
            with self._container.transaction(ACTOR, "job") as ctx:
                work = passes.take(ctx, change_set_id=change_set_id, holder=self._holder, lease=self._lease)
            if work is None:
                return None
            outcome = self._carry_out(work)
            proof = self._proof(work) if isinstance(outcome, Done) and work.address else None
            with self._container.transaction(ACTOR, "job") as ctx:
                return passes.record(ctx, work, outcome, proof)
        except PlatformError as error:
            log.warning("pass failed", change_set=change_set_id, error=error, code=error.code)
        except Exception:  # a bug met by one instance must not end the work on all others; its lease ends and it is tried again
            log.exception("pass failed unexpectedly", change_set=change_set_id)
        return None

    def _carry_out(self, work: Work) -> reconcile.Outcome:
        now = self._container.clock.now()
        if work.purpose is Purpose.REMOVE:
            return reconcile.remove(self._cluster, work.wanted, now=now)
        return reconcile.advance(
            self._cluster,
            work.wanted,
            drawn=lambda: self._drawn(work),
            now=now,
            attempts=work.attempts,
            agreed=work.agreed,
            making=work.purpose is Purpose.CREATE,
        )

    def _drawn(self, work: Work) -> dict[str, str]:
        """Values for the instance's secrets, sealed in the store before the cluster gets them: a killed process draws no others."""
        return kept_secrets(self._container, work)

    def _proof(self, work: Work) -> Proof:
        from collectors.sources.port import ProbeTarget

        if self._prober is None:
            return Proof(False, "nobody asks addresses here", final=True)
        targets = [ProbeTarget(one, work.wanted.namespace) for one in work.addresses]
        rows = self._prober.probe(targets, self._container.clock.now()).to_dicts()
        row = next((one for one in rows if one["outcome"] != "up"), None)
        if row is None:
            return self._signed_in(work)
        if row["address"] != work.address:
            row["reason"] = f"{row['address'].removeprefix(work.address)} gives {row['reason'] or 'no answer'}"
        # what only this machine can be blamed for says nothing about the app
        return Proof(False, row["reason"] or "no answer", final=row["outcome"] == "unknown")

    def _signed_in(self, work: Work) -> Proof:
        """An app that is made has its first sign-in proven; later its password is the customer's, who may have changed it."""
        tried = self._tried(work.wanted, work.address) if work.proves else None
        return Proof(tried.right, tried.reason, refused=tried.refused) if tried is not None else Proof(True)

    def _tried(self, wanted: Wanted, address: str) -> Tried | None:
        """What came of the sign-in with the drawn credentials; None where it cannot be tried."""
        request = wanted.template.proof
        if self._doorman is None or request is None:
            return None
        return self._doorman.sign_in(address, filled(wanted, request, reconcile.credentials(self._cluster, wanted)))

    def upgrade(self) -> int:
        """Take the next step of every upgrade that has one; how many took one. What goes wrong is written down and never escapes."""
        try:
            with self._container.reading(ACTOR, "job") as ctx:
                found = upgrade_turns.open_ids(ctx)
        except PlatformError as error:
            log.warning("provisioner cannot look for upgrades", error=error)
            return 0
        now = self._container.clock.now()
        self._rests = {one: until for one, until in self._rests.items() if until > now}
        return sum(self._step(one) for one in found if one not in self._rests)

    def _step(self, upgrade_id: str) -> bool:
        """Whether that upgrade took a step."""
        try:
            with self._container.reading(ACTOR, "job") as ctx:
                due = upgrade_turns.due(ctx, upgrade_id=upgrade_id)
            if due is None:
                return False
            tried = self._tried(due.proves, due.address) if due.proves is not None and due.address else None
            with self._container.transaction(ACTOR, "job") as ctx:
                return upgrade_turns.advance(ctx, upgrade_id=due.id, proves=tried is not None and tried.right) is not None
        except PlatformError as error:
            log.warning("an upgrade's step failed", upgrade=upgrade_id, error=error, code=error.code)
        except Exception:  # a bug met by one upgrade must not end the work on all others; its step is tried again
            log.exception("an upgrade's step failed unexpectedly", upgrade=upgrade_id)
        self._rests[upgrade_id] = self._container.clock.now() + RESTS
        return False

    def settle(self) -> int:
        """Ask the gateway about all open payments of orders; how many came in."""
        with self._container.reading(ACTOR, "job") as ctx:
            waiting = [
                (order.id, payment)
                for order in orders.search(ctx.session, states=[OrderState.PAYMENT])
                if (payment := payments.by_key(ctx.session, f"order:{order.id}")) is not None
                and payment.state is payments.PaymentState.PENDING
            ]
        came = 0
        for order_id, payment in waiting:
            receipt = self._gateway.ask(Charge(payment.key, payment.amount_minor, payment.currency))
            if receipt.answer is not Answer.PAID:
                continue
            try:
                with self._container.transaction(ACTOR, "job") as ctx:
                    row = orders.by_id(ctx.session, order_id)
                    if row is not None and row.state is OrderState.PAYMENT:
                        decisions.settle(ctx, row, reference=receipt.reference)
                        came += 1
            except Conflict:
                continue  # another process was faster
        return came


def kept_secrets(container: Container, work: Work) -> dict[str, str]:
    """What was drawn for the instance, now or before."""
    purpose = f"{PURPOSE}:{work.wanted.instance_id}"
    with container.transaction(ACTOR, "job") as ctx:
        row = specifications.credentials(ctx.session, work.wanted.instance_id, locked=True)
        if row is None:
            values = draw(work.wanted.template)
            ctx.session.add(
                specifications.Credentials(
                    instance_id=work.wanted.instance_id,
                    sealed=container.seal.seal(json.dumps(values), purpose),
                    created_at=ctx.now,
                )
            )
            return values
        found: dict[str, str] = json.loads(container.seal.unseal(row.sealed, purpose))
        if missing := work.wanted.template.secrets.keys() - found.keys():  # of a component that was added since
            found |= {name: value for name, value in draw(work.wanted.template).items() if name in missing}
            row.sealed = container.seal.seal(json.dumps(found), purpose)
            ctx.session.add(row)
        return found
