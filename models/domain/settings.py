"""What an operator can set while the program runs: each setting with type, unit, allowed range, default and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.domain.errors import Invalid, NotFound
from models.domain.money import CURRENCIES
from models.domain.orders import Approval
from models.domain.periods import DEFAULT_ZONE, MOST_AT_ONCE

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class OperatorSetting:
    """One thing to set. `low` and `high` belong to the allowed range; `choices` are all allowed texts, when there are any."""

    key: str
    default: Value
    unit: str
    sentence: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> type[bool] | type[int] | type[float] | type[str]:
        return type(self.default)

    def checked(self, value: Any) -> Value:
        """`value` in this setting's type; Invalid with what is allowed when it does not fit."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = {
            bool: isinstance(value, bool),
            int: number and float(value).is_integer(),
            float: number,
            str: isinstance(value, str),
        }
        if not fits[self.kind]:
            raise Invalid(f"“{self.key}” wants {self.allowed}; {value!r} is none.", field=self.key)
        kept: Value = self.kind(value)
        if isinstance(kept, str):
            good = len(kept) <= 500 and (not self.choices or kept in self.choices)
        else:
            good = (self.low is None or kept >= self.low) and (self.high is None or kept <= self.high)
        if not good:
            raise Invalid(f"“{self.key}” wants {self.allowed}; {value!r} is outside.", field=self.key)
        return kept

    @property
    def allowed(self) -> str:
        """What may be typed, in words."""
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return "one of " + ", ".join(self.choices) if self.choices else "a text of at most 500 characters"
        what = "a whole number" if self.kind is int else "a number"
        return f"{what} from {self.low:g} to {self.high:g} {self.unit}".rstrip()


MOST_DAYS = 365
"""The furthest that a reminder or a charge may lie from the due day."""
AUDIT_YEARS = OperatorSetting("audit_years", 7, "years", "How long the audit is kept.", 7, 30)

