"""What customers report about their transfers: amount, words and a proof, which is kept sealed until the money is found."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime

from app.auth.seal import Seal
from app.context import Context
from app.services import audit, invoices
from app.services.export import Archive
from app.services.organizations import NOTHING_HERE
from models.domain import bank_statements
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.money import currency
from models.store import invoices as documents
from models.store import transfers as store
from models.store.transfers import ReportState, TransferReport

LARGEST_PROOF = 1_000_000
MOST_WAITING = 5
TYPES = {b"%PDF-": ("application/pdf", "pdf"), b"\x89PNG\r\n\x1a\n": ("image/png", "png"), b"\xff\xd8\xff": ("image/jpeg", "jpg")}


@dataclass(frozen=True, slots=True)
class ReportView:
    """One report; `proof_type` is empty when nothing was uploaded."""

    id: str
    organization_id: str
    invoice_id: str
    number: str
    at: datetime
    by: str
    amount_minor: int
    currency: str
    words: str
    state: ReportState
    proof_type: str
    proof_size: int


def report(ctx: Context, seal: Seal, *, invoice_id: str, amount: str | int, words: str = "", proof: bytes = b"") -> ReportView:
    """A member says that an open invoice was paid by transfer. Nothing is paid by that: the money has to be found on the account.

    `amount` is in minor units, or text as people type amounts. The proof is a PDF, PNG or JPEG of at most a million bytes; what it is
    its content says, not its name.
    """
    row = invoices.get(ctx, invoice_id=invoice_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    if not row.open_minor:
        raise Conflict(f"The invoice {row.number} does not wait for money. Look again.")
    minor = amount if isinstance(amount, int) else bank_statements.amount(amount, currency(row.currency).digits)
    if not 0 < minor <= 10 * row.total_minor:
        raise Invalid("Write the amount that you transferred, more than zero.", field="amount")
    if len(words) > 200:
        raise Invalid("At most 200 characters, please.", field="words")
    if len(store.reports(ctx.session, invoice_id=row.id, state=ReportState.WAITING)) >= MOST_WAITING:
        raise Conflict("Your transfers of this invoice are noted already. They are looked for on the account.")
    kind = _type(proof) if proof else ""
    made = TransferReport(
        organization_id=row.organization_id, invoice_id=row.id, at=ctx.now, by=ctx.actor.name, amount_minor=minor,
        currency=row.currency, words=words.strip(), proof_type=kind, proof_size=len(proof),
    )  # fmt: skip
    if proof:
        made.proof = seal.seal(b64encode(proof).decode(), f"transfer:{made.id}")
    ctx.session.add(made)
    ctx.session.flush()
    audit.record(
        ctx,
        action="transfers.report",
        subject=row.id,
        organization=row.organization_id,
        after={"number": row.number, "amount_minor": minor, "currency": row.currency, "proof": bool(proof)},
    )
    return _view(ctx, made)


def list_(ctx: Context, *, invoice_id: str | None = None) -> tuple[ReportView, ...]:
    """Reports of one invoice, or for staff all that wait, the oldest first."""
    if invoice_id is None:
        ctx.require(Permission.SEE_OWN_BILLING)
        return tuple(_view(ctx, one) for one in store.reports(ctx.session, state=ReportState.WAITING))
    row = invoices.get(ctx, invoice_id=invoice_id)
    return tuple(_view(ctx, one) for one in store.reports(ctx.session, invoice_id=row.id))


def proof(ctx: Context, seal: Seal, *, report_id: str) -> Archive:
    """The uploaded proof, for staff and for the organization itself."""
    row = _existing(ctx, report_id)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    if not row.proof:
        raise NotFound("Nothing was uploaded with this report.")
    ending = next(one for kind, one in TYPES.values() if kind == row.proof_type)
    content = b64decode(seal.unseal(row.proof, f"transfer:{row.id}"))
    return Archive(f"{row.id}.{ending}", row.proof_type, content)


def refuse(ctx: Context, *, report_id: str) -> ReportView:
    """Staff say that the money did not come."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    row = _existing(ctx, report_id)
    if row.state is not ReportState.WAITING:
        raise Conflict("Somebody decided about this report before you. Look again.")
    row.state = ReportState.REFUSED
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(ctx, action="transfers.refuse", subject=row.invoice_id, organization=row.organization_id)
    return _view(ctx, row)


def _existing(ctx: Context, report_id: str) -> TransferReport:
    row = store.report(ctx.session, report_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row


def _type(proof: bytes) -> str:
    if len(proof) > LARGEST_PROOF:
        raise Invalid(
            f"The proof has {len(proof):,} bytes; at most {LARGEST_PROOF:,} are taken. Make a smaller picture.", field="proof"
        )
    for beginning, (kind, _) in TYPES.items():
        if proof.startswith(beginning):
            return kind
    raise Invalid("The proof is neither PDF nor PNG nor JPEG. Upload one of these.", field="proof")


def _view(ctx: Context, row: TransferReport) -> ReportView:
    invoice = documents.by_id(ctx.session, row.invoice_id)
    return ReportView(
        row.id, row.organization_id, row.invoice_id, invoice.number if invoice else "", row.at, row.by, row.amount_minor, row.currency,
        row.words, row.state, row.proof_type, row.proof_size,
    )  # fmt: skip
