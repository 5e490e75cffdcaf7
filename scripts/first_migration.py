"""Writes models/migrations/versions/0001_first.py anew from the tables, as long as nothing is released.

    .venv/bin/python scripts/first_migration.py

After the first release every change is a step of its own, made with Alembic's autogenerate against a database at `head`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command

from models import migrations
from models.store.session import Store

VERSIONS = Path(migrations.__file__).parent / "versions"


def main() -> None:
    later = [path.name for path in VERSIONS.glob("*.py") if not path.name.startswith("0001_")]
    if later:
        sys.exit(f"There are later steps ({', '.join(sorted(later))}); add another one instead of writing the first anew.")
    first = VERSIONS / "0001_first.py"
    first.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/empty.sqlite")
        with store.engine.connect() as connection:
            config = migrations.configuration()
            config.attributes["connection"] = connection
            command.revision(config, "The first schema", autogenerate=True, rev_id="0001")
        store.close()
    (written,) = VERSIONS.glob("0001_*.py")
    written.rename(first)
    tool = Path(sys.executable).with_name("ruff")
    subprocess.run([tool, "format", "--quiet", first], check=True)
    subprocess.run([tool, "check", "--quiet", "--fix", first], check=True)
    print(f"{first.name}: {first.read_text().count('op.create_table(')} tables")


if __name__ == "__main__":
    main()
