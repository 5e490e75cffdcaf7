"""Simulated or live: a store and its data directory are one of both for good, from the first start on."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from models.domain.errors import Misconfigured
from models.store import audit, settings
from models.store.session import Store

SOURCES = "sources.json"
SIMULATED, LIVE = "simulated", "live"
KEY = "data_kind"
"""A row beside the operator's settings that is none of them: it is written once and no service changes it."""

_WHAT = {
    SIMULATED: "is the SIMULATED demo, with its published passwords",
    LIVE: "is of a live cluster",
}
_DO = {
    SIMULATED: (
        "Name another, empty directory with --data or MOORAGE_DATA for the live cluster (and another database, where the store is in one), "
        "or start without kubeconfig and prometheus_url."
    ),
    LIVE: (
        "Give MOORAGE_KUBECONFIG and MOORAGE_PROMETHEUS_URL (or --kubeconfig and --prometheus) as at its first start, "
        "or name another directory with --data for the demo."
    ),
}


def settle(store: Store, *, live: bool, data: Path, world: Path, now: datetime) -> None:
    """Mark what has no mark yet, for the process that fills it; Misconfigured when it is the other kind."""
    with store.transaction() as session:
        known = _marked(session)
        found = known or _derived(session) or (SIMULATED if world.exists() else None)
        _refuse(found, live=live, data=data)
        if known is None:
            kind = LIVE if live else SIMULATED
            session.add(settings.Setting(key=KEY, value=f'"{kind}"', changed_at=now, changed_by="the first start"))


def remember(data: Path, *, kubeconfig: Path, prometheus_url: str) -> None:
    """Where a live directory's data comes from, so that later commands need no more than `--data`; no secret is in it."""
    path = data / SOURCES
    text = json.dumps({"kubeconfig": str(kubeconfig), "prometheus_url": prometheus_url})
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        beside = path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.chmod(0o600)
        beside.replace(path)


def remembered(data: Path) -> dict[str, Any]:
    """The settings that `remember` noted in this directory; none where it never did."""
    try:
        found = json.loads((data / SOURCES).read_text(encoding="utf-8"))
        return {"kubeconfig": Path(found["kubeconfig"]), "prometheus_url": found["prometheus_url"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{data / SOURCES} cannot be read ({type(error).__name__}). Delete it, and name --kubeconfig and --prometheus once more."
        ) from error


def check(store: Store, *, live: bool, data: Path) -> None:
    """Misconfigured when store and directory are known to be the other kind; nothing is written."""
    with store.reading() as session:
        _refuse(_marked(session) or _derived(session), live=live, data=data)


def _refuse(found: str | None, *, live: bool, data: Path) -> None:
    wanted = LIVE if live else SIMULATED
    if found is not None and found != wanted:
        raise Misconfigured(f"What is kept in {data} {_WHAT[found]}, and the settings ask for {wanted} data. {_DO[found]}")


def _marked(session: Session) -> str | None:
    row = settings.by_key(session, KEY)
    return row.value.strip('"') if row is not None else None


def _derived(session: Session) -> str | None:
    """What a store from before the mark tells: only a demo was loaded, only a live start makes links for a first administrator."""
    if audit.search(session, action="demo.load", limit=1):
        return SIMULATED
    return LIVE if audit.search(session, action="staff.first_admin", limit=1) else None
