"""Documents: fixed with what they tell of in one transaction, set as PDF afterwards, handed out to those who may see the billing."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from babel import Locale
from babel.dates import format_date

from app.context import Context
from app.documents.pdf import MEDIA_TYPE, pdf
from app.documents.shelf import Shelf
from app.gateways import mail_texts
from app.money import shown
from app.services import billing_profiles, outbox, settings
from app.services.export import Archive
from app.services.organizations import NOTHING_HERE, existing
from models.domain import documents as rules
from models.domain.access import MemberRole, Permission
from models.domain.documents import DocumentKind, Paper, PaperLine
from models.domain.errors import NotFound, Unavailable
from models.domain.periods import local_day
from models.store import documents as store
from models.store import invoices, members, renewals
from models.store.credit_notes import CreditNote
from models.store.documents import Document
from models.store.invoices import Invoice, InvoiceLine
from models.store.payments import Payment

READERS = frozenset({MemberRole.OWNER, MemberRole.BILLING})
"""Who hears by mail of what is charged and paid."""


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One issued document. `sha256` and `size` in bytes are of its file; empty while nobody has set it yet."""

    id: str
    kind: DocumentKind
    number: str
    invoice_id: str
    organization_id: str
    language: str
    issued_on: date
    issued_at: datetime
    sha256: str
    size: int


