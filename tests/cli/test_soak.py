"""`moorage soak` goes on where it was stopped, and its table says what was not reached."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import soak, soak_targets
from app.cli.main import app
from models.domain.errors import Invalid


@pytest.fixture
def rounds(monkeypatch):
    """Targets that note what they are asked for; the third round of the first one finds something."""
    asked = []

    def run(folder, kills, seed, server):
        assert folder.is_dir()
        asked.append((kills, seed, server))
        return {"work": 10 * kills, "problems": ["a tick is lost"] if len(asked) == 3 else []}

    found = {"one": soak_targets.Target(run), "two": soak_targets.Target(run, postgres=True)}
    monkeypatch.setattr(soak, "BY_NAME", found)
    return asked


def run(*arguments):
    return CliRunner().invoke(app, ["soak", *arguments], env={"MOORAGE_TEST_POSTGRES": ""})


def test_what_was_stopped_goes_on_with_the_next_seed(rounds, tmp_path):
    file, table = str(tmp_path / "soak.json"), tmp_path / "soak.md"
    assert run("--results", file, "--kills", "30", "--seed", "7", "--table", str(table)).exit_code == 0
    assert rounds == [(25, 7, ""), (5, 8, "")]
    assert "| one | 30 | 300 |" in table.read_text(encoding="utf-8")
    assert "| two | 0 | — | — | not run |" in table.read_text(encoding="utf-8")
    assert "Not reached by: two (0)." in table.read_text(encoding="utf-8")
    assert run("--results", file, "--kills", "30").exit_code == 0
    assert len(rounds) == 2
    again = run("--results", file, "--kills", "50", "--seed", "7", "--table", str(table))
    assert again.exit_code == 1
    assert rounds[2:] == [(20, 9, "")]
    assert "one, seed 9: a tick is lost" in again.output
    assert "- one, seed 9: a tick is lost" in table.read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    assert [one["kills"] for one in kept["one"]] == [25, 5, 20]
    assert all(one["machine"] and one["at"] for one in kept["one"])


def test_a_server_of_postgresql_brings_the_targets_that_need_it(rounds, tmp_path):
    assert run("--results", str(tmp_path / "soak.json"), "--kills", "1", "--postgres", "there", "--only", "two").exit_code == 0
    assert rounds == [(1, 1, "there")]


def test_an_unknown_target_is_refused(tmp_path):
    assert isinstance(run("--results", str(tmp_path / "soak.json"), "--only", "three").exception, Invalid)


def test_the_targets_are_those_of_the_spine():
    assert {name.split(" on ")[0] for name in soak_targets.BY_NAME} == {"jobs", "provisioner", "renewals", "collector", "writer"}
    assert sum(target.postgres for target in soak_targets.BY_NAME.values()) == 5
