"""Credit notes, and what customers have to their credit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.context import Context
from app.services import credit_notes, credits, invoices

router = APIRouter(tags=["money"], responses=answers(401, 403, 404, 422, 503))

Note = Annotated[str, Path(max_length=100, description="Id of the credit note.", examples=["cn_0123456789abcdef0123"])]
Invoice = Annotated[str, Path(max_length=100, description="Id of the invoice.", examples=["inv_0123456789abcdef0123"])]
Organization = Annotated[str, Path(max_length=200, description="An organization's id.")]
Most = Annotated[int, Field(gt=0, lt=2**63)]


class NewCreditNote(BaseModel):
    """What is given back of an invoice: amounts with their tax by number of the line, in minor units; null is everything that is left."""

    reason: str = Field(max_length=300, examples=["The app was not reachable for two days"])
    amounts: dict[int, Most] | None = Field(default=None, examples=[{"1": 1000}])


class Loss(BaseModel):
    """Why the money of an invoice is given up."""

    reason: str = Field(max_length=200, examples=["The company does not exist any more"])


class Refund(BaseModel):
    """Credit that went back to the customer, in minor units of its currency."""

    currency: str = Field(max_length=3, examples=["IDR"])
    amount_minor: Most
    reason: str = Field(max_length=200, examples=["Bank transfer of 29 November"])


@router.get(
    "/credit-notes",
    operation_id="list_credit_notes",
    summary="Credit notes that you may see, the newest first",
    responses=answers(400),
)
def list_credit_notes(
    caller: Calling,
    organization: Annotated[str, Query(max_length=200, description="An organization's id.")] = "",
    invoice: Annotated[str, Query(max_length=100, description="Only those of this invoice.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[credit_notes.CreditNoteView]:
    found = caller.read(
        credit_notes.list_,
        organization_id=organization or None,
        invoice_id=invoice or None,
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)


@router.get("/credit-notes/{id}", operation_id="get_credit_note", summary="One credit note with its lines")
def get_credit_note(caller: Calling, id: Note) -> credit_notes.CreditNoteView:
    return caller.read(credit_notes.get, credit_note_id=id)


@router.post(
    "/invoices/{id}/credit-notes",
    operation_id="issue_credit_note",
    summary="Give something of an invoice back, as staff",
    status_code=201,
    responses=answers(400, 409),
)
def issue_credit_note(caller: Calling, id: Invoice, wanted: NewCreditNote, key: IdempotencyKey) -> credit_notes.CreditNoteView:
    return caller.write(
        key,
        credit_notes.CreditNoteView,
        lambda ctx: credit_notes.issue(ctx, invoice_id=id, reason=wanted.reason, amounts=wanted.amounts, key=f"api:{key}"),
    )


@router.post(
    "/invoices/{id}/write-off",
    operation_id="write_off_invoice",
    summary="Give up what is open of an invoice as a loss, as staff",
    responses=answers(400, 409),
)
def write_off_invoice(caller: Calling, id: Invoice, wanted: Loss, key: IdempotencyKey) -> invoices.InvoiceView:
    def give_up(ctx: Context) -> invoices.InvoiceView:
        credits.write_off(ctx, invoice_id=id, reason=wanted.reason)
        return invoices.get(ctx, invoice_id=id)

    return caller.write(key, invoices.InvoiceView, give_up)


@router.get(
    "/organizations/{id}/credits",
    operation_id="list_credits",
    summary="What an organization has to its credit, by currency",
    responses=answers(400),
)
def list_credits(caller: Calling, id: Organization, limit: Limit = 100, cursor: Cursor = "") -> Page[credits.CreditView]:
    found = caller.read(credits.of_organization, organization_id=id)
    return cut(found, key=lambda one: one.currency, limit=limit, cursor=cursor)


@router.post(
    "/organizations/{id}/credits/refunds",
    operation_id="refund_credit",
    summary="Say that credit was paid out by hand, as staff",
    responses=answers(400, 409),
)
def refund_credit(caller: Calling, id: Organization, wanted: Refund, key: IdempotencyKey) -> credits.CreditView:
    return caller.write(
        key,
        credits.CreditView,
        lambda ctx: credits.refund(
            ctx,
            organization_id=id,
            currency=wanted.currency,
            amount_minor=wanted.amount_minor,
            reason=wanted.reason,
            key=f"api:{key}",
        ),
    )
