"""Texts about components that customers list for a stack of theirs, in Indonesian."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "template.stack": "Stack Anda sendiri",
    "listed.what": "Setiap komponen adalah satu kontainer. Mereka saling menemukan lewat nama; pengunjung menjangkau yang punya jalur.",
    "listed.begin": "Mulai dengan",
    "listed.begin_web": "Front-end, API, basis data",
    "listed.begin_services": "Layanan mikro",
    "listed.begin_empty": "Satu komponen",
    "listed.name": "Nama",
    "listed.image": "Image",
    "listed.path": "Jalur untuk pengunjung",
    "listed.path_help": "Tempat ia menjawab di alamat aplikasi: / untuk halaman pertama, /api untuk yang diawali itu; komponen menerima "
    "jalur lengkap. Kosong: hanya komponen lain yang menjangkaunya.",
    "listed.port": "Porta yang didengarkan",
    "listed.uses": "Memakai",
    "listed.uses_none": "tidak ada",
    "listed.public": "Pengunjung menjangkaunya di {path}.",
    "listed.private": "Pengunjung tidak menjangkaunya.",
    "listed.inside": "Komponen lain memanggilnya {address}.",
    "listed.more": "Ukuran, kesehatan, variabel, perintah",
    "listed.size": "Bagian dari paket",
    "listed.size_small": "Kecil",
    "listed.size_medium": "Sedang",
    "listed.size_large": "Besar",
    "listed.copies": "Salinan",
    "listed.health": "Jalur yang menjawab saat sehat",
    "listed.health_help": "Kosong: dianggap sehat bila portanya terbuka.",
    "listed.environment": "Variabel lingkungan",
    "listed.environment_like": "NAMA=nilai",
    "listed.command": "Perintah selain bawaan image",
    "listed.command_like": "gunicorn app:main",
    "listed.remove": "Hapus {name}",
    "listed.add": "Tambahkan komponen",
    "listed.divided": "CPU dan memori paket dibagi ke semua salinan: yang sedang dihitung dua kali, yang besar empat kali. "
    "Yang dipakai, seperti PostgreSQL, punya jatah sendiri di samping paket.",
    "listed.image_missing": "Masih perlu dijawab: image untuk {name}.",
    "listed.unread": "Ada isian {name} yang tidak terbaca; tandanya di atas.",
    "listed.beside": "{name}, di samping paket",
    "listed.beside_free": "gratis selama masa coba",
}
SENTENCES: dict[str, str] = {
    "Component {}: {}": "Komponen {}: {}",
    "Components are a list; each has at least a name and an image.": (
        "Komponen berupa daftar; masing-masing paling tidak punya nama dan image."
    ),
    "There can be 1 to {} components; {} are listed.": "Bisa ada 1 sampai {} komponen; yang didaftarkan {}.",
    "Two components are called “{}”. Give each its own name.": "Dua komponen bernama “{}”. Beri masing-masing nama sendiri.",
    "Two components want the path {}. Give each its own path.": "Dua komponen menginginkan jalur {}. Beri masing-masing jalur sendiri.",
    "No component answers at the path /. Give it to the one that visitors see first.": "Tidak ada komponen di jalur /. "
    "Berikan kepada yang pertama dilihat pengunjung.",
    "The name of component {} is at most {} lower-case letters, digits and inner hyphens and begins with a letter, such as “api”.": (
        "Nama komponen {} paling banyak {} huruf kecil, angka, dan tanda hubung di tengah, dan dimulai dengan huruf, seperti “api”."
    ),
    "“{}” is a name of the platform's own. Call the component otherwise, such as “my-{}”.": "“{}” adalah nama milik platform. "
    "Beri komponen nama lain, seperti “my-{}”.",
    "A path is / or like /api: letters, digits, hyphens and inner slashes.": (
        "Jalur ditulis / atau seperti /api: huruf, angka, tanda hubung, dan garis miring di tengah."
    ),
    "{} has no {} yet. Add {} to the app first, then say which component uses it.": "{} belum punya {}. Tambahkan {} ke aplikasi dulu, "
    "lalu tentukan komponen yang memakainya.",
    "The plan {} divided over all copies leaves {} MiB for the smallest; {} are needed. "
    "Choose a larger plan, fewer copies or another size.": (
        "Paket {} dibagi ke semua salinan menyisakan {} MiB untuk yang terkecil; perlu {}. Pilih paket lebih besar, salinan lebih sedikit, "
        "atau ukuran lain."
    ),
    "A port is a whole number from 1 to 65535.": "Porta adalah bilangan bulat dari 1 sampai 65535.",
}
