"""SIGKILL at random moments of append, replacement, roll-up and compaction."""

from __future__ import annotations

from pathlib import Path

from collectors.warehouse import kills


def test_what_was_stored_survives_twenty_five_kills(tmp_path: Path) -> None:
    found = kills.run(str(tmp_path / "w.duckdb"), 25, seed=5)
    assert found.good, found
    assert found.kills == 25
    assert found.told > 25
    assert found.windows > 0
    assert found.compactions > 0
