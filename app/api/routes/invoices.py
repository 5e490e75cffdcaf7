"""Invoices, and the ledger that they are posted to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.services import invoices, ledger
from models.store.invoices import InvoiceState

router = APIRouter(tags=["money"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the invoice.", examples=["inv_0123456789abcdef0123"])]


@router.get(
    "/invoices", operation_id="list_invoices", summary="Invoices that you may see, the newest first", responses=answers(400)
)
def list_invoices(
    caller: Calling,
    organization: Annotated[str, Query(max_length=200, description="An organization's id.")] = "",
    state: Annotated[InvoiceState | None, Query(description="Only invoices that stand so.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[invoices.InvoiceView]:
    found = caller.read(
        invoices.list_,
        organization_id=organization or None,
        states=None if state is None else (state,),
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)


@router.get("/invoices/{id}", operation_id="get_invoice", summary="One invoice with its lines")
def get_invoice(caller: Calling, id: Id) -> invoices.InvoiceView:
    return caller.read(invoices.get, invoice_id=id)


@router.post(
    "/invoices/{id}/receipt",
    operation_id="receive_invoice",
    summary="Say that the money of an invoice came, as staff",
    responses=answers(400, 409),
)
def receive_invoice(caller: Calling, id: Id, key: IdempotencyKey) -> invoices.InvoiceView:
    return caller.write(key, invoices.InvoiceView, lambda ctx: invoices.received(ctx, invoice_id=id))


@router.get(
    "/ledger/entries",
    operation_id="list_ledger_entries",
    summary="Entries of the ledger with their postings, the newest first",
    responses=answers(400),
)
def list_ledger_entries(
    caller: Calling,
    invoice: Annotated[str, Query(max_length=100, description="Only what was posted for this invoice.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[ledger.EntryView]:
    return of_service(caller.read(ledger.entries, invoice_id=invoice or None, limit=limit, after=after(cursor)))


@router.get(
    "/ledger/balances",
    operation_id="list_ledger_balances",
    summary="What was posted to each account, by currency",
    responses=answers(400),
)
def list_ledger_balances(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[ledger.BalanceView]:
    return cut(caller.read(ledger.trial_balance), key=lambda one: f"{one.account} {one.currency}", limit=limit, cursor=cursor)
