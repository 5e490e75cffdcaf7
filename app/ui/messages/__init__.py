"""One catalogue of all texts: English complete, Indonesian complete for what customers read.

A text is Markdown with `{names}`. A value put into it is shown as plain text: Markdown in a customer's name stays letters.
A text that counts is a pair (one, many), chosen by `n`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.ui.messages import (
    admin_english,
    backups_english,
    backups_indonesian,
    changes_english,
    cluster_english,
    component_english,
    component_indonesian,
    credit_english,
    credit_indonesian,
    customer_english,
    customer_indonesian,
    diagnosis_english,
    diagnosis_indonesian,
    document_english,
    document_indonesian,
    domain_english,
    domain_indonesian,
    dunning_admin_english,
    dunning_english,
    dunning_indonesian,
    emptying_english,
    key_figure_english,
    ledger_english,
    listed_english,
    listed_indonesian,
    money_english,
    money_indonesian,
    orphans_english,
    payment_english,
    payment_indonesian,
    report_english,
    revenue_english,
    shared_english,
    shared_indonesian,
    shop_english,
    shop_indonesian,
    support_english,
    support_indonesian,
    upgrade_english,
    upgrade_indonesian,
    upkeep_english,
    upkeep_indonesian,
)

Text = str | tuple[str, str]

CATALOGUES: Mapping[str, Mapping[str, Text]] = {
    "en": {
        **shared_english.TEXTS,
        **customer_english.TEXTS,
        **shop_english.TEXTS,
        **upkeep_english.TEXTS,
        **component_english.TEXTS,
        **domain_english.TEXTS,
        **money_english.TEXTS,
        **credit_english.TEXTS,
        **dunning_english.TEXTS,
        **document_english.TEXTS,
        **listed_english.TEXTS,
        **diagnosis_english.TEXTS,
        **backups_english.TEXTS,
        **support_english.TEXTS,
        **upgrade_english.TEXTS,
        **upgrade_english.STAFF,
        **payment_english.TEXTS,
        **payment_english.STAFF,
        **admin_english.TEXTS,
        **cluster_english.TEXTS,
        **changes_english.TEXTS,
        **orphans_english.TEXTS,
        **emptying_english.TEXTS,
        **ledger_english.TEXTS,
        **credit_english.STAFF,
        **report_english.TEXTS,
        **dunning_admin_english.TEXTS,
        **revenue_english.TEXTS,
        **key_figure_english.TEXTS,
    },
    "id": {
        **shared_indonesian.TEXTS,
        **customer_indonesian.TEXTS,
        **shop_indonesian.TEXTS,
        **upkeep_indonesian.TEXTS,
        **component_indonesian.TEXTS,
        **domain_indonesian.TEXTS,
        **money_indonesian.TEXTS,
        **credit_indonesian.TEXTS,
        **dunning_indonesian.TEXTS,
        **document_indonesian.TEXTS,
        **listed_indonesian.TEXTS,
        **diagnosis_indonesian.TEXTS,
        **backups_indonesian.TEXTS,
        **support_indonesian.TEXTS,
        **upgrade_indonesian.TEXTS,
        **payment_indonesian.TEXTS,
    },
}
CUSTOMER: frozenset[str] = frozenset(
    {
        *shared_english.TEXTS,
        *customer_english.TEXTS,
        *shop_english.TEXTS,
        *upkeep_english.TEXTS,
        *component_english.TEXTS,
        *domain_english.TEXTS,
        *money_english.TEXTS,
        *credit_english.TEXTS,
        *dunning_english.TEXTS,
        *document_english.TEXTS,
        *listed_english.TEXTS,
        *diagnosis_english.TEXTS,
        *backups_english.TEXTS,
        *support_english.TEXTS,
        *upgrade_english.TEXTS,
        *payment_english.TEXTS,
    }
)
"""Keys that every language must have."""

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#+\-.!|~$:@&^])")
_ICON = re.compile(r":(?=[\w/+-]+:)")


class Plain(str):
    """Text that is already safe inside Markdown."""

    __slots__ = ()


def plain(value: object) -> Plain:
    """`value` as letters: nothing in it is read as Markdown, a link, a colour or an icon."""
    if isinstance(value, Plain):
        return value
    text = " ".join(str(value).split())
    text = _ICON.sub(":\u200b", text)  # icons are replaced after backslashes are read, so a colon alone must not touch a word
    return Plain(_PUNCTUATION.sub(r"\\\1", text))


@dataclass(frozen=True, slots=True)
class Say:
    """Texts in one language. Called, it gives Markdown with plain values; `.text` gives bare text for charts, tables and files."""

    language: str

    def __call__(self, key: str, /, n: float | None = None, **values: object) -> Plain:
        return Plain(self._pattern(key, n).format(n=_bare(n), **{k: plain(v) for k, v in values.items()}))

    def text(self, key: str, /, n: float | None = None, **values: object) -> str:
        return self._pattern(key, n).format(n=_bare(n), **values)

    def has(self, key: str) -> bool:
        return key in CATALOGUES["en"]

    def _pattern(self, key: str, n: float | None) -> str:
        found = CATALOGUES[self.language].get(key)
        if found is None:
            found = CATALOGUES["en"][key]
        if isinstance(found, tuple):
            return found[0] if n == 1 else found[1]
        return found


def language(locale: str) -> str:
    """The catalogue for a reader's locale such as `id_ID`; English where there is none."""
    short = locale.replace("-", "_").split("_")[0].lower()
    return short if short in CATALOGUES else "en"


def _bare(n: float | None) -> object:
    return "" if n is None else int(n) if float(n).is_integer() else n
