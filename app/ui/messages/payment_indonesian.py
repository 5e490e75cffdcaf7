"""The same in Indonesian, for what customers read."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.payments.refunded": "Mengembalikan uang melalui gerbang pembayaran",
    "did.payments.charged_back": "Uang ditarik kembali oleh bank pelanggan",
    "did.payments.seen": "Memeriksa pemberitahuan gerbang pembayaran",
}
