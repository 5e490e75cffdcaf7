"""Texts about payments: how an invoice is paid, what gateways told, bank transfers. `STAFF` is read by staff alone."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.payments.refunded": "Gave money back through the payment gateway",
    "did.payments.charged_back": "Had money taken back by the customer's bank",
    "did.transfers.take": "Took a bank statement",
    "did.transfers.ignore": "Said that money on the bank account is none of the customers'",
    "did.transfers.report": "Reported a bank transfer",
    "did.transfers.refuse": "Said that a reported transfer did not come",
    "did.payments.seen": "Looked at an event of a payment gateway",
}
STAFF: dict[str, str | tuple[str, str]] = {
    "setting.bank_account": "Bank account for transfers",
}
