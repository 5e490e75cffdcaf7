"""Texts about payments: how an invoice is paid, what gateways told, bank transfers. `STAFF` is read by staff alone."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.payments.refunded": "Gave money back through the payment gateway",
    "did.payments.charged_back": "Had money taken back by the customer's bank",
    "did.payments.seen": "Looked at an event of a payment gateway",
}
STAFF: dict[str, str | tuple[str, str]] = {}
