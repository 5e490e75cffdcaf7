"""Texts about own domains of apps, in Indonesian."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "domain.title": "Domain sendiri",
    "domain.what": "Aplikasi juga dapat menjawab di nama milik Anda, di samping {host}. Dibutuhkan dua catatan di penyedia DNS Anda; "
    "mungkin perlu satu jam sampai semua orang melihatnya.",
    "domain.name": "Domain",
    "domain.add": "Pakai domain ini",
    "domain.active": "aktif",
    "domain.waits": "menunggu DNS",
    "domain.txt": "Catatan ini membuktikan bahwa domain itu milik Anda:",
    "domain.cname": "Yang ini menuju aplikasi (domain tanpa CNAME boleh memakai alamat IP aplikasi):",
    "domain.lacks_proof": "Dilihat {at}: catatan TXT belum ada.",
    "domain.lacks_target": "Dilihat {at}: catatan TXT ada, tetapi domain belum menuju aplikasi.",
    "domain.check": "Periksa sekarang",
    "domain.found": "Catatannya sudah benar. Aplikasi segera menjawab di domain itu.",
    "domain.not_found": "Catatannya belum ada.",
    "domain.remove": "Lepas …",
    "domain.remove_what": "Aplikasi tidak lagi menjawab di {name}. Pemilik nama itu dapat memakainya untuk aplikasi lain.",
    "domain.remove_do": "Lepas",
    "care.was.domain": "Domain sendiri {what}",
    "care.was.without": "Tanpa domain {what}",
    "did.domains.add": "Meminta domain sendiri",
    "did.domains.prove": "Membuktikan domain sendiri",
    "did.domains.remove": "Melepas domain sendiri",
}
