"""Upgrades of apps as people see them: which version is offered, asking for it, what came of it, and who is behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit, editions, operations
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from models.domain import upgrades as rules
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.instances import LIVING, State
from models.domain.upgrades import UpgradeState
from models.store import app_backups, catalogue, instances, organizations
from models.store import changesets as changes
from models.store import editions as kept
from models.store import specifications as wishes
from models.store import upgrades as store
from models.store.instances import Instance
from models.store.specifications import Specification
from models.store.upgrades import AppUpgrade
from provisioner.app_backups import parts
from provisioner.catalogue import Template
from provisioner.wanted import check_parameters


@dataclass(frozen=True, slots=True)
class UpgradeView:
    """One upgrade. `why`: why it did not come to its end; `restores`: the way back brings the backup back."""

    id: str
    instance_id: str
    organization_id: str
    app: str
    template: str
    from_version: str
    to_version: str
    state: UpgradeState
    restores: bool
    backup_id: str
    change_set_id: str
    why: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Offered:
    """The version that an app has, and the one that it can have.

    `to`: where it goes next, which is not `newest` when major versions are taken one by one; empty when it has the newest.
    `refused`: why not now: `rights`, `withdrawn`, `way` (no version in between is kept), `secrets`, `volumes`,
    `database`, `stopped`, `busy`.
    `saves`: a backup is made before; `stands_still`: the app does not answer while that is made, since the way back needs exactly it.
    """

    instance_id: str
    app: str
    template: str
    version: str
    newest: str
    to: str
    refused: str
    saves: bool
    stands_still: bool
    upgrades: tuple[UpgradeView, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """An app that does not have the newest version of its template."""

    instance_id: str
    app: str
    organization_id: str
    organization: str
    template: str
    version: str
    newest: str
    going: UpgradeState | None
    """Where its upgrade is; None while nobody asked for one."""


REFUSALS = {
    "withdrawn": "New apps of this kind fail at the moment, so nothing is brought to its newest version.",
    "way": "The version in between is not kept here, and major versions are taken one by one. Write to us.",
    "secrets": "The newer version needs passwords that this app does not have. Write to us.",
    "volumes": "The newer version keeps its data in other places. Write to us.",
    "database": "The newer version needs another major version of its database, which cannot read what is there. Write to us.",
    "stopped": "It is stopped. Start it first: an upgrade has to see that the app runs.",
    "busy": "Something else is being done with it. Wait until that is over.",
}


def of_app(ctx: Context, *, instance_id: str, limit: int = 20) -> Offered | None:
    """None for an app that Moorage did not make, or that is gone or going."""
    row = _seen(ctx, instance_id)
    wish = wishes.newest(ctx.session, row.id)
    if wish is None or row.state not in LIVING or row.state in (State.ORDERED, State.DELETING):
        return None
    found, refused, target = _way(ctx, row, wish)
    now = editions.read(ctx.session, wish.edition)
    if target is not None and not refused:
        if not ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, row.organization_id):
            refused = "rights"
        elif not wish.running:
            refused = "stopped"
        elif _busy(ctx, row):
            refused = "busy"
    saves = target is not None and bool(parts(now))
    return Offered(
        instance_id=row.id,
        app=row.name,
        template=row.template,
        version=now.version,
        newest=found,
        to=target.version if target is not None else "",
        refused=refused,
        saves=saves,
        stands_still=saves and target is not None and migrates(target),
        upgrades=tuple(view(one, row) for one in store.search(ctx.session, instance_id=row.id, limit=limit)),
    )


def ask(ctx: Context, *, instance_id: str, version: str = "") -> UpgradeView:
    """Bring the app to the version that is offered, by whoever operates it; the worker does it, with a backup before.

    With `version` only when that one is offered. Conflict says what is in the way.
    """
    row, wish = operations.operated(ctx, instance_id)
    _, refused, target = _way(ctx, row, wish)
    if target is None and not refused:
        raise Conflict(f"{row.name} has the newest version already.")
    if not refused:
        refused = "stopped" if not wish.running else "busy" if _busy(ctx, row) else ""
    if refused or target is None:
        raise Conflict(f"{row.name} cannot be upgraded now. {REFUSALS[refused]}")
    if version and version != target.version:
        raise Conflict(f"{row.name} goes to version {target.version} next, not to {version}. Look again.")
    answers(target, wish)
    key = editions.keep(ctx, target)
    made = AppUpgrade(
        instance_id=row.id,
        from_edition=wish.edition,
        to_edition=key,
        from_version=editions.read(ctx.session, wish.edition).version,
        to_version=target.version,
        before=wish.generation,
        migrates=migrates(target),
        created_by_name=ctx.actor.name,
        created_at=ctx.now,
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(made)
            ctx.session.flush()
    except IntegrityError as error:
        raise Conflict(f"{row.name} cannot be upgraded now. {REFUSALS['busy']}") from error
    audit.record(
        ctx,
        action="upgrades.ask",
        subject=made.id,
        organization=row.organization_id,
        before={"version": made.from_version},
        after={"app": row.name, "version": made.to_version},
    )
    return view(made, row)


def get(ctx: Context, *, upgrade_id: str) -> UpgradeView:
    row = store.by_id(ctx.session, upgrade_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return view(row, _seen(ctx, row.instance_id))


def list_(ctx: Context, *, instance_id: str | None = None, limit: int = 100, after: str | None = None) -> Page[UpgradeView]:
    """Those that the actor may see, the newest first, in parts."""
    within: list[str] | None = None
    if instance_id is not None:
        _seen(ctx, instance_id)
    elif not ctx.actor.may(Permission.SEE_OWN_INSTANCES):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held]
    rows = store.search(ctx.session, within=within, instance_id=instance_id, after=moment(after), limit=limited(limit) + 1)
    return paged(rows, limit, lambda row: view(row, _seen(ctx, row.instance_id)), lambda row: (row.created_at.isoformat(), row.id))


def behind(ctx: Context) -> tuple[Behind, ...]:
    """Apps that Moorage runs and that do not have the newest version of their template; for staff."""
    ctx.require(Permission.SEE_CLUSTER)
    newest = {row.id: editions.read(ctx.session, row.edition).version for row in catalogue.templates(ctx.session) if row.edition}
    names = {row.id: row.name for row in organizations.everything(ctx.session)}
    found = []
    for row in instances.search(ctx.session, states=LIVING - {State.ORDERED, State.DELETING}):
        wish = wishes.newest(ctx.session, row.id)
        if wish is None or row.template not in newest:
            continue
        version = editions.read(ctx.session, wish.edition).version
        if not rules.is_newer(newest[row.template], version):
            continue
        going = store.open_of(ctx.session, row.id)
        found.append(
            Behind(
                row.id, row.name, row.organization_id, names.get(row.organization_id, ""), row.template, version,
                newest[row.template], going.state if going is not None else None,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.template, rules.numbers(one.version), one.organization, one.app)))


def migrates(target: Template) -> bool:
    """Whether the version may change the data so that the one before cannot read it any more."""
    return not target.upgrade.reversible


def answers(target: Template, wish: Specification) -> dict[str, object]:
    """What the customer said, as far as the version asks for it. Raises Invalid where it asks for more. For other services."""
    try:
        return check_parameters(target, {name: value for name, value in wish.given.items() if name in target.parameters})
    except Invalid as error:
        raise Invalid(f"Version {target.version} asks for more: {error}", field=error.field) from error


def view(row: AppUpgrade, instance: Instance) -> UpgradeView:
    """For other services."""
    return UpgradeView(
        id=row.id,
        instance_id=row.instance_id,
        organization_id=instance.organization_id,
        app=instance.name,
        template=instance.template,
        from_version=row.from_version,
        to_version=row.to_version,
        state=row.state,
        restores=row.migrates and bool(row.backup_id),
        backup_id=row.backup_id,
        change_set_id=row.change_set_id,
        why=row.why,
        created_by=row.created_by_name,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _way(ctx: Context, row: Instance, wish: Specification) -> tuple[str, str, Template | None]:
    """The newest version there is, why it cannot be had, and the template of the next one on the way there."""
    now = editions.read(ctx.session, wish.edition)
    sold = catalogue.template_by_id(ctx.session, row.template)
    if sold is None or not sold.edition or sold.retired_at is not None:
        return now.version, "", None
    newest = editions.read(ctx.session, sold.edition)
    if not rules.is_newer(newest.version, now.version):
        return now.version, "", None
    there = {newest.version: sold.edition}
    for one in kept.of_template(ctx.session, row.template):
        there.setdefault(one.version, one.digest)
    version = rules.following(now.version, newest.version, there, one_major=newest.upgrade.rule == "major")
    if version is None:
        return newest.version, "way", None
    target = editions.read(ctx.session, there[version])
    if sold.withdrawn_at is not None:
        return newest.version, "withdrawn", target
    if target.secrets.keys() - now.secrets.keys():
        return newest.version, "secrets", target
    if _volumes(target) != _volumes(now):
        return newest.version, "volumes", target
    if _databases(target) != _databases(now):
        return newest.version, "database", target
    return newest.version, "", target


def _volumes(template: Template) -> frozenset[tuple[str, str, str]]:
    return frozenset((one.name, volume.name, volume.path) for one in template.components for volume in one.volumes)


def _databases(template: Template) -> frozenset[tuple[str, int]]:
    """Components with a program that dumps their data, and the major version of each: the next one cannot read its files."""
    dumped = {entry.of for entry in template.backup if entry.dump}
    return frozenset((one.name, rules.major(one.image or "")) for one in template.components if one.name in dumped)


def _busy(ctx: Context, row: Instance) -> bool:
    session = ctx.session
    return (
        row.state is State.PROVISIONING
        or store.open_of(session, row.id) is not None
        or changes.open_of(session, row.id) is not None
        or app_backups.open_restore_of(session, row.id) is not None
        or app_backups.spoiled(session, row.id)
    )


def _seen(ctx: Context, instance_id: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row
