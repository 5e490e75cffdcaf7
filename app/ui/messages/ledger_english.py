"""Texts of the staff pages about invoices, the ledger and the settings of billing."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "setting.payment_days": "Time to pay an invoice",
    "setting.catch_up_periods": "Missed periods charged at once",
    "setting.billing_zone": "Time zone of billing",
    "setting.tax_registered": "Tax is charged on sales (PPN)",
    "setting.prices_with_tax": "Prices have the tax in them",
}
