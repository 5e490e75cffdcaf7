"""Payments from the command line: a bank statement, and what nobody's invoice was found for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from models.domain.errors import Conflict, Invalid, NotFound


def test_a_statement_is_taken_once_and_its_lines_are_decided(command: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "bca.csv"
    file.write_text("Tanggal;Keterangan;Jumlah\n29/11/2026;siapa;149.000\n30/11/2026;biaya;-5.000\n", encoding="utf-8-sig")
    assert "1 new lines: 0 pay an invoice, 1 wait" in command("payments", "import", str(file))
    assert "0 new lines" in command("payments", "import", str(file))
    line = re.search(r"bnk_\w+", command("payments", "unmatched"))
    assert line is not None
    with pytest.raises(NotFound, match="no invoice"):
        command("payments", "assign", line[0], "INV-1")
    assert "left alone" in command("payments", "ignore", line[0])
    with pytest.raises(Conflict):
        command("payments", "ignore", line[0])
    file.write_text("date,amount\nsoon,5\n")
    with pytest.raises(Invalid, match="Line 2"):
        command("payments", "import", str(file))
    file.write_bytes(b"date,amount\n\xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        command("payments", "import", str(file))
    assert "payment" in command("payments", "list")
    assert "outcome" in command("payments", "events", "--trouble")
