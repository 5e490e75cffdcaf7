"""Who is behind another sign-up: one mailbox under many spellings, one network under many addresses.

Nothing is refused by it. What looks like the same person again only waits: for a while, or for somebody to look.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

_DOTLESS = frozenset({"gmail.com", "googlemail.com"})
"""Providers that ignore dots before the @ (Google's help: "Dots don't matter in Gmail addresses")."""


def mailbox(email: str) -> str:
    """The mailbox that an address leads to, as far as its spelling tells: no `+detail` (RFC 5233), no dots where they are ignored."""
    local, _, domain = email.strip().lower().rpartition("@")
    local = local.split("+", 1)[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def domains(mailbox: str) -> tuple[str, ...]:
    """The mail domains under which the same mailbox may be written."""
    domain = mailbox.rpartition("@")[2]
    return tuple(sorted(_DOTLESS)) if domain in _DOTLESS else (domain,)


def network(address: str) -> str:
    """The network that a visitor comes from: /24 of IPv4, /64 of IPv6 (what one line gets, RFC 6177); else the text."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 24 if ip.version == 4 else 64), strict=False))
