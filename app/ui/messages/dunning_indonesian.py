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
}