REGISTRY: Mapping[str, OperatorSetting] = {
    setting.key: setting
    for setting in (
        OperatorSetting(
            "sale_limit",
            0.80,
            "of allocatable",
            "Room to sell ends where requests pass this share of what nodes can give.",
            0.1,
            1.0,
        ),
        OperatorSetting(
            "target_low", 0.70, "of allocatable", "Below this share of requests the cluster is larger than it must be.", 0.0, 1.0
        ),
        OperatorSetting(
            "target_high", 0.80, "of allocatable", "Above this share of requests the cluster is fuller than it should be.", 0.0, 1.0
        ),
        OperatorSetting("trial_days", 14, "days", "How long a trial lasts, when nothing else is said.", 1, 365),
        OperatorSetting("trial_idle_days", 7, "days", "A trial that was not used for so long is shown as unused.", 1, 365),
        OperatorSetting("invitation_days", 7, "days", "How long the link in an invitation is good.", 1, 30),
        OperatorSetting(
            "order_approval",
            "none",
            "",
            "Which orders wait until staff have said yes.",
            choices=tuple(one.value for one in Approval),
        ),
        OperatorSetting(
            "drift",
            "repair",
            "",
            "What is done about an app that somebody changed in the cluster: put back, or only told.",
            choices=("repair", "report"),
        ),
        OperatorSetting("unpaid_hours", 72, "hours", "How long an order that is not paid keeps its room.", 1, 720),
        OperatorSetting("undecided_hours", 72, "hours", "How long an order that waits for a person keeps its room.", 1, 720),
        OperatorSetting(
            "failures_off_sale", 3, "apps", "A template is taken off sale when so many new apps of it failed in a row.", 1, 50
        ),
        OperatorSetting("app_backup_days", 30, "days", "How long a backup of an app is kept.", 1, 3650),
        OperatorSetting(
            "deleted_app_backup_days",
            30,
            "days",
            "How long the last backup of a deleted app is kept, for its owner to bring it back.",
            1,
            3650,
        ),
        OperatorSetting("app_backup_hours", 24, "hours", "How often paid apps are saved by themselves; 0: never.", 0, 720),
        OperatorSetting("app_backup_trials", False, "", "Whether trials are saved by themselves too."),
        OperatorSetting("reminder_days", "-3, 0, 1, 5", "", "On which days after an invoice is due its people are reminded of it."),
        OperatorSetting("charge_days", "0, 2, 5, 14", "", "On which days after it is due a declined invoice is charged again."),
        OperatorSetting("suspend_days", 7, "days", "So long after it is due an unpaid subscription is suspended.", 1, 365),
        OperatorSetting("expire_days", 21, "days", "So long after it is due a suspended one expires, with a last backup.", 2, 365),
        OperatorSetting("clean_days", 51, "days", "So long after it was due the data of an expired one is deleted.", 3, 3650),
        OperatorSetting("keep_ended_days", 30, "days", "How long the data of a cancelled or tried app is kept.", 1, 3650),
        OperatorSetting("payment_days", 7, "days", "How long customers have to pay an invoice.", 0, 90),
        OperatorSetting(
            "catch_up_periods",
            MOST_AT_ONCE,
            "periods",
            "So many missed periods of a subscription are charged at once; more wait for a person.",
            1,
            60,
        ),
        OperatorSetting(
            "billing_zone",
            DEFAULT_ZONE,
            "",
            "Whose days new subscriptions are billed by; those that began keep theirs.",
            choices=("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Singapore", "Europe/Berlin", "Europe/London", "UTC"),
        ),
        OperatorSetting("bank_account", "", "", "Bank, number and holder of the account to which customers transfer; empty: none."),
        OperatorSetting("seller_name", "Moorage", "", "Who sells, as invoices name it."),
        OperatorSetting("seller_address", "", "", "The seller's address on invoices; “; ” begins a new line."),
        OperatorSetting("seller_tax_number", "", "", "The seller's tax number (NPWP) on invoices."),
        OperatorSetting("seller_registration", "", "", "The seller's number in the register of companies, on invoices."),
        OperatorSetting("seller_email", "", "", "Where customers write about an invoice."),
        OperatorSetting(
            "upgrade_charge",
            "invoice_now",
            "",
            "When a dearer plan or something added within a month is charged: its rest at once, or from the next period on.",
            choices=("invoice_now", "next_period"),
        ),
        OperatorSetting(
            "downgrade_charge",
            "next_period",
            "",
            "When a cheaper plan's price holds: from the next period on, or at once with the rest given back as credit.",
            choices=("invoice_now", "next_period"),
        ),
        OperatorSetting(
            "credit_suspension", True, "", "Whether the time of a suspension is given back of what was charged for it."
        ),
        OperatorSetting(
            "write_off_tax", False, "", "Whether the tax of an invoice that is given up is not owed any more (ask an adviser)."
        ),
        OperatorSetting("tax_registered", True, "", "Whether we charge tax on sales in our country (PPN)."),
        OperatorSetting("prices_with_tax", True, "", "Whether the prices of plans have the tax in them."),
        OperatorSetting(
            "node_price_month", 0, "minor units", "What a node costs a month, for the margin; 0: not known.", 0, 10**12
        ),
        OperatorSetting(
            "node_price_currency",
            "IDR",
            "",
            "The currency of that price; the margin counts revenue in it.",
            choices=tuple(sorted(CURRENCIES)),
        ),
        AUDIT_YEARS,
    )
}


def named(key: str) -> OperatorSetting:
    """The setting of that name."""
    if key not in REGISTRY:
        raise NotFound(f"There is no setting “{key}”. Known are: {', '.join(REGISTRY)}.")
    return REGISTRY[key]


def days_of(text: str) -> tuple[int, ...]:
    """The days of a setting such as “-3, 0, 1, 5”, each later than the one before; Invalid says what is wrong."""
    try:
        days = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise Invalid(f"“{text}” is no list of whole days. Write them as in “-3, 0, 1, 5”.", field="days") from None
    if list(days) != sorted(set(days)) or any(abs(day) > MOST_DAYS for day in days):
        raise Invalid(f"The days “{text}” must rise, each between -{MOST_DAYS} and {MOST_DAYS}.", field="days")
    return days


def check_together(values: Mapping[str, Value]) -> None:
    """Refuse values that are good each by itself and make no sense together; all settings are in `values`."""
    low, high = float(values["target_low"]), float(values["target_high"])
    if low >= high:
        raise Invalid(f"The target's lower end ({low:g}) must lie below its upper end ({high:g}).", field="target_low")
    days_of(str(values["reminder_days"]))
    if any(day < 0 for day in days_of(str(values["charge_days"]))):
        raise Invalid("Charges are tried again from the due day on, never before it.", field="charge_days")
    if not int(values["suspend_days"]) < int(values["expire_days"]) < int(values["clean_days"]):
        raise Invalid(
            "An unpaid app is suspended first, expires later, and is deleted last: let the days rise.", field="suspend_days"
        )
