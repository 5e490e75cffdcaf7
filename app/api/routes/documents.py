"""Documents on paper: invoices and receipts as PDF, statements, billing profiles, and files of invoices and ledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.documents.shelf import Shelf
from app.services import billing_profiles, book_files, documents, statements
from app.services.book_files import FileForm
from app.services.export import Archive

router = APIRouter(tags=["money"], responses=answers(401, 403, 404, 422, 503))

Invoice = Annotated[str, Path(max_length=100, description="Id of the invoice.", examples=["inv_0123456789abcdef0123"])]
Document = Annotated[str, Path(max_length=100, description="Id of the document.", examples=["doc_0123456789abcdef0123"])]
Organization = Annotated[str, Path(max_length=100, description="An organization's id.", examples=["org_0123456789abcdef0123"])]
First = Annotated[date | None, Query(description="The first day that is in it.")]
Before = Annotated[date | None, Query(description="The first day that is no longer in it.")]
PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}}
TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class Profile(BaseModel):
    """What stands on an organization's documents from now on; what is left empty follows the organization itself."""

    name: str = Field(default="", max_length=200, description="Name of the company.", examples=["PT Kopi Senja"])
    address: str = Field(
        default="", max_length=1000, description="Its address, with line breaks.", examples=["Jl. Braga 5\nBandung 40111"]
    )
    tax_number: str = Field(default="", max_length=200, description="Its tax number.")
    email: str = Field(default="", max_length=300, description="Where invoices are sent besides owners and billing members.")
    language: str = Field(default="", max_length=10, description="en, id or de.", examples=["id"])


@router.get(
    "/invoices/{id}/documents",
    operation_id="list_invoice_documents",
    summary="Documents of an invoice, the oldest first",
    responses=answers(400),
)
def list_invoice_documents(caller: Calling, id: Invoice, limit: Limit = 100, cursor: Cursor = "") -> Page[documents.DocumentView]:
    return cut(caller.read(documents.of_invoice, invoice_id=id), key=lambda one: one.id, limit=limit, cursor=cursor)


@router.get(
    "/documents/{id}/pdf",
    operation_id="get_document_pdf",
    summary="One document as PDF, byte for byte as it was issued",
    response_class=Response,
    responses=PDF,
)
def get_document_pdf(caller: Calling, id: Document) -> Response:
    shelf = Shelf.of(caller.container.settings)
    return _file(caller.read(documents.content, document_id=id, shelf=shelf))


@router.get(
    "/organizations/{id}/statement",
    operation_id="get_statement",
    summary="Statement of account as PDF, without days of this month",
    response_class=Response,
    responses=PDF,
)
def get_statement(
    caller: Calling,
    id: Organization,
    first: First = None,
    before: Before = None,
    currency: Annotated[str, Query(max_length=3, description="A currency.", examples=["IDR"])] = "IDR",
) -> Response:
    return _file(caller.read(statements.statement, organization_id=id, first=first, before=before, currency=currency))


@router.get(
    "/organizations/{id}/billing-profile",
    operation_id="get_billing_profile",
    summary="How an organization is named on its documents",
)
def get_billing_profile(caller: Calling, id: Organization) -> billing_profiles.ProfileView:
    return caller.read(billing_profiles.get, organization_id=id)


@router.put(
    "/organizations/{id}/billing-profile",
    operation_id="put_billing_profile",
    summary="Say how an organization is named on its documents from now on",
    responses=answers(400, 409),
)
def put_billing_profile(caller: Calling, id: Organization, body: Profile) -> billing_profiles.ProfileView:
    return caller.change(billing_profiles.put, organization_id=id, **body.model_dump())


@router.get(
    "/files/invoices",
    operation_id="get_invoice_file",
    summary="Lines of invoices as CSV or Parquet",
    response_class=Response,
    responses=TABLE,
)
def get_invoice_file(
    caller: Calling,
    form: Annotated[FileForm, Query(description="The form of the file.")] = FileForm.CSV,
    first: First = None,
    before: Before = None,
    organization: Annotated[str, Query(max_length=100, description="Only of this organization.")] = "",
) -> Response:
    return _file(caller.read(book_files.invoice_lines, form=form, first=first, before=before, organization_id=organization or None))


@router.get(
    "/files/ledger",
    operation_id="get_ledger_file",
    summary="Postings of the ledger as CSV or Parquet",
    response_class=Response,
    responses=TABLE,
)
def get_ledger_file(
    caller: Calling,
    form: Annotated[FileForm, Query(description="The form of the file.")] = FileForm.CSV,
    first: First = None,
    before: Before = None,
) -> Response:
    return _file(caller.read(book_files.postings, form=form, first=first, before=before))


def _file(made: Archive) -> Response:
    name = made.name.encode("ascii", "replace").decode().replace('"', "")
    return Response(made.content, media_type=made.media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
