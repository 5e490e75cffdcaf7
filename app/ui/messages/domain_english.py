"""Texts about own domains of apps."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "domain.title": "Own domain",
    "domain.what": "Let the app answer at a name of your own too, beside {host}. Two records at your DNS provider are needed; it may take "
    "an hour until everybody sees them.",
    "domain.name": "Domain",
    "domain.add": "Use this domain",
    "domain.active": "active",
    "domain.waits": "waits for the DNS",
    "domain.txt": "This record proves that the domain is yours:",
    "domain.cname": "This one leads to the app (a domain without a CNAME may use the app's IP addresses):",
    "domain.lacks_proof": "Looked {at}: the TXT record is not there.",
    "domain.lacks_target": "Looked {at}: the TXT record is there, but the domain does not lead to the app.",
    "domain.check": "Look now",
    "domain.found": "The records stand. The app answers at the domain in a moment.",
    "domain.not_found": "The records are not there yet.",
    "domain.remove": "Remove …",
    "domain.remove_what": "The app no longer answers at {name}. Whoever owns the name may use it for another app.",
    "domain.remove_do": "Remove it",
    "care.was.domain": "Own domain {what}",
    "care.was.without": "Without the domain {what}",
    "did.domains.add": "Asked for an own domain",
    "did.domains.prove": "Proved an own domain",
    "did.domains.remove": "Removed an own domain",
}
