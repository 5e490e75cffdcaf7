"""Money: whole minor units of one currency, one rounding rule, and splits that lose nothing.

Sources: ISO 4217 for codes and digits, but the rupiah is counted whole here (no price has sen; Stripe wants it with two digits, Midtrans
without). Rounding is half away from zero, the mode of Kill Bill (HALF_UP) and Lago; Python's `round` is half-even and is not used for
money. Splitting is the method of the largest remainder (Hamilton).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from models.domain.errors import Invalid

LARGEST = 2**63 - 1
"""What a database column of money holds."""


@dataclass(frozen=True, slots=True)
class Currency:
    """How many digits stand behind the point: in our books, and at gateways that count otherwise (None: not taken there)."""

    code: str
    digits: int
    stripe_digits: int | None = None
    midtrans_digits: int | None = None


CURRENCIES: Mapping[str, Currency] = {
    one.code: one
    for one in (
        Currency("IDR", 0, stripe_digits=2, midtrans_digits=0),
        Currency("USD", 2, stripe_digits=2),
        Currency("EUR", 2, stripe_digits=2),
        Currency("GBP", 2, stripe_digits=2),
        Currency("SGD", 2, stripe_digits=2),
        Currency("MYR", 2, stripe_digits=2),
        Currency("AUD", 2, stripe_digits=2),
        Currency("JPY", 0, stripe_digits=0),
    )
}


def currency(code: str) -> Currency:
    """The currency with that code. Raises Invalid."""
    if code not in CURRENCIES:
        raise Invalid(
            f"“{code}” is no currency that is billed here. Choose one of {', '.join(sorted(CURRENCIES))}.", field="currency"
        )
    return CURRENCIES[code]


def rounded(exact: Fraction | int) -> int:
    """The nearest whole number; a half goes away from zero."""
    value = Fraction(exact)
    whole = (abs(value.numerator) * 2 + value.denominator) // (value.denominator * 2)
    return whole if value >= 0 else -whole


def apportioned(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole numbers that sum to `total`, each less than one unit from its exact share.

    `exact` has to sum to less than one unit from `total`. Every share is cut to the whole number below; what is left goes, a unit
    each, to the largest remainders, among equal ones to the first. A negative total is split as its opposite and turned round.
    """
    if total < 0:
        return [-share for share in apportioned(-total, [-one for one in exact])]
    if abs(total - sum(exact, Fraction(0))) >= 1:
        raise ValueError("the exact shares do not sum to the total")
    shares = [one.numerator // one.denominator for one in exact]
    left = total - sum(shares)
    first = sorted(range(len(exact)), key=lambda at: (shares[at] - exact[at], at))
    for at in first[:left]:
        shares[at] += 1
    return shares


def allocated(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """`total` split in the proportion of the weights (none negative), by largest remainder; ties go to the lowest position.

    Nothing can be split over no weight at all, but zero is split into zeros. Raises Invalid.
    """
    if any(weight < 0 for weight in weights):
        raise Invalid("An amount is split by weights of zero or more.", field="weights")
    whole = sum(weights, Fraction(0))
    if not whole:
        if total:
            raise Invalid("An amount cannot be split when every weight is zero.", field="weights")
        return [0] * len(weights)
    return apportioned(total, [Fraction(total) * weight / whole for weight in weights])


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of its currency. Amounts of two currencies are neither added nor compared: Invalid."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise Invalid("An amount of money is a whole number of minor units.", field="minor")
        if abs(self.minor) > LARGEST:
            raise Invalid("An amount of money is smaller than 9 quintillion minor units.", field="minor")
        currency(self.currency)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise Invalid(f"{self.currency} and {other.currency} do not go together. Convert one of them first.", field="currency")
        return other.minor

    def _made(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def __add__(self, other: Money) -> Money:
        return self._made(self.minor + self._same(other))

    def __sub__(self, other: Money) -> Money:
        return self._made(self.minor - self._same(other))

    def __neg__(self) -> Money:
        return self._made(-self.minor)

    def __abs__(self) -> Money:
        return self._made(abs(self.minor))

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def times(self, factor: Fraction | int) -> Money:
        """The exact product, rounded once. There is no product with a float."""
        if isinstance(factor, bool) or not isinstance(factor, Fraction | int):
            raise Invalid("Money is multiplied by whole numbers and fractions only.", field="factor")
        return self._made(rounded(self.minor * Fraction(factor)))

    def split(self, weights: Sequence[int | Fraction]) -> list[Money]:
        """By `allocated`: the parts sum to this amount."""
        return [self._made(part) for part in allocated(self.minor, weights)]

    def in_digits(self, digits: int) -> int:
        """The same amount counted with another number of digits behind the point, for a gateway. Raises Invalid rather than round."""
        more = digits - currency(self.currency).digits
        if more >= 0:
            return int(self.minor * 10**more)
        if self.minor % 10**-more:
            raise Invalid(f"{self.minor} minor units of {self.currency} cannot be told with {digits} digits.", field="minor")
        return int(self.minor // 10**-more)


def zero(code: str) -> Money:
    return Money(0, code)


def total(amounts: Iterable[Money], code: str) -> Money:
    """The sum in that currency, also of nothing."""
    return sum(amounts, zero(code))
