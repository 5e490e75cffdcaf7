"""Teks tentang tagihan dan pembayaran, untuk pelanggan."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.invoices.issue": "Menerbitkan tagihan",
    "did.invoices.paid": "Menerima pembayaran tagihan",
    "did.invoices.declined": "Pembayaran tagihan ditolak",
    "did.renewals.park": "Menyerahkan periode yang terlewat kepada petugas",
    "did.renewals.release": "Memutuskan periode yang terlewat",
}
