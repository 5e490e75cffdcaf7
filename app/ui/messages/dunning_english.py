"""Texts of dunning and the life of subscriptions, as customers read them."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "did.dunning.remind": "Reminded of an open invoice",
    "did.dunning.charge": "Charged an open invoice again",
    "did.dunning.move": "Moved a subscription",
    "did.dunning.remove": "Deleted an app whose time is over",
    "did.dunning.hold": "Left a customer in peace until a date",
    "did.dunning.lift": "Ended a hold on dunning",
    "did.subscriptions.cancel": "Cancelled a subscription",
    "did.subscriptions.keep": "Took back a cancellation",
}
