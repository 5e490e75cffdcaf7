"""Payments, what gateways told, and bank transfers that are nobody's yet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.services import gateway_events, invoices, payments, transfer_reports, transfers
from models.store.payments import PaymentState

router = APIRouter(tags=["money"], responses=answers(401, 403, 404, 422, 503))

Event = Annotated[str, Path(max_length=100, description="Id of the event.", examples=["evt_0123456789abcdef0123"])]
Line = Annotated[str, Path(max_length=100, description="Id of the line.", examples=["bnk_0123456789abcdef0123"])]
STATEMENT = "date,description,amount\n2026-11-29,INV-2026-000002 Kopi Kita,149000\n"


class Statement(BaseModel):
    """A statement of the bank as CSV: columns by their names, a day, an amount or credit, a description."""

    text: str = Field(max_length=transfers.LARGEST_FILE, examples=[STATEMENT])
    source: str = Field(default="api", max_length=200, description="What it is called, for whoever looks later.")


class Assignment(BaseModel):
    """Whose the money of a line is."""

    invoice: str = Field(max_length=100, description="Number or id of the invoice that it pays.", examples=["INV-2026-000002"])


@router.get(
    "/payments", operation_id="list_payments", summary="Payments that you may see, the newest first", responses=answers(400)
)
def list_payments(
    caller: Calling,
    organization: Annotated[str, Query(max_length=200, description="An organization's id.")] = "",
    state: Annotated[PaymentState | None, Query(description="Only payments that stand so.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[payments.PaymentView]:
    found = caller.read(payments.list_, organization_id=organization or None, state=state, limit=limit, after=after(cursor))
    return of_service(found)


@router.get(
    "/payment-events",
    operation_id="list_payment_events",
    summary="What payment gateways told, the newest first, for staff",
    responses=answers(400),
)
def list_payment_events(
    caller: Calling,
    trouble: Annotated[bool, Query(description="Only those that somebody should look at.")] = False,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[gateway_events.EventView]:
    return of_service(caller.read(gateway_events.list_, trouble=trouble, limit=limit, after=after(cursor)))


@router.post(
    "/payment-events/{id}/look",
    operation_id="see_payment_event",
    summary="Say that you looked at an event, as staff",
    responses=answers(400, 409),
)
def see_payment_event(caller: Calling, id: Event, key: IdempotencyKey) -> gateway_events.EventView:
    return caller.write(key, gateway_events.EventView, lambda ctx: gateway_events.seen(ctx, event_id=id))


@router.get(
    "/transfers",
    operation_id="list_transfers",
    summary="Money on the bank account that is nobody's yet, for staff",
    responses=answers(400),
)
def list_transfers(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[transfers.LineView]:
    return cut(caller.read(transfers.unmatched), key=lambda one: f"{one.day} {one.id}", limit=limit, cursor=cursor)


@router.post(
    "/transfers",
    operation_id="import_statement",
    summary="Take a bank statement: money that names an invoice pays it, each line once",
    responses=answers(400, 409),
)
def import_statement(caller: Calling, body: Statement, key: IdempotencyKey) -> transfers.Imported:
    return caller.write(key, transfers.Imported, lambda ctx: transfers.take(ctx, text=body.text, source=body.source))


@router.post(
    "/transfers/{id}/assignment",
    operation_id="assign_transfer",
    summary="Say whose invoice a line pays; of a paid one it becomes credit",
    responses=answers(400, 409),
)
def assign_transfer(caller: Calling, id: Line, body: Assignment, key: IdempotencyKey) -> invoices.InvoiceView:
    return caller.write(key, invoices.InvoiceView, lambda ctx: transfers.assign(ctx, line_id=id, invoice=body.invoice))


@router.get(
    "/transfer-reports",
    operation_id="list_transfer_reports",
    summary="Transfers that customers reported and nobody found yet, for staff",
    responses=answers(400),
)
def list_transfer_reports(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[transfer_reports.ReportView]:
    return cut(caller.read(transfer_reports.list_), key=lambda one: f"{one.at.isoformat()} {one.id}", limit=limit, cursor=cursor)
