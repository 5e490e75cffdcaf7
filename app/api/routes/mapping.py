"""Whose each namespace of the watched cluster is; for staff."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.edge import Calling, IdempotencyKey, csv_answer
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.services import mapping, mapping_csv
from models.domain.instances import LONGEST_ADDRESS
from models.domain.mapping import Via

router = APIRouter(tags=["mapping"], responses=answers(401, 403, 422, 503))

Namespace = Annotated[str, Path(max_length=253, description="Name of the namespace.", examples=["kopi-senja-n8n"])]
LONGEST_FILE = 2_000_000


class Assignment(BaseModel):
    """Whose a namespace is to be."""

    organization_id: str = Field(max_length=100, examples=["org_0123456789abcdef0123"])
    instance_id: str | None = Field(default=None, max_length=100, description="Id or name of one of its instances.")
    address: str | None = Field(
        default=None,
        max_length=LONGEST_ADDRESS,
        description="Asked once a minute whether it answers. Left out: it stays while the namespace stays with its owner.",
        examples=["https://shop.example.com"],
    )


class File(BaseModel):
    """A CSV file with the columns namespace, organization, instance, address; the last two are optional."""

    text: str = Field(max_length=LONGEST_FILE, examples=["namespace,organization,instance\nkopi-senja-n8n,kopi-senja,n8n\n"])
    dry_run: bool = Field(default=False, description="Only say what would be done.")


@router.get("/mapping", operation_id="list_mapping", summary="Namespaces and their owners, by name", responses=answers(400))
def list_mapping(
    caller: Calling,
    search: Annotated[str, Query(max_length=200, description="Part of a namespace or an owner's name.")] = "",
    via: Annotated[Via | None, Query(description="How the owner was found.")] = None,
    organization: Annotated[str, Query(max_length=100, description="An organization's id.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[mapping.NamespaceRow]:
    found = caller.read(mapping.list_, search=search, via=via, organization_id=organization or None)
    return cut(found.rows, key=lambda row: row.namespace, limit=limit, cursor=cursor)


@router.put(
    "/mapping/{namespace}",
    operation_id="assign_namespace",
    summary="Give a namespace to an organization",
    responses=answers(400, 404, 409),
)
def assign_namespace(caller: Calling, namespace: Namespace, wanted: Assignment) -> mapping.NamespaceRow:
    return caller.change(
        mapping.assign,
        namespace=namespace,
        organization_id=wanted.organization_id,
        instance_id=wanted.instance_id,
        address=wanted.address,
    )


@router.delete(
    "/mapping/{namespace}", operation_id="clear_namespace", summary="Take a rule away", status_code=204, responses=answers(404)
)
def clear_namespace(caller: Calling, namespace: Namespace) -> None:
    caller.change(mapping.clear, namespace=namespace)


@router.get(
    "/mapping-file",
    operation_id="export_mapping",
    summary="The mapping as a CSV file",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def export_mapping(caller: Calling) -> Response:
    return csv_answer(caller.read(mapping_csv.write), "mapping.csv")


@router.post(
    "/mapping-file", operation_id="import_mapping", summary="Take the rules of a CSV file: all or none", responses=answers(400, 409)
)
def import_mapping(caller: Calling, file: File, key: IdempotencyKey) -> mapping_csv.Import:
    return caller.write(key, mapping_csv.Import, lambda ctx: mapping_csv.read(ctx, text=file.text, dry_run=file.dry_run))
