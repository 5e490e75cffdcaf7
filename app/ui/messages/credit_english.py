"""Texts about what is given back: `TEXTS` for customers and staff, `STAFF` for staff alone."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "credits.have": "You have {amount} to your credit. It pays for the next invoice by itself.",
    "credits.used": "Paid from credit",
    "credits.noted": "Credit notes",
    "credits.lost": "Written off",
    "credits.open": "Still open",
    "credits.notes": "Credit notes",
    "column.credited_invoice": "Of invoice",
    "column.issued_on": "Issued on",
    "column.given_for": "Why",
    "table.credit_notes": "Credit notes, the newest first",
    "did.credit_notes.issue": "Issued a credit note",
    "did.credits.refund": "Paid credit out",
}
STAFF: dict[str, str | tuple[str, str]] = {
    "credits.give": "Give back",
    "credits.give_what": "A credit note lowers what is open of this invoice; what was paid already becomes the customer's credit.",
    "credits.give_line": "{what}: at most {left}, with tax",
    "credits.why": "Why (it stands on the credit note)",
    "credits.give_do": "Issue the credit note",
    "credits.given": "{number} gives back {amount}.",
    "credits.refund": "Pay out {amount}",
    "credits.refund_what": "Send the money first, then say so here. It is in the ledger afterwards.",
    "credits.refund_amount": "How much went back",
    "credits.refund_why": "Why and how",
    "credits.refund_do": "It went back",
    "credits.refunded": "Noted: {amount} went back.",
    "organization.credit": "Credit",
    "account.4900": "Credits and refunds",
    "account.6200": "Bad debt",
}
