"""Indonesian for sentences of failures that customers meet, by the English sentence; `{}` stands for a value, kept in its order."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "A name is missing. Type one of 1 to 80 characters.": "Nama belum diisi. Ketik 1 sampai 80 huruf.",
    "The name has {} characters; at most 80 fit. Shorten it.": "Nama itu panjangnya {} huruf; paling banyak 80. Persingkatlah.",
    "The name contains a line break or a control character. Type it on one line.": "Nama itu berisi baris baru atau karakter kendali. "
    "Ketik dalam satu baris.",
    "This is not an e-mail address. Write it like name@example.com.": "Ini bukan alamat email. Tulis seperti nama@example.com.",
    "“{}” is no time zone. Write it like Asia/Jakarta.": "“{}” bukan zona waktu. Tulis seperti Asia/Jakarta.",
    "This is the last owner. Make somebody else an owner first, then change this one.": "Ini pemilik terakhir. "
    "Jadikan orang lain pemilik dahulu, lalu ubah yang ini.",
    "{} is a member already. Change the role instead.": "{} sudah menjadi anggota. Ubah saja perannya.",
    "This organization is closed; nobody can be invited into it.": "Organisasi ini sudah ditutup; tidak ada yang dapat diundang.",
    "{} invitations wait already. Revoke some, or wait until they are answered.": "Sudah ada {} undangan yang menunggu. "
    "Tarik kembali beberapa, atau tunggu sampai dijawab.",
    "This invitation does not wait any more.": "Undangan ini sudah tidak menunggu lagi.",
    "The present password is not right. Type it again.": "Kata sandi sekarang tidak cocok. Ketik lagi.",
    "The password is too short: choose at least {} characters, for example four words.": "Kata sandi terlalu pendek: "
    "pilih paling sedikit {} huruf, misalnya empat kata.",
    "The password is too long: {} characters at most.": "Kata sandi terlalu panjang: paling banyak {} huruf.",
    "The password repeats very few characters: choose a less regular one.": "Kata sandi mengulang sedikit huruf saja: "
    "pilih yang tidak begitu teratur.",
    "The password is your own name or address: choose another one.": "Kata sandi sama dengan nama atau alamat Anda: pilih yang lain.",
    "The code does not fit, or was used before. Wait for the next one and type it.": "Kode itu tidak cocok atau sudah dipakai. "
    "Tunggu kode berikutnya lalu ketik.",
    "This QR code is too old. Load the page again and scan the new one.": "Kode QR ini terlalu lama. "
    "Muat ulang halaman lalu pindai yang baru.",
    "Two-step sign-in is on already. Switch it off first to set up another device.": "Faktor kedua sudah menyala. "
    "Matikan dahulu untuk menyiapkan perangkat lain.",
    "Too many attempts. Try again in {} min.": "Terlalu banyak percobaan. Coba lagi dalam {} menit.",
    "There is no such open session.": "Sesi itu tidak ada atau sudah berakhir.",
    "A token cannot do what you may not do yourself: {}. Leave that out.": "Token tidak boleh melakukan yang tidak boleh Anda lakukan: "
    "{}. Tinggalkan itu.",
    "A token is good for 1 to {} days, or until it is revoked.": "Token berlaku 1 sampai {} hari, atau sampai dicabut.",
    "You have {} tokens already. Revoke one that nobody uses.": "Anda sudah punya {} token. Cabut yang tidak dipakai.",
    "This token is revoked already.": "Token ini sudah dicabut.",
    "A token without any scope could do nothing. Choose at least one.": "Token tanpa hak tidak dapat apa-apa. "
    "Pilih paling sedikit satu.",
}
