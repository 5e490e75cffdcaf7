"""The test command says beforehand which live parts a machine lacks, and fails where every one of them was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_tests.py"
PARTS = ("PostgreSQL", "Prometheus", "a cluster", "a node", "a test bed", "Node.js", "a browser")


def test_missing_parts_are_named_and_are_a_failure_where_all_were_asked_for(tmp_path: Path) -> None:
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "KUBE", "PROMETHEUS", "INGRESS"))
    }
    bare = {**plain, "PATH": str(tmp_path), "MOORAGE_TEST_ALL": "1"}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=bare, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    told = [line.startswith(f"not here, its tests are skipped: {part}") for line, part in zip(lines, PARTS, strict=True)]
    assert all(told), lines
    assert done.returncode == 2
    assert "a missing one is a failure" in done.stderr
