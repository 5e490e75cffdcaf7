"""Facts about the tree that no compiler checks; each guard is first shown that it can find something."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("app", "pages", "collectors", "models", "provisioner")
FILES = sorted(p for rank in RANKS for p in (ROOT / rank).rglob("*.py") if "versions" not in p.parts)
CODE = [p for p in FILES if p.stat().st_size]
CLOCK = ROOT / "models" / "domain" / "clock.py"


def calls(source: str) -> set[str]:
    """Dotted names of everything that is called in `source`."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}


def reads_a_clock(source: str) -> set[str]:
    return {
        c for c in calls(source) if re.search(r"(^|\.)(datetime\.(now|utcnow)|date\.today|time\.(time|monotonic|perf_counter))$", c)
    }


def test_the_guards_find_what_they_look_for():
    assert len(CODE) > 10
    assert reads_a_clock("import time\nx = time.time()") == {"time.time"}
    assert reads_a_clock("import datetime\nx = datetime.datetime.now()") == {"datetime.datetime.now"}


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [p for p in CODE if p != CLOCK], ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_clock_reads_the_clock(path):
    assert reads_a_clock(path.read_text()) == set()


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_nobody_commits_but_the_edge(path):
    assert not {c for c in calls(path.read_text()) if c.endswith("session.commit")}


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_are_named_after_nouns(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}


def test_every_dependency_says_why():
    project = (ROOT / "pyproject.toml").read_text()
    named = tomllib.loads(project)["project"]
    for requirement in [*named["dependencies"], *named["optional-dependencies"]["test"]]:
        line = next(line for line in project.splitlines() if line.startswith(f'    "{requirement}"'))
        assert "#" in line, f"{requirement} has no reason beside it"


def test_locks_are_hashed_and_name_no_host():
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text()
        pins = re.findall(r"^[a-z0-9][^ ]*==", text, re.MULTILINE | re.IGNORECASE)
        assert len(pins) > 50
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text


def test_no_machine_path_is_committed():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    marked = re.compile(r"(^|[^A-Za-z0-9_.])/(work|farm)/|/root/")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in (".woff2", ".png") or not path.exists():
            continue
        assert not marked.search(path.read_text(errors="replace")) or path == Path(__file__), name
