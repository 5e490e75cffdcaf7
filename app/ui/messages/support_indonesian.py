"""Texts about staff that look as support, in Indonesian."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "support.banner": "Anda berada di **{name}** sebagai dukungan sampai {until} dan hanya dapat melihat: {reason}. Pelanggan membacanya.",
    "support.banner_acts": "Anda berada di **{name}** sebagai dukungan sampai {until} dan dapat mengoperasikan aplikasinya: {reason}. "
    "Pelanggan membacanya.",
    "support.leave": "Keluar dari sini",
    "support.title": "Staf kami yang melihat ke sini sebagai dukungan",
    "support.note": "Kapan, mengapa, dan berapa lama. Mereka tidak pernah melihat kredensial atau token. Yang mereka lakukan ada di "
    "daftar perubahan.",
    "support.none": "Belum ada staf kami yang melihat ke sini sebagai dukungan.",
    "support.by": "Siapa",
    "support.reason": "Mengapa",
    "support.may": "Untuk apa",
    "support.looks": "melihat",
    "support.acts": "juga mengoperasikan aplikasi",
    "support.began": "Dari",
    "support.ended": "Sampai",
    "support.on": "{name} dari staf kami sedang di sini sebagai dukungan: {reason}.",
    "support.stop": "Akhiri",
    "support.begin": "Lihat sebagai dukungan …",
    "support.begin_what": "Anda melihat {name} seperti orang-orangnya, tanpa kredensial dan token. Mereka membaca siapa yang melihat, "
    "kapan, dan mengapa.",
    "support.minutes": "Menit",
    "support.act": "Juga mengoperasikan aplikasinya",
    "support.do": "Lihat sebagai dukungan",
    "did.support.begin": "Mulai melihat sebagai dukungan",
    "did.support.end": "Mengakhiri penglihatan sebagai dukungan",
}
