"""Organizations with their members and invitations. Members see their own, staff see all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.context import Context
from app.services import audit, instances, invitations, members, organizations
from models.domain.access import MemberRole
from models.domain.organizations import Standing

router = APIRouter(tags=["organizations"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the organization.", examples=["org_0123456789abcdef0123"])]
UserId = Annotated[str, Path(max_length=100, description="Id of the person.", examples=["usr_0123456789abcdef0123"])]
Text = Annotated[str, Query(max_length=200)]


class NewOrganization(BaseModel):
    """A customer account to be made by staff."""

    name: str = Field(max_length=200, examples=["Kopi Senja"])
    country: str = Field(default="", max_length=2, description="ISO 3166, two letters.", examples=["ID"])
    label: str | None = Field(
        default=None, max_length=63, description="Value of the cluster's organization label; left out, the slug."
    )


class OrganizationChange(BaseModel):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(default=None, max_length=200, examples=["Kopi Senja Bandung"])
    standing: Standing | None = Field(default=None, description="Staff only.")
    label: str | None = Field(
        default=None, max_length=63, description="Value of the cluster's organization label; empty takes it away. Staff only."
    )


class NewInvitation(BaseModel):
    """Whom to invite, as what."""

    email: str = Field(max_length=300, examples=["ayu@example.com"])
    role: MemberRole = Field(examples=["developer"])


class RoleChange(BaseModel):
    role: MemberRole = Field(examples=["viewer"])


def _changed(ctx: Context, *, id: str, wanted: OrganizationChange) -> organizations.OrganizationView:
    """All changes or none; what nobody may see is not there, also when nothing is to be changed."""
    found = organizations.get(ctx, organization_id=id)
    if wanted.name is not None:
        found = organizations.rename(ctx, organization_id=id, name=wanted.name)
    if wanted.standing is not None and wanted.standing is not found.standing:
        found = organizations.set_standing(ctx, organization_id=id, standing=wanted.standing)
    if wanted.label is not None:
        found = organizations.set_label(ctx, organization_id=id, label=wanted.label)
    return found


@router.get("/organizations", operation_id="list_organizations", summary="Those that you may see, by name", responses=answers(400))
def list_organizations(
    caller: Calling,
    search: Annotated[Text, Query(description="Part of a name or slug.")] = "",
    standing: Standing | None = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[organizations.OrganizationView]:
    return of_service(caller.read(organizations.list_, search=search, standing=standing, limit=limit, after=after(cursor)))


@router.post(
    "/organizations",
    operation_id="create_organization",
    summary="Make a customer account",
    status_code=201,
    responses=answers(400, 409),
)
def create_organization(caller: Calling, wanted: NewOrganization, key: IdempotencyKey) -> organizations.OrganizationView:
    return caller.write(
        key,
        organizations.OrganizationView,
        lambda ctx: organizations.create(ctx, name=wanted.name, country=wanted.country, label=wanted.label),
    )


@router.get("/organizations/{id}", operation_id="get_organization", summary="One organization")
def get_organization(caller: Calling, id: Id) -> organizations.OrganizationView:
    return caller.read(organizations.get, organization_id=id)


@router.patch(
    "/organizations/{id}",
    operation_id="change_organization",
    summary="Another name or standing",
    responses=answers(400, 409),
)
def change_organization(caller: Calling, id: Id, wanted: OrganizationChange) -> organizations.OrganizationView:
    return caller.change(_changed, id=id, wanted=wanted)


@router.get(
    "/organizations/{id}/instances",
    operation_id="list_organization_instances",
    summary="Its instances, by name",
    responses=answers(400),
)
def list_organization_instances(
    caller: Calling,
    id: Id,
    gone: Annotated[bool, Query(description="Also those that are gone.")] = False,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[instances.InstanceView]:
    found = caller.read(instances.of_organization, organization_id=id, gone=gone)
    return cut(found, key=lambda one: f"{one.name}\n{one.id}", limit=limit, cursor=cursor)


@router.get("/organizations/{id}/members", operation_id="list_members", summary="Its people, by name", responses=answers(400))
def list_members(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[members.MemberView]:
    found = caller.read(members.of_organization, organization_id=id)
    return cut(found, key=lambda one: f"{one.name}\n{one.user_id}", limit=limit, cursor=cursor)


@router.patch(
    "/organizations/{id}/members/{user_id}",
    operation_id="change_member",
    summary="Another role for a member",
    responses=answers(400, 409),
)
def change_member(caller: Calling, id: Id, user_id: UserId, wanted: RoleChange) -> members.MemberView:
    return caller.change(members.change_role, organization_id=id, user_id=user_id, role=wanted.role)


@router.delete(
    "/organizations/{id}/members/{user_id}",
    operation_id="remove_member",
    summary="End a membership",
    status_code=204,
    responses=answers(409),
)
def remove_member(caller: Calling, id: Id, user_id: UserId) -> None:
    caller.change(members.remove, organization_id=id, user_id=user_id)


def _newest_first(one: invitations.InvitationView) -> str:
    """Falls while time goes on: `cut` sorts upwards."""
    return f"{2**63 - int(one.created_at.timestamp() * 1_000_000):019d}\n{one.id}"


@router.get(
    "/organizations/{id}/invitations",
    operation_id="list_invitations",
    summary="Invitations that wait, newest first",
    responses=answers(400),
)
def list_invitations(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[invitations.InvitationView]:
    found = caller.read(invitations.list_, organization_id=id)
    return cut(found, key=_newest_first, limit=limit, cursor=cursor)


@router.post(
    "/organizations/{id}/invitations",
    operation_id="invite_member",
    summary="Send somebody a link that makes them a member",
    status_code=201,
    responses=answers(400, 409),
)
def invite_member(caller: Calling, id: Id, wanted: NewInvitation, key: IdempotencyKey) -> invitations.InvitationView:
    return caller.write(
        key,
        invitations.InvitationView,
        lambda ctx: members.invite(ctx, organization_id=id, email=wanted.email, role=wanted.role),
    )


@router.delete(
    "/invitations/{id}", operation_id="revoke_invitation", summary="Make an invitation's link worthless", status_code=204
)
def revoke_invitation(caller: Calling, id: Annotated[str, Path(max_length=100, examples=["inv_0123456789abcdef0123"])]) -> None:
    caller.change(invitations.revoke, invitation_id=id)


@router.get(
    "/organizations/{id}/audit",
    operation_id="list_organization_audit",
    summary="What was changed about it, newest first",
    responses=answers(400),
)
def list_organization_audit(
    caller: Calling,
    id: Id,
    action: Annotated[Text, Query(description="Beginning of an action.", examples=["members."])] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[audit.AuditView]:
    return of_service(caller.read(audit.of_organization, organization_id=id, action=action, limit=limit, after=after(cursor)))
