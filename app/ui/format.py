"""How numbers, sizes, durations, dates and states look: one function each, in the reader's locale and zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent

from app import money
from app.ui.messages import Plain, Say, language, plain

__all__ = ["Formatter", "formatter", "plain"]

NOTHING = "–"
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
STATES: dict[str, tuple[str, str]] = {
    "healthy": ("green", ":material/check_circle:"),
    "starting": ("blue", ":material/hourglass_top:"),
    "not_ready": ("orange", ":material/warning:"),
    "crashing": ("red", ":material/error:"),
    "pending": ("orange", ":material/pending:"),
    "stopped": ("gray", ":material/stop_circle:"),
    "suspended": ("violet", ":material/pause_circle:"),
    "failed": ("red", ":material/error:"),
    "stopping": ("gray", ":material/hourglass_bottom:"),
    "finished": ("gray", ":material/task_alt:"),
    "unknown": ("gray", ":material/help:"),
}
"""Colour and icon of a state; its word comes from the catalogue as `state.<name>`. Unknown is grey and never green."""


@dataclass(frozen=True, slots=True)
class Formatter:
    """Formats for one reader. `None` is shown as a dash: not known, never zero."""

    say: Say
    locale: Locale
    zone: ZoneInfo

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return NOTHING
        return str(
            format_decimal(round(value, digits), format="#,##0" + ("." + "#" * digits if digits else ""), locale=self.locale)
        )

    def percent(self, share: float | None, digits: int = 0) -> str:
        """`share` is a part of one."""
        if share is None:
            return NOTHING
        return str(format_percent(share, format="#,##0" + ("." + "0" * digits if digits else "") + " %", locale=self.locale))

    def bytes(self, value: float | None) -> str:
        """Binary units with three significant figures: `512 MiB`, `1.63 GiB`."""
        if value is None:
            return NOTHING
        size, unit = float(value), 0
        while abs(size) >= 1023.5 and unit < len(_SIZES) - 1:
            size, unit = size / 1024, unit + 1
        digits = 0 if unit == 0 or abs(size) >= 100 else 1 if abs(size) >= 10 else 2
        return f"{self.number(size, digits)} {_SIZES[unit]}"

    def cores(self, value: float | None) -> str:
        if value is None:
            return NOTHING
        shown = self.number(value, 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3)
        return self.say.text("unit.cores", n=1 if value == 1 else 2, value=shown)

    def money(self, minor: int | None, currency: str) -> str:
        """An amount in minor units of `currency`: `Rp 149.000`, `US$10,50`."""
        return NOTHING if minor is None else money.shown(minor, currency, self.locale)

    def duration(self, value: timedelta | float | None) -> str:
        """The two units that matter: `40 s`, `6 min`, `3 h 12 min`, `47 d`. A bare number is seconds."""
        if value is None:
            return NOTHING
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
        if seconds < 0:
            return "−" + self.duration(-seconds)
        if 0 < seconds < 1:
            return self.say.text("unit.milliseconds", value=self.number(seconds * 1000))
        whole = round(seconds)
        minutes, hours, days = whole // 60, whole // 3600, whole // 86400
        if whole < 60:
            return self.say.text("unit.seconds", value=whole)
        if hours < 1:
            return self.say.text("unit.minutes", value=minutes)
        if days < 2:
            rest = minutes % 60
            tail = " " + self.say.text("unit.minutes", value=rest) if rest and hours < 10 else ""
            return self.say.text("unit.hours", value=hours) + tail
        return self.say.text("unit.days", value=self.number(days))

    def latency(self, seconds: float | None) -> str:
        """How long an answer took: `312 ms`, `1.06 s`, `12 s`."""
        if seconds is None or seconds < 1 or seconds >= 10:
            return self.duration(seconds)
        return self.say.text("unit.seconds", value=self.number(seconds, 2))

    def ago(self, at: datetime | None, now: datetime) -> str:
        """`4 s ago`; a moment in the future within clock noise counts as now."""
        if at is None:
            return NOTHING
        seconds = (now - at).total_seconds()
        if seconds < 1:
            return self.say.text("time.now")
        return self.say.text("time.ago", span=self.duration(seconds))

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def clock(self, at: datetime | None, *, seconds: bool = False) -> str:
        """Hour and minute, or also second, in the reader's zone."""
        pattern = "HH:mm:ss" if seconds else "HH:mm"
        return NOTHING if at is None else str(format_time(self.local(at), format=pattern, locale=self.locale))

    def zone_name(self, at: datetime) -> str:
        """What the reader's zone is called at that time: `WIB`, `CET`, or `UTC+3` where it has no name of its own."""
        name = self.local(at).strftime("%Z")
        if name[:1] not in "+-":
            return name
        sign, hours, minutes = name[0].replace("-", "−"), int(name[1:3]), name[3:]
        return f"UTC{sign}{hours}" + (f":{minutes}" if minutes.strip("0") else "")

    def calendar_day(self, on: date | None) -> str:
        """A day of the calendar."""
        return NOTHING if on is None else str(format_date(on, format="d MMM y", locale=self.locale))

    def month(self, on: date) -> str:
        """A month with its year."""
        return str(format_date(on, format="MMMM y", locale=self.locale))

    def short_date(self, on: date | None) -> str:
        """The same without its year."""
        return NOTHING if on is None else str(format_date(on, format="d MMM", locale=self.locale))

    def day(self, at: datetime | None) -> str:
        return NOTHING if at is None else str(format_date(self.local(at).date(), format="d MMM y", locale=self.locale))

    def moment(self, at: datetime | None) -> str:
        """Day and time in the reader's zone."""
        return NOTHING if at is None else str(format_datetime(self.local(at), format="d MMM y, HH:mm", locale=self.locale))

    def since(self, at: datetime | None, now: datetime) -> str:
        """The time when it was today, else the day with the time."""
        if at is None:
            return NOTHING
        same_day = self.local(at).date() == self.local(now).date()
        return self.clock(at) if same_day else str(format_datetime(self.local(at), format="d MMM, HH:mm", locale=self.locale))

    def country(self, code: str) -> str:
        """The name of a country by its two letters; the letters where they are no country's."""
        return str(self.locale.territories.get(code, code)) if code else NOTHING

    def state(self, name: str) -> Plain:
        """Colour and word of a state as one chip."""
        colour, icon = STATES.get(name, STATES["unknown"])
        return Plain(f":{colour}-badge[{icon} {self.word(name)}]")

    def word(self, name: str) -> str:
        key = f"state.{name}"
        return self.say.text(key if self.say.has(key) else "state.unknown")


def formatter(locale: str, zone: str, words: str | None = None) -> Formatter:
    """The formatter for a stored locale and time zone; what is not known becomes English and UTC."""
    chosen = words or language(locale)
    try:
        known = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        known = Locale("en", "GB")
    if known.language != chosen:
        known = Locale(chosen)
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        tz = ZoneInfo("UTC")
    return Formatter(Say(chosen), known, tz)


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970 for files and charts."""
    return int(at.astimezone(UTC).timestamp() * 1000)
