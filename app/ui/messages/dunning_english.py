"""Texts of dunning and the life of subscriptions, as customers read them."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.dunning.remind": "Reminded of an open invoice",
    "did.dunning.charge": "Charged an open invoice again",
    "did.dunning.move": "Moved a subscription",
    "did.dunning.remove": "Deleted an app whose time is over",
}
