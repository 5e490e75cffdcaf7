"""A wrong setting is told by its name, and never with a secret."""

import traceback

import pytest

from app import config
from models.domain.errors import Misconfigured

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (f'smtp_passwort = "{SECRET}"', "smtp_passwort"),
        (f'stor_url = "postgresql+psycopg://moorage:{SECRET}@db/moorage"', "stor_url"),
        (f'prometheus_token = ["{SECRET}"]', "prometheus_token"),
        (f'prometheus_url = "ftp://moorage:{SECRET}@prometheus"', "prometheus_url"),
    ],
)
def test_a_secret_is_not_printed(tmp_path, monkeypatch, written, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moorage.toml").write_text(written + "\n")
    with pytest.raises(Misconfigured, match=name) as caught:
        config.load()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_another_wrong_value_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match=r"port.*70000"):
        config.load(port=70000)
