"""Who calls, and what is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.edge import Calling
from app.api.problems import answers
from app.services import apps, members, tokens
from models.domain.access import ActorKind, Permission

router = APIRouter(tags=["me"], responses=answers(401, 403, 422, 503))


@dataclass(frozen=True, slots=True)
class Rights:
    """What is held inside one organization."""

    organization_id: str
    permissions: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class Me:
    """The caller with their rights of this moment; those of a token are its scopes at most."""

    id: str
    kind: ActorKind
    name: str
    permissions: tuple[Permission, ...]
    """Over all organizations."""
    within: tuple[Rights, ...]
    organizations: tuple[members.Belonging, ...]


@router.get("/me", operation_id="get_me", summary="Who you are and what you may do")
def get_me(caller: Calling) -> Me:
    actor = caller.actor
    return Me(
        id=actor.id,
        kind=actor.kind,
        name=actor.name,
        permissions=tuple(sorted(actor.everywhere)),
        within=tuple(Rights(org, tuple(sorted(held))) for org, held in sorted(actor.within.items())),
        organizations=caller.read(members.mine),
    )


@router.get(
    "/me/apps",
    operation_id="list_my_apps",
    summary="Your apps with their state, those that need attention first",
    responses=answers(404),
)
def list_my_apps(
    caller: Calling, organization: Annotated[str, Query(max_length=100, description="Only those of one organization.")] = ""
) -> apps.Home:
    return caller.read(apps.mine, organization_id=organization or None)


@router.get("/me/tokens", operation_id="list_my_tokens", summary="Your tokens; only with a sign-in cookie")
def list_my_tokens(caller: Calling) -> tuple[tokens.TokenView, ...]:
    return caller.read(tokens.mine)


@router.delete(
    "/me/tokens/{id}", operation_id="revoke_token", summary="End a token; only with a sign-in cookie", responses=answers(404, 409)
)
def revoke_token(
    caller: Calling, id: Annotated[str, Path(max_length=100, examples=["tok_0123456789abcdef0123"])]
) -> tokens.TokenView:
    return caller.change(tokens.revoke, token_id=id)
