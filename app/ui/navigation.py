"""The registry of pages: what is not in it cannot be reached. One line a page, with the right that its `require` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from app.auth.sessions import Signed
from app.ui import gate
from app.ui.messages import Say
from models.domain.access import Permission as P

PAGES = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class Entry:
    """One page. `listed` ones are in the menu; the others open from a row or a link."""

    file: str
    section: str
    permission: P | None
    icon: str
    listed: bool = True
    elsewhere: str = ""
    """Its path in the address, where that is not its name."""

    @property
    def name(self) -> str:
        """Key of its title in the catalogue: `page.<name>`."""
        return Path(self.file).stem

    @property
    def path(self) -> str:
        """Its path in the address."""
        return self.elsewhere or self.name

    @property
    def staff(self) -> bool:
        return self.file.startswith("admin/")


ENTRIES: tuple[Entry, ...] = (
    Entry("customer/home.py", "own", P.SEE_OWN_INSTANCES, "home"),
    Entry("customer/app.py", "own", P.SEE_OWN_INSTANCES, "deployed_code", listed=False),
    Entry(
        "customer/catalogue.py", "own", P.SEE_OWN_INSTANCES, "storefront", elsewhere="new"
    ),  # /catalogue is for who has no account
    Entry("customer/order.py", "own", P.SEE_OWN_INSTANCES, "shopping_cart", listed=False),
    Entry("customer/billing.py", "own", P.SEE_OWN_BILLING, "receipt_long"),
    Entry("customer/team.py", "own", P.SEE_OWN_MEMBERS, "group"),
    Entry("admin/overview.py", "operate", P.SEE_CLUSTER, "monitoring"),
    Entry("admin/cluster.py", "operate", P.SEE_CLUSTER, "dns"),
    Entry("admin/node.py", "operate", P.SEE_CLUSTER, "dns", listed=False),
    Entry("admin/pod.py", "operate", P.SEE_CLUSTER, "deployed_code", listed=False),
    Entry("admin/provisioning.py", "operate", P.SEE_CLUSTER, "conveyor_belt"),
    Entry("admin/capacity.py", "operate", P.SEE_CLUSTER, "speed"),
    Entry("admin/key_figures.py", "operate", P.SEE_CLUSTER, "flag"),
    Entry("admin/collection.py", "operate", P.SEE_CLUSTER, "sensors"),
    Entry("admin/jobs.py", "operate", P.SEE_JOBS, "event_repeat"),
    Entry("admin/organizations.py", "customers", P.SEE_ORGANIZATIONS, "apartment"),
    Entry("admin/organization.py", "customers", P.SEE_ORGANIZATIONS, "apartment", listed=False),
    Entry("admin/invoices.py", "customers", P.SEE_ORGANIZATIONS, "receipt_long"),
    Entry("admin/revenue.py", "customers", P.SEE_ORGANIZATIONS, "trending_up"),
    Entry("admin/payments.py", "customers", P.SEE_ORGANIZATIONS, "payments"),
    Entry("admin/dunning.py", "customers", P.SEE_ORGANIZATIONS, "notification_important"),
    Entry("admin/margin.py", "customers", P.SEE_ORGANIZATIONS, "percent"),
    Entry("admin/vouchers.py", "customers", P.SEE_ORGANIZATIONS, "redeem"),
    Entry("admin/ledger.py", "customers", P.SEE_ORGANIZATIONS, "account_balance"),
    Entry("admin/mapping.py", "customers", P.MAP_NAMESPACES, "account_tree"),
    Entry("admin/catalogue_admin.py", "platform", P.MANAGE_SETTINGS, "sell"),
    Entry("admin/members.py", "platform", P.SEE_STAFF, "badge"),
    Entry("admin/audit.py", "platform", P.SEE_AUDIT, "history"),
    Entry("admin/mail.py", "platform", P.SEE_MAIL, "mail"),
    Entry("admin/settings.py", "platform", P.SEE_SETTINGS, "settings"),
    Entry("customer/account.py", "you", None, "account_circle"),
)
BY_NAME: Mapping[str, Entry] = {e.name: e for e in ENTRIES}


def visible(signed: Signed) -> tuple[Entry, ...]:
    """Pages of this person: staff pages by their right, customer pages to members of an organization."""
    return tuple(entry for entry in ENTRIES if _sees(entry, signed))


def _sees(entry: Entry, signed: Signed) -> bool:
    if entry.permission is None:
        return True
    if entry.staff:
        return entry.permission in signed.actor.everywhere
    return any(entry.permission in held for held in signed.actor.within.values())


def start(signed: Signed) -> str:
    """Path of the page that this person sees first."""
    return f"/{_first(signed).path}"


def _first(signed: Signed) -> Entry:
    shown = visible(signed)
    return next((e for e in shown if e.staff and e.listed), shown[0])


def pages(signed: Signed, say: Say) -> dict[str, list[Any]]:
    """The menu by section; `/` leads to the first page, also where the gate was not asked (Streamlit's own test harness)."""
    shown = visible(signed)
    first = _first(signed)
    menu: dict[str, list[Any]] = {}
    for entry in shown:
        made = st.Page(
            PAGES / entry.file,
            title=say.text(f"page.{entry.name}"),
            icon=f":material/{entry.icon}:",
            url_path=entry.path,
            visibility="visible" if entry.listed else "hidden",
        )
        menu.setdefault(say.text(f"section.{entry.section}"), []).append(made)
    root = st.Page(
        lambda: go(first.name), title=say.text(f"page.{first.name}"), url_path="start", default=True, visibility="hidden"
    )
    next(iter(menu.values())).append(root)  # the page at `/` would have no address of its own, and links in mails name it
    return menu


def link(viewer: gate.Viewer, name: str, label: str, /, *, icon: str | None = None, **parameters: str) -> None:
    """A link to a page that the reader may see; for others the label without a link."""
    if not _sees(BY_NAME[name], viewer.signed):
        st.markdown(label)
        return
    st.page_link(_path(name), label=label, icon=f":material/{icon}:" if icon else None, query_params=parameters or None)


def go(name: str, /, **parameters: str) -> NoReturn:
    """Open a page with its parameters in the address."""
    st.switch_page(_path(name), query_params=parameters or None)


def _path(name: str) -> str:
    return f"../../pages/{BY_NAME[name].file}"
