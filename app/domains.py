"""Whether the portal and the customers' apps live under domains that cannot set cookies for each other."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from models.domain.errors import Misconfigured


def host_of(address: str) -> str:
    """The host name of a URL or of a bare domain, in lower case and without a trailing dot."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    return host.lower().rstrip(".")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _registrable(host: str) -> str:
    """The last two labels: an approximation without the public suffix list, wrong only in refusing `a.co.uk` beside `b.co.uk`."""
    return ".".join(host.split(".")[-2:])


def shares_cookies(portal: str, apps: str) -> bool:
    """Whether a page under the one host may set cookies that the other one receives. An IP address shares with nobody."""
    first, second = host_of(portal), host_of(apps)
    if not first or not second or _is_ip(first) or _is_ip(second):
        return first == second and bool(first)
    if first == second or first.endswith("." + second) or second.endswith("." + first):
        return True
    return _registrable(first) == _registrable(second) and "." in first


def refuse_shared_domain(portal: str, apps: str) -> None:
    """Raise when a customer's app could set cookies for the portal."""
    if shares_cookies(portal, apps):
        raise Misconfigured(
            f"The apps' domain {host_of(apps)} and the portal's {host_of(portal)} belong together, so a customer's app could set "
            "cookies for the portal. Use another registrable domain for one of them (apps_domain, public_url), "
            "or set apps_domain_shared = true if you know that this is safe."
        )
