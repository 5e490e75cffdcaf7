"""Own domains of an app: asked for, looked up in the DNS, taken away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.gateways.names import names
from app.services import domains

router = APIRouter(tags=["domains"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]
Name = Annotated[str, Path(max_length=253, description="The domain.", examples=["shop.example.com"])]


class NewDomain(BaseModel):
    """A name that is to lead to the app."""

    name: str = Field(max_length=253, examples=["shop.example.com"])


@router.get(
    "/instances/{id}/domains",
    operation_id="list_domains",
    summary="Own domains of an app, with what the DNS has to say",
    responses=answers(400),
)
def list_domains(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[domains.DomainView]:
    return cut(caller.read(domains.list_, instance_id=id), key=lambda one: one.name, limit=limit, cursor=cursor)


@router.post(
    "/instances/{id}/domains",
    operation_id="add_domain",
    summary="Ask for an own domain; the answer says which DNS records it needs",
    status_code=201,
    responses=answers(400, 409),
)
def add_domain(caller: Calling, id: Id, wanted: NewDomain, key: IdempotencyKey) -> domains.DomainView:
    return caller.write(key, domains.DomainView, lambda ctx: domains.add(ctx, instance_id=id, name=wanted.name))


@router.post(
    "/instances/{id}/domains/{domain}/checks",
    operation_id="check_domain",
    summary="Look into the DNS now; once the records stand the app answers at the domain",
    responses=answers(400, 409),
)
def check_domain(caller: Calling, id: Id, domain: Name, key: IdempotencyKey) -> domains.DomainView:
    one = caller.read(domains.get, instance_id=id, name=domain)
    found = names(live=caller.container.settings.live).look(one.name, host=one.host, token=one.token)
    return caller.write(key, domains.DomainView, lambda ctx: domains.check(ctx, instance_id=id, name=domain, found=found))


@router.delete(
    "/instances/{id}/domains/{domain}",
    operation_id="remove_domain",
    summary="The app no longer answers at the domain",
    status_code=204,
    responses=answers(400, 409),
)
def remove_domain(caller: Calling, id: Id, domain: Name) -> None:
    caller.change(domains.remove, instance_id=id, name=domain)
