"""Every command has help and does its work on a data directory."""

import json
from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from app import backup as backups
from app import ownership, worker
from app.cli.main import app
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted, Unavailable
from tests.cli.conftest import settings_of


def every_command() -> Iterator[tuple[str, ...]]:
    def walk(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, one in group.commands.items():
            yield (*path, name)
            if hasattr(one, "commands"):
                yield from walk(one, (*path, name))

    return walk(typer.main.get_command(app), ())


@pytest.mark.parametrize("path", sorted(every_command()), ids=" ".join)
def test_every_command_says_what_it_does(path):
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    one = typer.main.get_command(app)
    for name in path:
        one = one.commands[name]
    assert one.help
    assert one.help.strip()[-1] == "." or "\n" in one.help
    assert all(getattr(p, "help", "x") for p in one.params), f"an option of {' '.join(path)} has no help"


def test_what_the_design_promises_is_there():
    have = {" ".join(path) for path in every_command()}
    assert have >= {
        "up", "web", "worker", "migrate", "backup", "restore", "collect", "jobs run", "jobs preview", "jobs list", "user add",
        "user reset", "user list", "token make", "warehouse sql", "warehouse describe", "warehouse export",
        "warehouse import", "catalogue list", "catalogue check", "doctor", "soak",
        "changes", "apply", "diagnose", "logs", "drift",
    }  # fmt: skip


def test_what_is_no_export_is_not_imported(command, tmp_path):
    with pytest.raises(NotFound, match="There is no export in"):
        command("warehouse", "import", str(tmp_path))


def test_jobs_are_listed_previewed_and_run(command):
    assert "sign_in_cleanup" in command("jobs", "list")
    assert "Nothing to forget" in command("jobs", "preview", "sign_in_cleanup")
    assert "done" in command("jobs", "run", "sign_in_cleanup")
    assert "done" in command("jobs", "run", "rollup")
    with pytest.raises(NotFound, match="There is no job"):
        command("jobs", "run", "nothing")


def test_a_job_that_was_run_by_hand_names_who_asked(command):
    command("jobs", "run", "mail")
    line = next(row for row in command("jobs", "list").splitlines() if row.startswith("mail "))
    assert "done" in line


def test_accounts_are_made_changed_and_closed(command):
    made = command("user", "add", "Dewi@Example.com", "--name", "Dewi", "--role", "support")
    assert "dewi@example.com" in made
    assert "/reset?token=" in made
    assert "support" in command("user", "list")
    assert "analyst" in command("user", "role", "dewi@example.com", "analyst")
    assert "/reset?token=" in command("user", "reset", "dewi@example.com")
    assert "disabled" in command("user", "disable", "dewi@example.com")
    assert "enabled" in command("user", "enable", "dewi@example.com")
    assert "dewi@example.com" in command("user", "show", "dewi@example.com")
    assert "no longer staff" in command("user", "role", "dewi@example.com")
    with pytest.raises(Conflict):
        command("user", "add", "dewi@example.com", "--name", "Dewi")
    with pytest.raises(Conflict, match="no second factor"):
        command("user", "drop-second-factor", "dewi@example.com")


def test_the_last_owner_stays(command):
    owner = next(line.split()[0] for line in command("user", "list").splitlines() if " owner " in line)
    with pytest.raises(Conflict, match="last owner"):
        command("user", "role", owner)


def test_a_token_is_shown_once_listed_and_revoked(command):
    owner = next(line.split()[0] for line in command("user", "list").splitlines() if " owner " in line)
    secret = command("token", "make", "--of", owner, "--name", "CI", "--scope", "jobs.see").strip()
    listed = command("token", "list", "--of", owner)
    assert secret not in listed
    assert "jobs.see" in listed
    token = next(word for word in listed.split() if word.startswith("tok_"))
    assert "revoked" in command("token", "revoke", token, "--of", owner)
    with pytest.raises(NotPermitted):
        command("token", "make", "--of", owner, "--name", "CI", "--scope", "staff.manage")
    with pytest.raises(NotFound, match="Nobody"):
        command("token", "list", "--of", "nobody@example.com")


def test_the_warehouse_answers_in_three_forms(command):
    question = "SELECT 1 AS one, 'a' AS word"
    assert command("warehouse", "sql", question).split() == ["one", "word", "1", "a"]
    assert command("warehouse", "sql", question, "--format", "csv") == "one,word\n1,a\n"
    assert json.loads(command("warehouse", "sql", question, "--format", "json")) == [{"one": 1, "word": "a"}]
    with pytest.raises(Invalid):
        command("warehouse", "sql", "DROP TABLE wh.ticks")


def test_the_dictionary_needs_no_data_and_knows_every_unit():
    shown = CliRunner().invoke(app, ["warehouse", "describe", "pod_5m", "--format", "json"])
    rows = json.loads(shown.output)
    assert {"t", "covered_ms"} <= {row["column"] for row in rows}
    assert all(row["meaning"] for row in rows)


def test_care_is_done_here_while_no_server_runs(command):
    assert json.loads(command("warehouse", "care", "rollup")) == {"windows": 0}
    assert "tables" in json.loads(command("warehouse", "care", "sizes"))


def test_the_catalogue_is_checked_template_by_template(tmp_path):
    good = CliRunner().invoke(app, ["catalogue", "check"])
    assert good.exit_code == 0
    assert "wordpress starter: " in good.output
    (tmp_path / "blog.yaml").write_text("id: blog\nname: Blog\nprize: 3\n")
    refused = CliRunner().invoke(app, ["catalogue", "check", "--folder", str(tmp_path)])
    assert refused.exit_code == 1
    assert "blog.yaml:3: prize: is not known here" in str(refused.exception)


def test_the_catalogue_shows_prices_in_their_currency(command):
    shown = command("catalogue", "list")
    assert "IDR" in shown
    assert "150,000" in shown


def test_one_collection_says_how_each_source_went(command):
    shown = command("collect")
    assert "simulated" in shown
    assert "ok" in shown


def test_a_backup_restores_what_was_lost_since(command, data):
    command("backup")
    command("user", "add", "late@example.com", "--name", "Late", "--role", "support")
    with pytest.raises(Invalid, match="--force"):
        command("restore", "latest")
    assert "Restored" in command("restore", "latest", "--force")
    assert "late@example.com" not in command("user", "list")
    assert (data / "before-restore" / "store.sqlite").exists()
    assert len(backups.all_(backups.home(settings_of(data)))) == 1


def test_nothing_is_restored_under_a_running_server(command, data):
    command("backup")
    with ownership.own(data), pytest.raises(ownership.Owned, match="already runs"):
        command("restore", "latest", "--force")


def test_nothing_is_restored_under_a_running_worker(command, data):
    command("backup")
    with ownership.work(data), ownership.work(data), pytest.raises(ownership.Owned, match="A worker runs"):
        command("restore", "latest", "--force")
    with ownership.alone(data), pytest.raises(Unavailable, match="is being restored"):
        worker.main(settings_of(data))
    assert "Restored" in command("restore", "latest", "--force")


def test_commands_on_a_directory_that_is_not_there_say_so(tmp_path):
    result = CliRunner().invoke(app, ["jobs", "list", "--data", str(tmp_path / "none")])
    assert "moorage up" in str(result.exception)


def test_migrating_twice_changes_nothing(command):
    assert command("migrate") == command("migrate")


def test_drift_says_that_nothing_is_run_yet(command):
    assert "Moorage runs no app yet." in command("drift")
