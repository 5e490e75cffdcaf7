"""Texts of the forms in Indonesian, and the sentences of services that forms pass on."""

from __future__ import annotations

TEXTS = {
    "simulated": "Demo: klaster dan angka di sini adalah simulasi.",
    "too_many": "Terlalu banyak percobaan. Coba lagi dalam {minutes} menit.",
    "failed.title": "Tidak berhasil",
    "back": "Kembali ke halaman masuk",
    "email": "Alamat email",
    "password": "Kata sandi",
    "name": "Nama Anda",
    "login.title": "Masuk",
    "login.button": "Masuk",
    "login.forgotten": "Lupa kata sandi?",
    "login.signup": "Buka akun",
    "login.catalogue": "Aplikasi dan harga",
    "catalogue.title": "Aplikasi dan harga",
    "catalogue.lead": "Pilih aplikasi: ia mendapat alamat sendiri dan siap dalam beberapa menit. Masa coba gratis dan berakhir sendiri.",
    "catalogue.search": "Cari aplikasi",
    "catalogue.find": "Cari",
    "catalogue.none": "Tidak ada aplikasi yang cocok, atau saat ini belum ada yang dijual.",
    "catalogue.signup": "Buka akun dan mulai",
    "catalogue.login": "Saya sudah punya akun",
    "catalogue.plan": "Paket",
    "catalogue.price": "Harga",
    "catalogue.size": "Yang didapat",
    "login.reset_done": "Kata sandi baru Anda telah disimpan. Silakan masuk.",
    "login.joined": "Anda sekarang menjadi anggota. Masuk untuk melanjutkan.",
    "login.signed_out": "Anda telah keluar.",
    "logout.title": "Keluar",
    "logout.text": "Anda akan keluar di peramban ini.",
    "logout.button": "Keluar",
    "code.title": "Langkah kedua",
    "code.field": "Kode",
    "code.hint": "Enam angka dari aplikasi autentikator, atau salah satu kode pemulihan Anda.",
    "code.button": "Lanjutkan",
    "enrol.title": "Siapkan verifikasi dua langkah",
    "enrol.mandatory": "Staf platform ini masuk dengan dua langkah. Ini disiapkan satu kali.",
    "enrol.scan": "1. Pindai kode ini dengan aplikasi autentikator di ponsel Anda.",
    "enrol.secret": "Tanpa kamera? Ketik kunci ini di aplikasi:",
    "enrol.confirm": "2. Ketik enam angka yang ditampilkan aplikasi.",
    "enrol.field": "Kode dari aplikasi",
    "enrol.button": "Aktifkan",
    "recovery.title": "Simpan kode pemulihan ini",
    "recovery.text": (
        "Masing-masing menggantikan aplikasi satu kali, bila ponsel hilang. Kode hanya ditampilkan sekarang: cetak, atau simpan "
        "di pengelola kata sandi."
    ),
    "recovery.next": "Sudah saya simpan: lanjutkan",
    "signup.title": "Buka akun",
    "signup.organization": "Perusahaan atau proyek",
    "signup.button": "Kirim tautan",
    "signup.hint": "Kami mengirim tautan ke alamat ini; kata sandi Anda pilih di sana.",
    "sent.title": "Periksa email Anda",
    "sent.signup": "Kami telah mengirim email ke {email}. Tautannya membuka akun dan berlaku satu kali, selama 24 jam.",
    "sent.reset": "Jika {email} memiliki akun di sini, email berisi tautan sedang dikirim. Tautan berlaku satu kali, satu jam.",
    "sent.outbox": "Server email belum disiapkan di sini: administrator menemukan email ini di kotak keluar.",
    "verify.title": "Pilih kata sandi",
    "verify.text": "Untuk {email}.",
    "verify.button": "Buka akun",
    "choose.hint": "Sedikitnya 12 karakter, misalnya empat kata.",
    "choose.field": "Kata sandi baru",
    "choose.again": "Kata sandi baru, sekali lagi",
    "reset.title": "Pilih kata sandi baru",
    "reset.ask": "Ketik alamat email Anda. Kami mengirim tautan untuk memilih kata sandi baru.",
    "reset.ask_button": "Kirim tautan",
    "reset.button": "Simpan kata sandi ini",
    "reset.everywhere": "Semua peramban yang sedang masuk akan dikeluarkan.",
    "invite.title": "Bergabung dengan {organization}",
    "invite.text": "{inviter} mengundang {email}, sebagai {role}.",
    "invite.staff": "staf platform ini",
    "invite.known": "Alamat ini sudah memiliki akun.",
    "invite.accept": "Terima",
    "invite.button": "Bergabung",
    "setup.title": "Menjadi administrator",
    "setup.text": "Platform ini belum memiliki administrator. Anda akan menjadi pemiliknya.",
    "setup.button": "Menjadi administrator",
    "gone.title": "Tautan ini tidak berlaku lagi",
    "gone.text": "Tautan sudah dipakai, diganti yang lebih baru, atau terlalu lama. Mintalah yang baru.",
}

