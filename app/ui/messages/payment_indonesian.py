"""The same in Indonesian, for what customers read."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.payments.refunded": "Mengembalikan uang melalui gerbang pembayaran",
    "did.payments.charged_back": "Uang ditarik kembali oleh bank pelanggan",
    "did.transfers.take": "Mengambil mutasi rekening bank",
    "did.transfers.ignore": "Menyatakan uang di rekening bank bukan dari pelanggan",
    "did.transfers.report": "Melaporkan transfer bank",
    "did.transfers.refuse": "Menyatakan transfer yang dilaporkan tidak masuk",
    "did.payments.seen": "Memeriksa pemberitahuan gerbang pembayaran",
}