def issue_invoice(ctx: Context, row: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """Fix the document of an invoice, in the transaction that issues it. For other services."""
    buyer, language = billing_profiles.buyer(ctx, row.organization_id)
    paper = Paper(
        kind=DocumentKind.INVOICE,
        number=row.number,
        language=language,
        issued_on=row.issued_on,
        seller=billing_profiles.seller(ctx),
        buyer=buyer,
        currency=row.currency,
        lines=tuple(PaperLine(one.what, one.net_minor, one.tax_minor, one.first, one.after) for one in lines),
        net=row.net_minor,
        tax=row.tax_minor,
        total=row.total_minor,
        tax_name=row.tax_name,
        tax_formula=row.tax_formula,
        due_on=row.due_on,
        link=_link(ctx, row),
        how=tuple(line for line in [str(settings.get(ctx, "bank_account"))] if line),
    )
    _keep(ctx, paper, row, row.id)


def issue_receipt(ctx: Context, row: Invoice, payment: Payment) -> None:
    """Fix the receipt of money that came for an invoice, in the transaction that books it, and tell its readers. For other services."""
    if payment.amount_minor <= 0:
        return
    buyer, language = billing_profiles.buyer(ctx, row.organization_id)
    before = sum(one.kind is DocumentKind.RECEIPT for one in store.of_invoice(ctx.session, row.id))
    known = renewals.by_subscription(ctx.session, row.subscription_id)
    paper = Paper(
        kind=DocumentKind.RECEIPT,
        number=f"{row.number}-R{before + 1}",
        language=language,
        issued_on=local_day(ctx.now, known.zone if known else "UTC"),
        seller=billing_profiles.seller(ctx),
        buyer=buyer,
        currency=payment.currency,
        lines=(PaperLine(row.number, payment.amount_minor, 0, row.first, row.after),),
        net=payment.amount_minor,
        tax=0,
        total=payment.amount_minor,
        refers=row.number,
        link=_link(ctx, row),
    )
    _keep(ctx, paper, row, payment.id)
    _tell(ctx, row, "payment_received", f"receipt:{payment.id}", payment.amount_minor)


def issue_credit_note(ctx: Context, note: CreditNote, invoice: Invoice, lines: Sequence[PaperLine]) -> None:
    """Fix the document of a credit note, in the transaction that issues it. For other services."""
    buyer, language = billing_profiles.buyer(ctx, invoice.organization_id)
    paper = Paper(
        kind=DocumentKind.CREDIT_NOTE,
        number=note.number,
        language=language,
        issued_on=note.issued_on,
        seller=billing_profiles.seller(ctx),
        buyer=buyer,
        currency=note.currency,
        lines=tuple(lines),
        net=note.net_minor,
        tax=note.tax_minor,
        total=note.total_minor,
        tax_name=invoice.tax_name,
        refers=invoice.number,
        link=_link(ctx, invoice),
        remark=note.reason,
    )
    _keep(ctx, paper, invoice, note.id)


def tell_issued(ctx: Context, row: Invoice, open_minor: int) -> None:
    """Tell the readers of an organization that an invoice waits for its money; nothing when it waits for none. For other services."""
    if open_minor > 0:
        _tell(ctx, row, "invoice_issued", f"invoice:{row.id}", open_minor)


def of_invoice(ctx: Context, *, invoice_id: str) -> tuple[DocumentView, ...]:
    """The documents of an invoice, the oldest first; NotFound when it does not exist or is somebody else's."""
    row = invoices.by_id(ctx.session, invoice_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return tuple(_view(one) for one in store.of_invoice(ctx.session, row.id))


def get(ctx: Context, *, document_id: str) -> DocumentView:
    return _view(_seen(ctx, document_id))


def content(ctx: Context, *, document_id: str, shelf: Shelf) -> Archive:
    """The document as it was first set, byte for byte. Writes nothing to the store.

    One whose file is lost is set again from what it says, when that gives the same bytes; Unavailable when it does not, because another
    version of the program that sets it draws it in another way.
    """
    row = _seen(ctx, document_id)
    found = shelf.get(row.sha256) if row.made_at is not None else None
    if found is None:
        found = pdf(_paper(row))
        if row.made_at is not None and shelf.put(found) != row.sha256:
            raise Unavailable(
                f"The file of {row.number} is gone, and setting it anew gives other bytes than it had. Put back the folder "
                "“documents” from a backup (moorage restore)."
            )
    return Archive(f"{row.number}.pdf", MEDIA_TYPE, found)


def unmade(ctx: Context, *, limit: int, without: Collection[str] = ()) -> tuple[str, ...]:
    """Ids of documents that nobody has set yet, the oldest first, but for those of `without`. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in store.unmade(ctx.session, limit=limit, without=without))


def waiting(ctx: Context) -> int:
    """How many documents nobody has set yet."""
    ctx.require(Permission.SEE_JOBS)
    return store.unmade_count(ctx.session)


def drawn(ctx: Context, *, document_id: str) -> bytes:
    """The bytes of one, set now. By the platform's own job, outside of any transaction that writes."""
    ctx.require(Permission.RUN_JOBS)
    return pdf(_paper(_existing(ctx, document_id)))


def made(ctx: Context, *, document_id: str, sha256: str, size: int) -> bool:
    """Say that a document's bytes lie on the shelf; False when that was said before. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    return store.made(ctx.session, document_id, sha256=sha256, size=size, at=ctx.now)


def _keep(ctx: Context, paper: Paper, row: Invoice, subject: str) -> None:
    ctx.session.add(
        Document(
            kind=paper.kind,
            subject_id=subject,
            invoice_id=row.id,
            organization_id=row.organization_id,
            number=paper.number,
            language=paper.language,
            facts=json.dumps(rules.facts(paper), ensure_ascii=False),
            issued_on=paper.issued_on,
            issued_at=ctx.now,
        )
    )
    ctx.session.flush()


def _tell(ctx: Context, row: Invoice, kind: str, key: str, minor: int) -> None:
    organization = existing(ctx, row.organization_id)
    people = [(user.email, user.name, user.locale) for user, member in members.of_organization(ctx.session, organization.id)
              if member.role in READERS and user.disabled_at is None]  # fmt: skip
    buyer, language = billing_profiles.buyer(ctx, organization.id)
    known = {email for email, _, _ in people}
    people += [(buyer.email, buyer.name, language)] if buyer.email and buyer.email not in known else []
    for email, name, locale in people:
        spoken = Locale(mail_texts.language(locale))
        outbox.enqueue(
            ctx,
            key=f"{key}:{email}",
            kind=kind,
            to=email,
            locale=locale,
            link=_link(ctx, row),
            organization=organization.id,
            name=name,
            number=row.number,
            amount=shown(minor, row.currency, spoken),
            due=str(format_date(row.due_on, "long", locale=spoken)),
        )


def _link(ctx: Context, row: Invoice) -> str:
    return f"{ctx.address}/billing?invoice={row.id}" if ctx.address else ""


def _seen(ctx: Context, document_id: str) -> Document:
    row = _existing(ctx, document_id)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return row


def _existing(ctx: Context, document_id: str) -> Document:
    row = store.by_id(ctx.session, document_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row


def _paper(row: Document) -> Paper:
    return rules.paper(json.loads(row.facts))


def _view(row: Document) -> DocumentView:
    return DocumentView(
        row.id,
        row.kind,
        row.number,
        row.invoice_id,
        row.organization_id,
        row.language,
        row.issued_on,
        row.issued_at,
        row.sha256,
        row.size,
    )
