"""Another accountant's program reads the ledger: it finds nothing, tells the same sums, and finds an error that was planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from beancount import loader
from beancount.core import realization

from app.services import ledger, ledger_export
from models.domain.money import currency
from tests.orders.conftest import Shop
from tests.orders.test_reports import books

__all__ = ["books"]


def exported(shop: Shop) -> str:
    with shop.acting(shop.staff) as ctx:
        return "\n".join(ledger_export.beancount(ctx)) + "\n"


def checked(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = folder / "ledger.beancount"
    file.write_text(text)
    program = Path(sys.executable).with_name("bean-check")
    return subprocess.run([program, file], capture_output=True, text=True, check=False)


def test_bean_check_finds_nothing_wrong_and_says_the_same_sums(books: Shop, tmp_path: Path) -> None:
    text = exported(books)
    found = checked(tmp_path, text)
    assert (found.returncode, found.stderr) == (0, "")
    entries, errors, _ = loader.load_string(text)
    assert errors == []
    tree = realization.realize(entries)
    with books.acting(books.staff) as ctx:
        told = {(row.account, row.currency): row.balance_minor for row in ledger.trial_balance(ctx)}
    theirs = {
        (account.account[-4:], code): int(account.balance.get_currency_units(code).number * 10 ** currency(code).digits)
        for account in realization.iter_children(tree, leaf_only=True)
        for code in account.balance.currencies()
    }
    assert {key: amount for key, amount in told.items() if amount} == {key: amount for key, amount in theirs.items() if amount}
    assert {key[0] for key in theirs} >= {"1020", "1100", "2200", "2400", "4000"}


def test_bean_check_finds_planted_errors(books: Shop, tmp_path: Path) -> None:
    lines = exported(books).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("  Income:Subscriptions-4000"))
    name, amount, code = lines[at].split()
    one_off = f"  {name}  {int(amount) - 1} {code}"
    found = checked(tmp_path, "\n".join([*lines[:at], one_off, *lines[at + 1 :]]))
    assert found.returncode != 0
    assert "Transaction does not balance" in found.stderr
    balances = next(n for n, line in enumerate(lines) if " balance Income:Subscriptions-4000" in line)
    wrong = [*lines[:balances], lines[balances].replace(" -", " -1", 1), *lines[balances + 1 :]]
    found = checked(tmp_path, "\n".join(wrong))
    assert found.returncode != 0
    assert "Balance failed for 'Income:Subscriptions-4000'" in found.stderr
    missing = [line for n, line in enumerate(lines) if not at - 3 <= n <= at]
    assert checked(tmp_path, "\n".join(missing)).returncode != 0, "an entry that is not there"
