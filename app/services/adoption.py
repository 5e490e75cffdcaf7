"""Adoption: apps that run in the cluster already are put on record, changed there, and taken off it; the cluster stays as it is."""

from __future__ import annotations

from datetime import datetime
from types import EllipsisType

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit, charges, mapping
from app.services.instances import InstanceView, seen
from app.services.organizations import NOTHING_HERE, existing
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.instances import LIVING, State, check_address, check_name, check_template, check_trial, move, way_to_gone
from models.domain.organizations import Standing
from models.store import catalogue, organizations, specifications
from models.store import instances as store
from models.store import mapping as rules

ENDED = frozenset({Standing.CLOSED, Standing.ANONYMISED})


def adoptable(ctx: Context, *, organization_id: str) -> tuple[str, ...]:
    """Namespaces of the watched cluster in which no app is on record and which are not somebody else's, by name; for staff."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    cluster = ctx.cluster.snapshot()
    taken = {row.namespace for row in store.search(ctx.session, states=LIVING) if row.cluster == cluster.cluster}
    owners = mapping.owners(ctx)
    return tuple(
        name for name in sorted(cluster.namespaces) if name not in taken and owners[name].organization_id in (None, organization_id)
    )


def adopt(
    ctx: Context,
    *,
    organization_id: str,
    name: str,
    namespace: str,
    template: str = "",
    address: str = "",
    plan_id: str | None = None,
    trial_until: datetime | None = None,
) -> InstanceView:
    """Put an app on record that runs in `namespace` of the watched cluster, as ready; by staff. With a plan it is charged, never touched.

    The namespace becomes the organization's by a rule, when it is nobody's; one that is somebody else's is refused, and so is one
    in which an app is on record already, since apps are told apart by their namespaces.
    """
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    organization = existing(ctx, organization_id)
    if organization.standing in ENDED:
        raise Conflict(f"{organization.name} is {organization.standing.value}, so it gets no apps. Take it back first.")
    name, address = check_name(name), check_address(address)
    template = _template_of(ctx, check_template(template), plan_id)
    trial_until = check_trial(trial_until, ctx.now)
    cluster = ctx.cluster.snapshot()
    if namespace not in cluster.namespaces:
        raise NotFound(f"The cluster has no namespace “{namespace}”. Check how it is written, or wait until it is there.")
    if store.living_by_name(ctx.session, organization.id, name) is not None:
        raise Conflict(f"{organization.name} has an app “{name}” already. Choose another name, or release that one first.")
    there = store.living_in(ctx.session, cluster.cluster, namespace)
    if there is not None:
        raise Conflict(
            f"In the namespace “{namespace}” the app “{there.name}” is on record already. Choose another, or release it first."
        )
    owner = mapping.owners(ctx)[namespace]
    if owner.organization_id not in (None, organization.id):
        other = organizations.by_id(ctx.session, owner.organization_id or "")
        raise Conflict(
            f"The namespace “{namespace}” belongs to {other.name if other else 'another organization'}. "
            f"Give it to {organization.name} under “Mapping” first."
        )
    part_of = store.by_id(ctx.session, owner.instance_id) if owner.instance_id else None
    if part_of is not None and part_of.state in LIVING:
        raise Conflict(
            f"The namespace “{namespace}” is a part of the app “{part_of.name}”. Take it from there under “Mapping” first."
        )
    row = store.Instance(
        organization_id=organization.id,
        name=name,
        template=template,
        plan_id=plan_id,
        cluster=cluster.cluster,
        namespace=namespace,
        address=address,
        state=State.READY,
        trial_until=trial_until,
        created_at=ctx.now,
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(row)
            ctx.session.flush()
            audit.record(
                ctx,
                action="instances.adopt",
                subject=row.id,
                organization=organization.id,
                after={"name": name, "namespace": namespace, "state": row.state} | _facts(row),
            )
            ruled = owner.via in mapping.MADE_BY_PEOPLE
            if owner.organization_id is None or ruled:
                mapping.give(ctx, namespace=namespace, organization_id=organization.id, instance_id=row.id)
            charges.follow(ctx, row)
    except IntegrityError as error:
        raise Conflict("Somebody put that name or that namespace on record just now. Look again.") from error
    return seen(ctx, row)


def change(
    ctx: Context,
    *,
    instance_id: str,
    address: str | EllipsisType = ...,
    template: str | EllipsisType = ...,
    plan_id: str | EllipsisType | None = ...,
    trial_until: datetime | EllipsisType | None = ...,
) -> InstanceView:
    """Other facts about a living one, by staff; what is left out stays. What is charged follows plan and trial.

    Of an app that Moorage runs, address, kind and plan are changed by its own operations: Conflict. Its trial may be given another end.
    """
    row = _managed(ctx, instance_id)
    before = _facts(row)
    wanted_address = row.address if isinstance(address, EllipsisType) else check_address(address)
    wanted_plan = row.plan_id if isinstance(plan_id, EllipsisType) else plan_id
    wanted_template = row.template if isinstance(template, EllipsisType) else check_template(template)
    if (wanted_plan, wanted_template) != (row.plan_id, row.template):
        wanted_template = _template_of(ctx, wanted_template, wanted_plan)
    wanted_trial = row.trial_until if isinstance(trial_until, EllipsisType) else check_trial(trial_until, ctx.now)
    row.address, row.template, row.plan_id, row.trial_until = wanted_address, wanted_template, wanted_plan, wanted_trial
    after = _facts(row)
    if after != before:
        ours = specifications.newest(ctx.session, row.id) is not None
        if ours and after | {"trial_until": None} != before | {"trial_until": None}:
            raise Conflict(f"Moorage runs “{row.name}”: its plan and settings are changed on its own page, its address never.")
        ctx.session.add(row)
        ctx.session.flush()
        audit.record(ctx, action="instances.change", subject=row.id, organization=row.organization_id, before=before, after=after)
        if ours:
            charges.prolong(ctx, row)
        elif (after["plan_id"], after["trial_until"]) != (before["plan_id"], before["trial_until"]):
            charges.follow(ctx, row)
    return seen(ctx, row)


def release(ctx: Context, *, instance_id: str) -> InstanceView:
    """Take it off the record, by staff: its address is not asked and it is not charged any more. The cluster and owners stay."""
    row = _managed(ctx, instance_id)
    if specifications.newest(ctx.session, row.id) is not None:
        raise Conflict(
            f"Moorage runs “{row.name}”: it does not leave the record while it stands. Delete it on its own page instead."
        )
    before = row.state
    for following in way_to_gone(before):
        if not store.move(ctx.session, row.id, row.state, move(row.state, following)):
            raise Conflict("The instance changed just now. Look again.")
        ctx.session.refresh(row)
    charges.follow(ctx, row)
    named = rules.forget_instance(ctx.session, row.id)
    audit.record(
        ctx,
        action="instances.release",
        subject=row.id,
        organization=row.organization_id,
        before={"state": before, "rules": named},
        after={"state": row.state, "rules": 0},
    )
    return seen(ctx, row)


def _managed(ctx: Context, instance_id: str) -> store.Instance:
    """A living one that the actor may change; who may not even see it learns nothing."""
    row = store.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    if row.state not in LIVING:
        raise Conflict(f"The app “{row.name}” is gone, so nothing of it can be changed.")
    return row


def _template_of(ctx: Context, template: str, plan_id: str | None) -> str:
    """The template that a plan asks for; an app without a plan has whichever is said."""
    if plan_id is None:
        return template
    plan = catalogue.plan_by_id(ctx.session, plan_id)
    if plan is None:
        raise NotFound("There is no such plan. Choose one of the catalogue, or none.")
    if template not in ("", plan.template):
        raise Invalid(f"The plan “{plan.name}” is for {plan.template}, not for {template}. Choose one that fits.", field="plan_id")
    return plan.template


def _facts(row: store.Instance) -> dict[str, str | None]:
    until = row.trial_until.isoformat() if row.trial_until else None
    return {"address": row.address, "template": row.template, "plan_id": row.plan_id, "trial_until": until}
