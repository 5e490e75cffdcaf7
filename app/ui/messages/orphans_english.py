"""Texts of the staff page about orphans."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "orphans.title": ("1 thing has no other side", "{n} things have no other side"),
    "orphans.note": "What we made in the cluster and is no app, and what is on record and stands nowhere. Nothing is repaired by itself.",
    "orphans.nobody": "nobody",
    "orphans.unknown": "Namespace **{name}** stands since {since} with {pods} pods and is no app on record.",
    "orphans.gone": "Namespace **{name}** of {whose} stands with {pods} pods, although its app is gone.",
    "orphans.elsewhere": "Namespace **{name}** of {whose} stands with {pods} pods, although its app is in another one.",
    "orphans.lost": "The app **{name}** of {whose} is on record, but its namespace is not in the cluster.",
    "orphans.without_app": "A subscription of {whose} goes on since {since}, but its app {name} is gone.",
    "orphans.delete": "Delete …",
    "orphans.delete_what": "The namespace {name} is deleted with everything in it, also its volumes. **Nobody can bring that back.**",
    "orphans.delete_do": "Delete the namespace",
    "orphans.again": "Make again …",
    "orphans.again_what": "{name} is made anew with its address, settings and sign-in, and **empty**: its data was in the namespace. "
    "Restore a backup into it afterwards.",
    "orphans.again_do": "Make it again, empty",
    "orphans.give_up": "Give up …",
    "orphans.give_up_what": "{name} is taken off the record, and what is charged for it ends now.",
    "orphans.give_up_do": "Take it off the record",
    "orphans.end": "End it",
    "orphans.adopt": "Adopt …",
    "orphans.adopt_what": "It becomes an app on record of an organization, shown and counted; Moorage does not change it.",
    "orphans.adopt_do": "Put it on record",
    "orphans.type": "Type {name} to confirm",
}
