"""Kill test of renewals: real processes race for the due months of a growing number of subscriptions and die at random points.

They take no turns by the job's claim: what keeps a month from being charged twice is the claim of the period itself, the number's row
and the gateway's key. At the end every month since each anchor must be invoiced once and in its order, paid once, what was earned of it
posted once, and the books balance.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session, func, select

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.context import Context
from app.gateways.mail import gateway as mail_gateway
from app.gateways.payments import SimulatedGateway
from app.jobs import recognition as earning
from app.jobs import renewals as job
from app.jobs.run import Run
from app.services import ledger, settings
from app.soak import victims
from app.soak.jobs import Nothing
from models.domain.access import job_actor
from models.domain.clock import SystemClock, stopwatch
from models.domain.money import Money
from models.domain.periods import DEFAULT_ZONE, Anchor, due, local_day
from models.domain.recognition import Deferred, postings
from models.domain.subscriptions import SubscriptionState
from models.store import invoices, organizations, payments, recognition, renewals
from models.store.ledger import LedgerEntry
from models.store.session import Store
from models.store.subscriptions import Subscription, SubscriptionItem

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

WORKERS = 3
MONTHS = 6
AT_ONCE = 2
"""So many subscriptions begin to cost with every third kill, months late."""
SETTLE_SECONDS = 240.0
ACTOR = job_actor("renewals")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run of kills found. `problems` is empty when all held."""

    kills: int
    invoices: int
    inside: int
    """Kills that came while something was due or unpaid."""
    problems: tuple[str, ...]


class Free(Run):
    """A run without a claim: any number of processes go on at once."""

    @contextmanager
    def transaction(self) -> Iterator[Context]:
        with self.container.transaction(self.actor, "job") as ctx:
            yield ctx


def _container(url: str, folder: Path) -> Container:
    empty = Nothing()
    return Container(
        settings=Settings.model_construct(data=folder, store_url=url),
        clock=SystemClock(),
        store=Store(url),
        warehouse=empty,
        cluster=empty,
        mail=mail_gateway(""),
        seal=Seal({"k": bytes(32)}, "k"),
    )


def work(url: str, folder: str) -> None:
    """One process: runs without end, until it is killed."""
    container = _container(url, Path(folder))
    while True:
        job.renew(Free(container, job.NAME, container.clock.now(), "soak", "soak", 1))
        earning.recognise(Free(container, earning.NAME, container.clock.now(), "soak", "soak", 1))
        time.sleep(0.02)


def run(url: str, folder: Path, *, kills: int, seed: int) -> Verdict:
    """Kill `kills` times while subscriptions come in, on a migrated store that has no rows; then wait until all is paid, and judge."""
    chance = random.Random(seed)  # noqa: S311  a test that repeats, no secret
    methods = victims.context()
    container = _container(url, folder)
    book = SimulatedGateway(folder / "world-payments.sqlite")
    with container.transaction(ACTOR, "cli") as ctx:
        settings.put(ctx, key="catch_up_periods", value=60)
    processes: list[BaseProcess] = []

    def start() -> BaseProcess:
        made = methods.Process(target=work, args=(url, str(folder)), daemon=True)
        made.start()
        return made

    ended: list[str] = []
    inside = 0
    try:
        processes += [start() for _ in range(WORKERS)]
        for number in range(kills):
            if number % 3 == 0:
                _subscribe(container, number, chance)
            time.sleep(chance.uniform(0.05, 0.5))
            victim = chance.randrange(WORKERS)
            inside += not _settled(container)
            code = victims.kill(processes[victim])
            ended += [f"a process ended by itself with {code}"] if code is not None else []
            processes[victim] = start()
        began = stopwatch()
        while stopwatch() - began < SETTLE_SECONDS and not _settled(container):
            time.sleep(0.2)
    finally:
        for process in processes:
            victims.kill(process)
    try:
        count, problems = _judge(container, book)
        return Verdict(kills, count, inside, (*ended, *problems))
    finally:
        container.close()
        container.store.close()


