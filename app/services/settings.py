"""Operator settings: reading one, listing all with their meaning, changing one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.context import Context
from app.services import audit
from models.domain.access import Permission
from models.domain.settings import REGISTRY, Value, check_together, named
from models.store import settings as store


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting with its value now; `changed_at` and `changed_by` are None while it is the default."""

    key: str
    value: Value
    default: Value
    kind: str
    unit: str
    sentence: str
    allowed: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    changed_at: datetime | None
    changed_by: str | None


def get(ctx: Context, key: str) -> Any:
    """The value now, in the setting's type. Open to every service: no setting is anybody's secret."""
    setting = named(key)
    row = store.by_key(ctx.session, key)
    return setting.default if row is None else setting.checked(json.loads(row.value))


def all_(ctx: Context) -> tuple[SettingView, ...]:
    """Every setting there is, in the order of the registry."""
    ctx.require(Permission.SEE_SETTINGS)
    rows = {row.key: row for row in store.everything(ctx.session)}
    return tuple(_view(key, rows.get(key)) for key in REGISTRY)


def put(ctx: Context, *, key: str, value: Any) -> SettingView:
    """Set one; None brings its default back. Invalid says what is allowed."""
    ctx.require(Permission.MANAGE_SETTINGS)
    setting = named(key)
    kept = setting.default if value is None else setting.checked(value)
    row = store.by_key(ctx.session, key)
    before = get(ctx, key)
    check_together({each: kept if each == key else get(ctx, each) for each in REGISTRY})
    if kept != before:
        if kept == setting.default and row is not None:
            ctx.session.delete(row)
            row = None
        else:
            row = row or store.Setting(key=key, value="", changed_at=ctx.now, changed_by="")
            row.value, row.changed_at, row.changed_by = json.dumps(kept), ctx.now, ctx.actor.name
            ctx.session.add(row)
        ctx.session.flush()
        audit.record(ctx, action="settings.put", subject=key, before={"value": before}, after={"value": kept})
    return _view(key, row)


def _view(key: str, row: store.Setting | None) -> SettingView:
    setting = named(key)
    return SettingView(
        key=key,
        value=setting.default if row is None else setting.checked(json.loads(row.value)),
        default=setting.default,
        kind=setting.kind.__name__,
        unit=setting.unit,
        sentence=setting.sentence,
        allowed=setting.allowed,
        low=setting.low,
        high=setting.high,
        choices=setting.choices,
        changed_at=row.changed_at if row else None,
        changed_by=row.changed_by if row else None,
    )
