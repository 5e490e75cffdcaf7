"""What mails say, in every language that the platform speaks; values are put in, never mark-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Text:
    """One mail's words. `{names}` are filled in; `button` belongs to the link, when there is one."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    button: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words as they leave."""

    subject: str
    text: str
    html: str


TEXTS: Mapping[str, Mapping[str, Text]] = {
    "en": {
        "verify": Text(
            "Confirm your e-mail address",
            "Welcome, {name}",
            ("Confirm your address to open the account “{account}”. You choose your password on the page that opens.",),
            "Confirm and choose a password",
            (
                "The link works once, until {until}.",
                "You did not ask for this? Then do nothing: without the link there is no account.",
            ),
        ),
        "exists": Text(
            "You already have an account",
            "You already have an account, {name}",
            ("Somebody, probably you, just signed up with this address. It has an account already, so nothing was changed.",),
            "Sign in",
            ("Forgotten the password? The sign-in page has a link to choose a new one.",),
        ),
        "reset": Text(
            "Choose a new password",
            "Choose a new password, {name}",
            ("Somebody, probably you, asked for a new password for this address.",),
            "Choose a new password",
            ("The link works once, until {until}.", "You did not ask for this? Then do nothing: your password stays as it is."),
        ),
        "password_changed": Text(
            "Your password was changed",
            "Your password was changed, {name}",
            ("The password of this account was changed at {at}. Every other browser was signed out.",),
            "",
            ("You did not do this? Choose a new password at {address}/reset at once, and tell us.",),
        ),
        "invitation": Text(
            "{inviter} invites you to {account}",
            "Join {account}",
            ("{inviter} invites you to {account}, as {role}.",),
            "Accept the invitation",
            ("The link works once, until {until}.", "You do not know {inviter}? Then do nothing."),
        ),
        "first_admin": Text(
            "Make the first administrator",
            "Make the first administrator",
            ("This platform has no administrator yet. The page that opens makes you one.",),
            "Become the administrator",
            ("The link works once, until {until}.",),
        ),
        "new_sign_in": Text(
            "New sign-in to your account",
            "New sign-in, {name}",
            ("Your account was opened at {at} from {device}, address {network}.",),
            "",
            (
                "Was it you? Then all is well.",
                "It was not? Choose a new password at {address}/reset: that signs everybody else out.",
            ),
        ),
        "second_factor": Text(
            "Two-step sign-in was changed",
            "Two-step sign-in was changed, {name}",
            ("Two-step sign-in of your account was {change} at {at}.",),
            "",
            ("You did not do this? Choose a new password at {address}/reset at once, and tell us.",),
        ),
        "trial_ending": Text(
            "The trial of {app} ends soon",
            "The trial of {app} ends soon, {name}",
            ("It ends at {until}. Then {app} is stopped; its data, address and sign-in are kept. Nothing is charged by itself.",),
            "Open the app's page",
        ),
        "trial_ended": Text(
            "The trial of {app} is over",
            "The trial of {app} is over, {name}",
            ("It ended at {until}, and {app} was stopped. Its data is kept. Write to us if you would like to keep it running.",),
            "Open the app's page",
        ),
        "invoice_due": Text(
            "Invoice {number} is due on {due}",
            "Invoice {number} is due soon, {name}",
            ("{amount} of the invoice {number} are open until {due}.",),
            "Open the invoice",
            ("Have you paid already? Then do nothing.",),
        ),
        "invoice_late": Text(
            "Invoice {number} is open",
            "Invoice {number} is open, {name}",
            (
                "{amount} of the invoice {number} were due on {due}. "
                "If they stay open, its app is suspended from {stops} on; its data is kept.",
            ),
            "Open the invoice",
            ("Have you paid already? Then do nothing. Can you not pay in time? Write to us.",),
        ),
        "subscription_ended": Text(
            "The subscription of {app} is over",
            "The subscription of {app} is over, {name}",
            ("{app} was stopped at {at} and saved a last time. Nothing is charged any more; its data is kept until {until}.",),
            "Open Billing",
        ),
        "app_ready": Text(
            "{app} is ready",
            "{app} is ready, {name}",
            ("{template} answers at {url}. How to sign in there is shown on the app's page, to owners of the account.",),
            "Open the app's page",
        ),
        "invoice_issued": Text(
            "Invoice {number} over {amount}",
            "Your invoice {number}",
            ("{amount} are open. Please pay by {due}.",),
            "See and pay the invoice",
            ("The invoice is there as PDF too.",),
        ),
        "payment_received": Text(
            "We received {amount} for {number}",
            "Thank you",
            ("{amount} came in for the invoice {number}.",),
            "See invoice and receipt",
        ),
        "staff_alert": Text("{title}", "{title}", ("{body}",), "Open the portal", ("Sent to staff by the platform at {at}.",)),
    },
    "id": {
        "verify": Text(
            "Konfirmasi alamat email Anda",
            "Selamat datang, {name}",
            ("Konfirmasi alamat Anda untuk membuka akun “{account}”. Kata sandi Anda pilih di halaman yang terbuka.",),
            "Konfirmasi dan pilih kata sandi",
            (
                "Tautan ini berlaku satu kali, sampai {until}.",
                "Bukan Anda yang meminta? Abaikan saja: tanpa tautan ini tidak ada akun.",
            ),
        ),
        "exists": Text(
            "Anda sudah memiliki akun",
            "Anda sudah memiliki akun, {name}",
            ("Seseorang, mungkin Anda, baru saja mendaftar dengan alamat ini. Akunnya sudah ada, jadi tidak ada yang diubah.",),
            "Masuk",
            ("Lupa kata sandi? Di halaman masuk ada tautan untuk memilih yang baru.",),
        ),
        "reset": Text(
            "Pilih kata sandi baru",
            "Pilih kata sandi baru, {name}",
            ("Seseorang, mungkin Anda, meminta kata sandi baru untuk alamat ini.",),
            "Pilih kata sandi baru",
            (
                "Tautan ini berlaku satu kali, sampai {until}.",
                "Bukan Anda yang meminta? Abaikan saja: kata sandi Anda tidak berubah.",
            ),
        ),
        "password_changed": Text(
            "Kata sandi Anda telah diubah",
            "Kata sandi Anda telah diubah, {name}",
            ("Kata sandi akun ini diubah pada {at}. Semua peramban lain telah dikeluarkan.",),
            "",
            ("Bukan Anda? Segera pilih kata sandi baru di {address}/reset, dan beri tahu kami.",),
        ),
        "invitation": Text(
            "{inviter} mengundang Anda ke {account}",
            "Bergabung dengan {account}",
            ("{inviter} mengundang Anda ke {account}, sebagai {role}.",),
            "Terima undangan",
            ("Tautan ini berlaku satu kali, sampai {until}.", "Tidak kenal {inviter}? Abaikan saja."),
        ),
        "first_admin": Text(
            "Buat administrator pertama",
            "Buat administrator pertama",
            ("Platform ini belum memiliki administrator. Halaman yang terbuka menjadikan Anda administrator.",),
            "Menjadi administrator",
            ("Tautan ini berlaku satu kali, sampai {until}.",),
        ),
        "new_sign_in": Text(
            "Ada yang masuk ke akun Anda",
            "Ada yang masuk, {name}",
            ("Akun Anda dibuka pada {at} dari {device}, alamat {network}.",),
            "",
            (
                "Apakah itu Anda? Maka tidak ada masalah.",
                "Bukan? Pilih kata sandi baru di {address}/reset: semua yang lain akan dikeluarkan.",
            ),
        ),
        "second_factor": Text(
            "Verifikasi dua langkah diubah",
            "Verifikasi dua langkah diubah, {name}",
            ("Verifikasi dua langkah akun Anda {change} pada {at}.",),
            "",
            ("Bukan Anda? Segera pilih kata sandi baru di {address}/reset, dan beri tahu kami.",),
        ),
        "trial_ending": Text(
            "Masa coba {app} segera berakhir",
            "Masa coba {app} segera berakhir, {name}",
            (
                "Masa coba berakhir pada {until}. Setelah itu {app} dihentikan; data, alamat, dan akunnya disimpan. "
                "Tidak ada yang ditagih dengan sendirinya.",
            ),
            "Buka halaman aplikasi",
        ),
        "trial_ended": Text(
            "Masa coba {app} sudah berakhir",
            "Masa coba {app} sudah berakhir, {name}",
            (
                "Masa coba berakhir pada {until}, dan {app} dihentikan. Datanya disimpan. "
                "Hubungi kami jika Anda ingin terus menjalankannya.",
            ),
            "Buka halaman aplikasi",
        ),
        "invoice_due": Text(
            "Tagihan {number} jatuh tempo pada {due}",
            "Tagihan {number} segera jatuh tempo, {name}",
            ("{amount} dari tagihan {number} belum dibayar; batasnya {due}.",),
            "Buka tagihan",
            ("Sudah membayar? Abaikan saja.",),
        ),
        "invoice_late": Text(
            "Tagihan {number} belum dibayar",
            "Tagihan {number} belum dibayar, {name}",
            (
                "{amount} dari tagihan {number} jatuh tempo pada {due}. "
                "Jika tetap belum dibayar, aplikasinya ditangguhkan mulai {stops}; datanya disimpan.",
            ),
            "Buka tagihan",
            ("Sudah membayar? Abaikan saja. Tidak dapat membayar tepat waktu? Hubungi kami.",),
        ),
        "subscription_ended": Text(
            "Langganan {app} sudah berakhir",
            "Langganan {app} sudah berakhir, {name}",
            (
                "{app} dihentikan pada {at} dan dicadangkan untuk terakhir kali. "
                "Tidak ada lagi yang ditagih; datanya disimpan sampai {until}.",
            ),
            "Buka Tagihan",
        ),
        "app_ready": Text(
            "{app} sudah siap",
            "{app} sudah siap, {name}",
            ("{template} dapat dibuka di {url}. Cara masuk ditampilkan di halaman aplikasi, bagi pemilik akun.",),
            "Buka halaman aplikasi",
        ),
        "invoice_issued": Text(
            "Faktur {number} sebesar {amount}",
            "Faktur Anda {number}",
            ("{amount} belum dibayar. Mohon dibayar sebelum {due}.",),
            "Lihat dan bayar faktur",
            ("Fakturnya juga tersedia sebagai PDF.",),
        ),
        "payment_received": Text(
            "Kami menerima {amount} untuk {number}",
            "Terima kasih",
            ("{amount} telah masuk untuk faktur {number}.",),
            "Lihat faktur dan kuitansi",
        ),
        "staff_alert": Text("{title}", "{title}", ("{body}",), "Buka portal", ("Dikirim kepada staf oleh platform pada {at}.",)),
    },
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "owner": "owner",
        "developer": "developer",
        "billing": "billing",
        "viewer": "viewer",
        "operator": "operator",
        "support": "support",
        "analyst": "analyst",
        "enabled": "switched on",
        "disabled": "switched off",
        "staff": "the staff of the platform",
    },
    "id": {
        "owner": "pemilik",
        "developer": "pengembang",
        "billing": "penagihan",
        "viewer": "pengamat",
        "operator": "operator",
        "support": "dukungan",
        "analyst": "analis",
        "enabled": "diaktifkan",
        "disabled": "dinonaktifkan",
        "staff": "staf platform",
    },
}

