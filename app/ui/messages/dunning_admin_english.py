"""Texts of the staff pages about dunning and the life of subscriptions."""

TEXTS: dict[str, str | tuple[str, str]] = {
    "setting.reminder_days": "Days of reminders",
    "setting.charge_days": "Days of further charges",
    "setting.suspend_days": "Days until suspension",
    "setting.expire_days": "Days until expiry",
    "setting.clean_days": "Days until deletion",
    "setting.keep_ended_days": "Days that data of ended apps is kept",
}
