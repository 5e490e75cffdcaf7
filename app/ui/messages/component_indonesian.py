"""Texts about components that customers add to their apps, in Indonesian."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "parts.title": "Tambahan",
    "parts.what": "Basis data atau cache milik aplikasi sendiri. Ia berjalan di samping aplikasi, tidak dapat dijangkau orang lain, dan "
    "ditemukan aplikasi lewat variabel lingkungan.",
    "parts.runs": "berjalan",
    "parts.kept": "data disimpan",
    "parts.month": "{price} per bulan",
    "parts.free": "gratis selama masa coba aplikasi",
    "parts.sets": "Disetel untuk aplikasi Anda: {names}",
    "parts.would_set": "Akan disetel untuk aplikasi Anda: {names}",
    "parts.taken_customer": "Anda sendiri sudah menyetel {names}, jadi milik Anda tetap dipakai.",
    "parts.taken_template": "Aplikasi memakai {names} untuk keperluannya sendiri, jadi itu tetap.",
    "parts.taken_other": "{names} sudah milik {other}, jadi itu tetap.",
    "parts.refused_pay": "Ini berbayar. Orang yang mengelola tagihan dapat menambahkannya.",
    "parts.refused_clash": "Aplikasi sudah punya bagian dengan nama itu.",
    "parts.refused_unresolved": "Saat ini belum dapat ditambahkan.",
    "parts.add": "Tambahkan …",
    "parts.add_what": "{name} dijalankan di samping {app} dengan volume dan kata sandi sendiri; lalu {app} dimulai ulang dengan "
    "variabelnya. Harga: {price}.",
    "parts.add_do": "Tambahkan",
    "parts.again": "Tambahkan lagi …",
    "parts.again_what": "{name} dijalankan di samping {app} dengan data yang dulu; lalu {app} dimulai ulang dengan variabelnya. "
    "Harga: {price}.",
    "parts.again_do": "Tambahkan lagi",
    "parts.remove": "Lepas …",
    "parts.remove_what": "{name} berhenti, {app} dimulai ulang tanpa variabelnya, dan biayanya berakhir hari ini. **Datanya disimpan**: "
    "jika ditambahkan lagi, {name} melanjutkan dengan data itu.",
    "parts.remove_do": "Lepas dan simpan datanya",
    "parts.discard": "Hapus datanya …",
    "parts.discard_what": "Isi {name} **langsung dihapus. Tidak ada yang dapat mengembalikannya**, kami pun tidak.",
    "parts.discard_type": "Ketik {id} untuk mengonfirmasi",
    "parts.discard_do": "Hapus data",
    "care.was.added": "Menambahkan {what}",
    "care.was.removed": "Melepas {what}, data disimpan",
    "care.was.discarded": "Menghapus data {what}",
    "did.components.add": "Menambahkan komponen ke aplikasi",
    "did.components.remove": "Melepas komponen dari aplikasi",
    "did.components.discard": "Menghapus data komponen",
}