SECRET = frozenset({"verify", "reset", "invitation", "first_admin"})
"""Mails whose link lets whoever holds it in."""


def language(locale: str) -> str:
    """The language of TEXTS nearest to a locale such as `id-ID`; English otherwise."""
    code = locale.replace("_", "-").split("-")[0].lower()
    return code if code in TEXTS else "en"


def word(locale: str, name: str) -> str:
    """A role or a change in words; the name itself when there is no word for it."""
    return WORDS[language(locale)].get(name, name)


def render(kind: str, locale: str, *, link: str = "", **values: str) -> Rendered:
    """The mail `kind` in the language of `locale`. Values are data: line breaks go from the subject, mark-up is shown as text."""
    text = TEXTS[language(locale)][kind]

    def filled(words: str) -> str:
        return words.format(**values)

    subject = " ".join(filled(text.subject).split())[:200]
    before = [filled(words) for words in text.paragraphs]
    after = [filled(words) for words in text.after]
    button = filled(text.button) if link else ""
    plain = "\n\n".join([filled(text.heading), *before, *([f"{button}:\n{link}"] if link else []), *after]) + "\n"
    return Rendered(subject, plain, _html(language(locale), filled(text.heading), before, button, link, after))


def _html(lang: str, heading: str, before: list[str], button: str, link: str, after: list[str]) -> str:
    """Tables and inline styles, because that is all that mail programs agree on; nothing is loaded from outside."""
    font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
    lines = "".join(
        f'<p style="margin:0 0 16px;font-size:16px;line-height:24px;color:#1d2733">{_lines(words)}</p>' for words in before
    )
    if link:
        href = escape(link, quote=True)
        lines += (
            f'<p style="margin:24px 0"><a href="{href}" style="display:inline-block;padding:12px 20px;border-radius:8px;'
            f'background:#0b6b6b;color:#ffffff;font-size:16px;font-weight:600;text-decoration:none">{escape(button)}</a></p>'
            f'<p style="margin:0 0 16px;font-size:13px;line-height:20px;color:#5a6875;word-break:break-all">{href}</p>'
        )
    lines += "".join(
        f'<p style="margin:0 0 8px;font-size:14px;line-height:21px;color:#5a6875">{_lines(words)}</p>' for words in after
    )
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading)}</title></head>"
        f'<body style="margin:0;padding:24px 12px;background:#f3f5f7;{font}">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0"><tr><td align="center">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" style="max-width:520px;background:#ffffff;'
        'border:1px solid #dde3e8;border-radius:12px"><tr><td style="padding:32px">'
        '<p style="margin:0 0 24px;font-size:14px;font-weight:600;color:#0b6b6b">Moorage</p>'
        f'<h1 style="margin:0 0 16px;font-size:22px;line-height:28px;color:#1d2733">{escape(heading)}</h1>'
        f"{lines}</td></tr></table></td></tr></table></body></html>"
    )


def _lines(words: str) -> str:
    return escape(words).replace("\n", "<br>")
