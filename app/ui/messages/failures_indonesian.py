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
    "The address begins with at most 63 letters, digits and inner hyphens, such as “toko-ayu”. Dots and spaces do not fit.": (
        "Alamat dimulai dengan paling banyak 63 huruf, angka, dan tanda hubung di tengah, seperti “toko-ayu”. Titik dan spasi tidak boleh."
    ),
    "The third and fourth character of an address cannot both be hyphens. Write it otherwise.": (
        "Karakter ketiga dan keempat alamat tidak boleh sama-sama tanda hubung. Tulis dengan cara lain."
    ),
    "“{}” is kept for the platform itself. Choose another word.": "“{}” disimpan untuk platform ini sendiri. Pilih kata lain.",
    "The address {} is taken. Choose another beginning.": "Alamat {} sudah dipakai. Pilih awal yang lain.",
    "{} has an app “{}” already. Choose another name.": "{} sudah punya aplikasi “{}”. Pilih nama lain.",
    "{} is {}, so it cannot order.": "{} sedang {}, jadi tidak dapat memesan.",
    "{} had its free trial of {} already. Choose a plan that is paid.": "{} sudah pernah mencoba {} secara gratis. Pilih paket berbayar.",
    "Somebody took that name, that address or that trial just now. Look again.": (
        "Seseorang baru saja mengambil nama, alamat, atau masa coba itu. Lihat lagi."
    ),
    "{} cannot be ordered at the moment.": "{} saat ini tidak dapat dipesan.",
    "There is no room for the plan {} at the moment: {}.": "Saat ini tidak ada tempat untuk paket {}: {}.",
    "{} GiB of memory are missing": "kurang {} GiB memori",
    "{} CPU cores are missing": "kurang {} inti CPU",
    "{} places for containers are missing": "kurang {} tempat untuk kontainer",
    "no machine has {} GiB free in one piece": "tidak ada mesin dengan {} GiB kosong sekaligus",
    " The plan {} would fit.": " Paket {} muat.",
    " We are told of it; try again later.": " Kami diberi tahu; coba lagi nanti.",
    "The order is {}, so it cannot be ended any more.": "Pesanan sudah {}, jadi tidak dapat diakhiri lagi.",
    "Somebody decided about this order just now. Look again.": "Seseorang baru saja memutuskan pesanan ini. Lihat lagi.",
    "Taken back by {}.": "Dibatalkan oleh {}.",
    "The money did not come in time.": "Uangnya tidak datang pada waktunya.",
    "Nobody decided in time.": "Tidak ada yang memutuskan pada waktunya.",
    "It was not confirmed in time.": "Pesanan tidak dikonfirmasi pada waktunya.",
    "An image looks like ghcr.io/you/app:1.4.": "Image ditulis seperti ghcr.io/anda/aplikasi:1.4.",
    "A path begins with a slash, such as /health.": "Jalur dimulai dengan garis miring, seperti /health.",
    "A token without any scope could do nothing. Choose at least one.": "Token tanpa hak tidak dapat apa-apa. "
    "Pilih paling sedikit satu.",
    "{} has {} already.": "{} sudah punya {}.",
    "The data of {} is still being deleted. Add it again when that is done.": "Data {} masih dihapus. Tambahkan lagi setelah selesai.",
    "A token cannot add what costs money. Sign in and add it there.": "Token tidak dapat menambahkan yang berbayar. "
    "Masuk dan tambahkan di sana.",
    "{} has no component “{}”.": "{} tidak punya komponen “{}”.",
    "{} still runs. Remove it first; then its data can be deleted.": "{} masih berjalan. Lepas dulu; setelah itu datanya dapat dihapus.",
    "Type the component's name, “{}”, to confirm: its data is deleted and cannot be brought back.": "Ketik nama komponen, “{}”, untuk "
    "mengonfirmasi: datanya dihapus dan tidak dapat dikembalikan.",
    "{} cannot be added at the moment: nobody has resolved which image it is.": "{} saat ini belum dapat ditambahkan.",
    "{} keeps nothing that could be saved.": "{} tidak menyimpan apa pun yang dapat dicadangkan.",
    "What {} keeps is overwritten in part. Bring a backup back again first.": (
        "Data {} baru tertimpa sebagian. Kembalikan sebuah cadangan lagi dulu."
    ),
    "{} is being saved already.": "{} sedang disimpan.",
    "{} is being brought to another version now. Wait until that is over.": "{} sedang dibawa ke versi lain. Tunggu sampai selesai.",
    "This backup is of version {}, and version {} does not go on from that. Write to us.": (
        "Cadangan ini dari versi {}, dan versi {} tidak dapat melanjutkannya. Hubungi kami."
    ),
    "{} is being saved now. Wait until that is done.": "{} sedang disimpan. Tunggu sampai selesai.",
    "A backup of {} is being brought back already.": "Sebuah cadangan {} sedang dikembalikan.",
    "Type the app's name, “{}”, to confirm: what it has now is overwritten by the backup.": (
        "Ketik nama aplikasi, “{}”, untuk konfirmasi: yang ada sekarang ditimpa oleh cadangan."
    ),
    "This backup cannot be brought back: it is not whole, or its time is over. Choose another one.": (
        "Cadangan ini tidak dapat dikembalikan: tidak utuh, atau waktunya sudah lewat. Pilih yang lain."
    ),
}
