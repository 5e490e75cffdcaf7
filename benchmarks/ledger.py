"""How long the reports of the ledger take over a million postings on SQLite: `python -m benchmarks.ledger [postings]`.

Measured on 2026-11-29 (2 cores, shared with other work), 1,000,000 postings in 500,000 entries over 36 months:
trial balance, profit and loss, balance sheet, deferred 0.13-0.20 s each with the kept sums, 6-8 s and more without; the first run of
the job `ledger` 6-17 s, later ones only what is new; the entries of one account and month 0.1 s, once 0.8 s beside other work.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.gateways.mail import gateway
from app.services import ledger, reports
from app.soak.jobs import Nothing
from models import migrations
from models.domain.access import job_actor
from models.domain.clock import SystemClock
from models.store import organizations
from models.store.guards import lifted
from models.store.session import Store

ENTRIES = """
INSERT INTO ledger_entry (id, key, kind, day, at, memo)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
SELECT 'ent_' || i, 'k' || i, CASE i % 3 WHEN 0 THEN 'invoice' WHEN 1 THEN 'payment' ELSE 'recognition' END,
       date('2023-11-01', (i * 1095 / :count) || ' days'), datetime('2023-11-01', (i * 1095 / :count) || ' days') || '.000000', ''
FROM n
"""
POSTINGS = """
INSERT INTO ledger_posting (entry_id, line, account, currency, amount_minor, organization_id, invoice_id)
SELECT e.id, l.line,
       CASE e.kind WHEN 'invoice' THEN CASE l.line WHEN 1 THEN '1100' ELSE '2400' END
                   WHEN 'payment' THEN CASE l.line WHEN 1 THEN '1020' ELSE '1100' END
                   ELSE CASE l.line WHEN 1 THEN '2400' ELSE '4000' END END,
       'IDR', CASE l.line WHEN 1 THEN 149000 ELSE -149000 END, :organization, NULL
FROM ledger_entry e, (SELECT 1 AS line UNION ALL SELECT 2) l
"""


def main(postings: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.sqlite'}")
        migrations.upgrade(store)
        _fill(store, postings // 2)
        nothing = Nothing()
        container = Container(
            settings=Settings.model_construct(data=Path(folder), store_url=store.url),
            clock=SystemClock(),
            store=store,
            warehouse=nothing,
            cluster=nothing,
            mail=gateway(""),
            seal=Seal({"k": bytes(32)}, "k"),
        )
        for when in ("without kept sums", "with kept sums"):
            if when == "with kept sums":
                began = perf_counter()
                with container.transaction(job_actor("ledger"), "cli") as ctx:
                    reports.keep(ctx)
                print(f"job ledger, the first time: {perf_counter() - began:.2f} s")
            for name in ("trial balance", "profit and loss", "balance sheet", "deferred", "entries of an account and month"):
                print(f"{name}, {when}: {_timed(container, name):.3f} s")


def _fill(store: Store, entries: int) -> None:
    with store.transaction() as session:
        organization = organizations.add(session, name="Kopi Kita", now=SystemClock().now()).id
    with store.engine.begin() as connection, lifted(connection):
        for code, kind in (("1020", "asset"), ("1100", "asset"), ("2400", "liability"), ("4000", "revenue")):
            connection.execute(text("INSERT INTO ledger_account VALUES (:code, :code, :kind)"), {"code": code, "kind": kind})
        connection.execute(text(ENTRIES), {"count": entries})
        connection.execute(text(POSTINGS), {"organization": organization})


def _timed(container: Container, name: str) -> float:
    with container.reading(job_actor("ledger"), "cli") as ctx:
        month = reports.months(ctx)[6]
        began = perf_counter()
        match name:
            case "trial balance":
                ledger.trial_balance(ctx)
            case "profit and loss":
                reports.result(ctx, month=month, currency="IDR")
            case "balance sheet":
                reports.position(ctx, month=month, currency="IDR")
            case "deferred":
                reports.deferred(ctx, currency="IDR")
            case _:
                ledger.entries(ctx, account="4000", currency="IDR", month=month, limit=200)
        return perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