ERRORS = {
    "E-mail address or password are not right.": "Alamat email atau kata sandi tidak benar.",
    "The code does not fit, or was used before. Wait for the next one and type it.": (
        "Kode tidak cocok, atau sudah dipakai. Tunggu kode berikutnya lalu ketik."
    ),
    "The code does not fit. Check the clock of your phone and type the newest code.": (
        "Kode tidak cocok. Periksa jam ponsel Anda dan ketik kode terbaru."
    ),
    "This sign-in took too long. Begin again with e-mail address and password.": (
        "Proses masuk ini terlalu lama. Mulai lagi dengan alamat email dan kata sandi."
    ),
    "This sign-in was finished already. Begin again with e-mail address and password.": (
        "Proses masuk ini sudah selesai. Mulai lagi dengan alamat email dan kata sandi."
    ),
    "This QR code is too old. Load the page again and scan the new one.": (
        "Kode QR ini terlalu lama. Muat ulang halaman dan pindai yang baru."
    ),
    "The password is too short: choose at least 12 characters, for example four words.": (
        "Kata sandi terlalu pendek: pilih sedikitnya 12 karakter, misalnya empat kata."
    ),
    "The password is too long: 256 characters at most.": "Kata sandi terlalu panjang: paling banyak 256 karakter.",
    "The password repeats very few characters: choose a less regular one.": (
        "Kata sandi mengulang terlalu sedikit karakter: pilih yang kurang teratur."
    ),
    "The password is your own name or address: choose another one.": (
        "Kata sandi sama dengan nama atau alamat Anda: pilih yang lain."
    ),
    "The two passwords differ. Type the new one twice.": "Kedua kata sandi berbeda. Ketik yang baru dua kali.",
    "A name is missing. Type one of 1 to 80 characters.": "Nama belum diisi. Ketik 1 sampai 80 karakter.",
    "The name contains a line break or a control character. Type it on one line.": (
        "Nama memuat ganti baris atau karakter kontrol. Ketik dalam satu baris."
    ),
    "This is not an e-mail address. Write it like name@example.com.": "Ini bukan alamat email. Tulis seperti nama@example.com.",
    "This form was sent from another site. Open the page here and send it again.": (
        "Formulir ini dikirim dari situs lain. Buka halaman di sini dan kirim lagi."
    ),
    "This page was open for too long, or cookies are off. Send the form once more.": (
        "Halaman ini terbuka terlalu lama, atau cookie dimatikan. Kirim formulir sekali lagi."
    ),
    "This link was used, replaced by a newer one, or is too old. Ask for a new one.": (
        "Tautan sudah dipakai, diganti yang lebih baru, atau terlalu lama. Mintalah yang baru."
    ),
    "This address has an account already. Sign in with it.": "Alamat ini sudah memiliki akun. Silakan masuk.",
}
