"""Texts of the diagnosis: the sentences are those that API and command line speak."""

from models.domain.diagnosis_words import ADVICE, SENTENCES

TEXTS: dict[str, str | tuple[str, str]] = {
    **{f"diagnosis.{code}": sentence for code, sentence in SENTENCES.items()},
    **{f"advice.{code}": sentence for code, sentence in ADVICE.items()},
    "suspension.is": "Suspended since {since}: {reason} Nothing that it holds is lost.",
    "suspension.suspend": "Suspend …",
    "suspension.what": "{name} ends with everything kept, and its address shows a page with what you write here. Its "
    "people cannot start it.",
    "suspension.why": "Why, as every visitor reads it",
    "suspension.do": "Suspend now",
    "suspension.resume": "Resume as it was",
    "care.was.suspended:": "Suspended: {what}",
    "care.was.resumed": "Resumed",
    "diagnosis.title": ("What is wrong", "What is wrong ({n})"),
    "diagnosis.exact": "Exactly as the cluster says it",
    "diagnosis.last_lines": "The last lines of its log:",
    "diagnosis.for_staff": "For us: {mend}",
    "diagnosis.rights": "Somebody of your organization who may operate it can do that.",
    "diagnosis.plan_button": "Give it {size} …",
    "diagnosis.costs": "{price} a month more.",
    "diagnosis.plan_do": "Take the plan {plan}",
    "diagnosis.settings_button": "To its settings",
    "diagnosis.settings_open": "The settings are open, further down under “Look after it”.",
    "diagnosis.roll_back_button": "Go back …",
    "diagnosis.retry_button": "Try again now",
    "diagnosis.staff_button": "Tell us",
    "diagnosis.told": "We have been told.",
    "diagnosis.told_already": "We have been told of it today already and look into it.",
}
