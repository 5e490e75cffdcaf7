"""Texts about invoices and what was paid, for customers and staff."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.invoices.issue": "Issued an invoice",
    "did.invoices.paid": "Received the money of an invoice",
    "did.invoices.declined": "Was declined the money of an invoice",
    "did.renewals.park": "Left missed periods to a person",
    "did.renewals.release": "Decided about missed periods",
}
