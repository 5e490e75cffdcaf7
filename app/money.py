"""How money is written, in pages, public forms and the command line: minor units become an amount in the reader's locale."""

from __future__ import annotations

import re

from babel import Locale
from babel.numbers import format_currency, get_currency_precision


def precision(currency: str) -> int:
    """How many digits of the smallest unit stand behind the point; the rupiah is counted whole."""
    return 0 if currency == "IDR" else int(get_currency_precision(currency))


def shown(minor: int, currency: str, locale: Locale) -> str:
    """`Rp 149.000`, `US$10,50`; what is whole has no decimals. A symbol of letters stands apart from its amount."""
    digits = precision(currency)
    whole = minor % 10**digits == 0
    pattern = locale.currency_formats["standard"].pattern.replace(".00", "" if whole else "." + "0" * digits)
    text = str(format_currency(minor / 10**digits, currency, format=pattern, locale=locale, currency_digits=False))
    return re.sub(r"^(−|-)?(\w*[A-Za-z])(?=\d)", "\\1\\2\u00a0", text.replace("IDR", "Rp"))