def _subscribe(container: Container, number: int, chance: random.Random) -> None:
    now = container.clock.now()
    with container.store.transaction() as session:
        organization = organizations.add(session, name=f"Toko {number}", now=now, country="ID")
        for _ in range(AT_ONCE):
            since = now - timedelta(days=30 * MONTHS + chance.randrange(20), hours=chance.randrange(24))
            row = Subscription(organization_id=organization.id, state=SubscriptionState.ACTIVE, currency="IDR", created_at=since)
            session.add(row)
            session.flush()
            for price in (149_000, 25_000)[: chance.randrange(1, 3)]:
                session.add(SubscriptionItem(subscription_id=row.id, price_minor=price, since=since))


def _settled(container: Container) -> bool:
    """Whether nothing is due and nothing unpaid."""
    now = container.clock.now()
    with container.store.reading() as session:
        if renewals.beginning(session, now, limit=1) or renewals.due(session, now, limit=1):
            return False
        if recognition.due(session, _month(now), limit=1):
            return False
        return not invoices.search(session, states=[invoices.InvoiceState.OPEN], limit=1)


def _month(now: datetime) -> date:
    return local_day(now, DEFAULT_ZONE).replace(day=1)


def _judge(container: Container, book: SimulatedGateway) -> tuple[int, list[str]]:
    problems: list[str] = []
    now = container.clock.now()
    with container.reading(ACTOR, "cli") as ctx:
        session = ctx.session
        every = invoices.search(session)
        for row in session.exec(select(renewals.Renewal)).all():
            problems += _sequence(row, [one for one in every if one.subscription_id == row.subscription_id], now)
        if len(session.exec(select(Subscription)).all()) != len(session.exec(select(renewals.Renewal)).all()):
            problems.append("a subscription was never begun")
        numbers = sorted((one.year, one.sequence) for one in every)
        for year, count in Counter(year for year, _ in numbers).items():
            if [n for y, n in numbers if y == year] != list(range(1, count + 1)):
                problems.append(f"numbers of {year} have gaps or doubles")
        problems += [f"{one.number} is {one.state.value}" for one in every if one.state is not invoices.InvoiceState.PAID]
        charges = {key: amount for key, (amount, _, _) in book.charges().items()}
        asked = {one.key: one.amount_minor for one in session.exec(select(payments.Payment)).all()}
        if charges != asked or len(charges) != len(every) or sum(charges.values()) != sum(one.total_minor for one in every):
            problems.append(f"{len(charges)} charges, {len(asked)} payments and {len(every)} invoices are not the same money")
        balances = {one.account: one.balance_minor for one in ledger.trial_balance(ctx)}
        if sum(balances.values()) or balances.get("1100") or balances.get("1020") != sum(charges.values()):
            problems.append(f"the books do not balance: {balances}")
        entries = session.exec(select(func.count()).select_from(LedgerEntry)).one()
        earned = _earned(session, every, now)
        found = {row.key: row.day for row in session.exec(select(LedgerEntry).where(LedgerEntry.kind == "recognition")).all()}
        if found != {key: on for key, (on, _) in earned.items()}:
            problems.append(f"{len(found)} portions were recognised, not the {len(earned)} of the months that ended")
        if -balances.get("4000", 0) != sum(amount for _, amount in earned.values()):
            problems.append(f"{balances.get('4000')} is the revenue")
        if entries != 2 * len(every) + len(earned):
            problems.append(f"{entries} entries for {len(every)} invoices and {len(earned)} portions")
    return len(every), problems


def _earned(session: Session, every: Sequence[invoices.Invoice], now: datetime) -> dict[str, tuple[date, int]]:
    """By key the day and amount of every portion that must be there."""
    found: dict[str, tuple[date, int]] = {}
    for invoice_id, lines in invoices.lines(session, [one.id for one in every]).items():
        for one in lines:
            line = Deferred(Money(one.net_minor, "IDR"), one.first, one.after)
            for posting in postings(line, open_from=date.min, until=_month(now)):
                found[f"rec:{invoice_id}:{one.line}:{posting.portion.first:%Y-%m}"] = (posting.on, posting.portion.amount.minor)
    return found


def _sequence(row: renewals.Renewal, found: list[invoices.Invoice], now: datetime) -> list[str]:
    """Every month since the anchor once, in its order, each by its own days."""
    expected = [(one.index, one.first, one.after) for one in due(Anchor(row.anchor, row.zone), 0, now)]
    told = sorted(found, key=lambda one: one.sequence)
    if [(one.period, one.first, one.after) for one in told] == expected:
        return []
    return [f"{row.subscription_id} has the periods {[one.period for one in told]}, not {len(expected)} in their order"]
