"""HTML of the forms: one card, labelled fields, every value escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NewType

Html = NewType("Html", str)
"""Mark-up that is safe as it is."""


@dataclass(frozen=True, slots=True)
class Field:
    """One labelled input. `name` is also what an error points to."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    hint: str = ""
    value: str = ""
    shortest: int = 0
    longest: int = 254
    numeric: bool = False


def document(language: str, title: str, body: str, footer: str, *, wide: bool = False) -> str:
    """The whole page around a card. A `wide` one is for reading, and for search engines as well."""
    hidden = "" if wide else '<meta name="robots" content="noindex">'
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"{hidden}"
        f"<title>{escape(title)} · Moorage</title>"
        '<link rel="icon" href="/assets/moorage.svg" type="image/svg+xml"><link rel="stylesheet" href="/assets/forms.css">'
        f'</head><body><main class="{"wide" if wide else "card"}">'
        '<p class="brand"><img src="/assets/moorage.svg" alt="" width="28" height="28">Moorage</p>'
        f"<h1>{escape(title)}</h1>{body}</main><footer>{footer}</footer></body></html>"
    )


def form(action: str, fields: Mapping[str, str], inputs: str, button: str, *, error: str = "") -> Html:
    """A form that is sent to `action` with hidden `fields`; `error` is read out first."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items())
    return Html(f'{alert(error)}<form method="post" action="{escape(action)}">{hidden}{inputs}{submit(button)}</form>')


def inputs(*fields: Field, wrong: str | None = None, error: bool = False) -> Html:
    """The fields in their order; the one named `wrong` (or the first, when nothing was typed yet) has the cursor."""
    names = [field.name for field in fields]
    focus = wrong if wrong in names else next((field.name for field in fields if not field.value), names[-1])
    return Html("".join(_input(field, focus == field.name, error and field.name == wrong) for field in fields))


def alert(error: str) -> Html:
    return Html(f'<p class="alert" role="alert" id="alert">{escape(error)}</p>' if error else "")


def notice(text: str) -> Html:
    return Html(f'<p class="notice" role="status">{escape(text)}</p>' if text else "")


def paragraph(text: str, kind: str = "") -> Html:
    return Html(f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>")


def submit(text: str) -> Html:
    return Html(f'<button type="submit">{escape(text)}</button>')


def link(address: str, text: str, *, kind: str = "", language: str = "") -> Html:
    spoken = f' lang="{escape(language)}" hreflang="{escape(language)}"' if language else ""
    look = f' class="{escape(kind)}"' if kind else ""
    return Html(f'<a href="{escape(address)}"{look}{spoken}>{escape(text)}</a>')


def search(action: str, label: str, button: str, value: str, fields: Mapping[str, str]) -> Html:
    """A search that stands in the address; nothing is changed by it, so it needs no proof."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(kept)}">' for name, kept in fields.items())
    return Html(
        f'<form method="get" action="{escape(action)}" role="search" class="search">{hidden}<label for="q">{escape(label)}</label>'
        f'<input id="q" name="q" type="search" maxlength="80" value="{escape(value)}">{submit(button)}</form>'
    )


def offer(name: str, lines: Sequence[str], headings: Sequence[str], plans: Sequence[Sequence[str]]) -> Html:
    """One thing on sale: what it is, and its plans as a table."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in headings)
    rows = "".join(
        f'<tr><th scope="row">{escape(plan[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in plan[1:]) + "</tr>"
        for plan in plans
    )
    kind, summary, *text = lines
    more = "".join(f"<p>{escape(one)}</p>" for one in text)
    return Html(
        f'<article class="offer"><h2>{escape(name)}</h2><p class="hint">{escape(kind)}</p><p><strong>{escape(summary)}</strong></p>'
        f"{more}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></article>"
    )


def links(*those: Html) -> Html:
    return Html(f'<p class="links">{" ".join(those)}</p>')


def codes(those: list[str]) -> Html:
    return Html('<ul class="codes">' + "".join(f"<li><code>{escape(code)}</code></li>" for code in those) + "</ul>")


def _input(field: Field, focused: bool, wrong: bool) -> str:
    described = [f"{field.name}-hint"] if field.hint else []
    described += ["alert"] if wrong else []
    attributes = {
        "id": field.name,
        "name": field.name,
        "type": field.kind,
        "autocomplete": field.autocomplete,
        "maxlength": str(field.longest),
        **({"minlength": str(field.shortest)} if field.shortest else {}),
        **({"value": field.value} if field.value else {}),
        **({"inputmode": "email", "spellcheck": "false", "autocapitalize": "none"} if field.kind == "email" else {}),
        **({"spellcheck": "false", "autocapitalize": "none"} if field.numeric else {}),
        **({"aria-describedby": " ".join(described)} if described else {}),
        **({"aria-invalid": "true"} if wrong else {}),
    }
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    hint = f'<p class="hint" id="{escape(field.name)}-hint">{escape(field.hint)}</p>' if field.hint else ""
    focus = " autofocus" if focused else ""
    return f'<label for="{escape(field.name)}">{escape(field.label)}</label>{hint}<input {written} required{focus}>'
