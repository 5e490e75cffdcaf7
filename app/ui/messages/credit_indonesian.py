"""Teks tentang pengembalian, untuk pelanggan."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "credits.have": "Anda punya saldo {amount}. Saldo itu membayar tagihan berikutnya dengan sendirinya.",
    "credits.used": "Dibayar dari saldo",
    "credits.noted": "Nota kredit",
    "credits.lost": "Dihapusbukukan",
    "credits.reason.plan": "Sisa paket sebelumnya",
    "credits.reason.unused": "Sisa yang tidak terpakai",
    "shares.later": "Harga baru berlaku mulai bulan berikutnya.",
    "shares.debit": "{amount} untuk sisa bulan ini",
    "shares.credit": "{amount} dari paket sekarang dikembalikan",
    "shares.now": "{amount} dibayar sekarang",
    "shares.back": "{amount} menjadi saldo Anda",
    "credits.open": "Masih terbuka",
    "credits.notes": "Nota kredit",
    "column.credited_invoice": "Dari tagihan",
    "column.issued_on": "Diterbitkan",
    "column.given_for": "Alasan",
    "table.credit_notes": "Nota kredit, yang terbaru di atas",
    "did.credit_notes.issue": "Menerbitkan nota kredit",
    "did.credits.refund": "Membayarkan saldo",
}
