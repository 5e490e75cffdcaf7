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
    "page.dunning": "Dunning",
    "cancel.title": "Cancel",
    "cancel.note": "An app whose subscription ends is stopped and saved a last time; its data is kept for a while.",
    "cancel.begin": "Cancel {name}",
    "cancel.at_end": "At the end of what is paid: it runs until {at}. Its data is kept until {kept}; nothing more is charged.",
    "cancel.now": "Now: {name} is stopped at once, and the unused rest becomes your credit. Its data is kept for the same time.",
    "cancel.do_at_end": "Cancel at the end",
    "cancel.do_now": "Cancel now",
    "cancel.done": "Cancelled.",
    "cancel.ends": "{name} ends on {at}. Its data is kept until {kept}.",
    "cancel.keep": "Keep {name}",
    "cancel.kept": "It goes on.",
    "did.subscriptions.convert": "Bought what was tried",
    "buy.title": "Keep {name} after the trial",
    "buy.note": (
        "Choose a plan before {at}. Its first month is invoiced now; paid, the app goes on with that plan "
        "after the trial. Not paid, it is stopped then, and its data is kept."
    ),
    "buy.plan": "Plan",
    "buy.do": "Buy",
    "buy.done": "Chosen. The invoice is below.",
}
