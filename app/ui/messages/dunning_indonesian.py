"""Texts of dunning and the life of subscriptions in Indonesian, as customers read them."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.dunning.remind": "Mengingatkan tagihan yang belum dibayar",
    "did.dunning.charge": "Menagih lagi tagihan yang belum dibayar",
    "did.dunning.move": "Mengubah status langganan",
    "did.dunning.remove": "Menghapus aplikasi yang masanya sudah berakhir",
    "did.dunning.hold": "Menunda penagihan seorang pelanggan sampai suatu tanggal",
    "did.dunning.lift": "Mengakhiri penundaan penagihan",
    "did.subscriptions.cancel": "Membatalkan langganan",
    "did.subscriptions.keep": "Menarik kembali pembatalan langganan",
    "page.dunning": "Penagihan",
    "cancel.title": "Berhenti berlangganan",
    "cancel.note": "Aplikasi yang langganannya berakhir dihentikan dan dicadangkan untuk terakhir kali; datanya disimpan untuk sementara.",
    "cancel.begin": "Batalkan {name}",
    "cancel.at_end": "Di akhir masa yang sudah dibayar: berjalan sampai {at}, datanya disimpan sampai {kept}; tidak ada lagi yang ditagih.",
    "cancel.now": "Sekarang: {name} langsung dihentikan, sisanya menjadi saldo kredit Anda. Datanya disimpan selama waktu yang sama.",
    "cancel.do_at_end": "Batalkan di akhir masa",
    "cancel.do_now": "Batalkan sekarang",
    "cancel.done": "Dibatalkan.",
    "cancel.ends": "{name} berakhir pada {at}. Datanya disimpan sampai {kept}.",
    "cancel.keep": "Tetap berlangganan {name}",
    "cancel.kept": "Langganan dilanjutkan.",
    "did.subscriptions.convert": "Membeli aplikasi yang dicoba",
    "buy.title": "Lanjutkan {name} setelah masa coba",
    "buy.note": (
        "Pilih paket sebelum {at}. Bulan pertamanya ditagih sekarang; jika dibayar, aplikasi berlanjut "
        "dengan paket itu. Jika tidak, dihentikan dan datanya disimpan."
    ),
    "buy.plan": "Paket",
    "buy.do": "Beli",
    "buy.done": "Sudah dipilih. Tagihannya ada di bawah.",
}
