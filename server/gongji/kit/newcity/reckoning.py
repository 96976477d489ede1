"""Calculate what the fund pays, straight from a city's answers, for its cases.

It shares no arithmetic with the core, so that a case is a second opinion and not an
echo. Amounts are yuan.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from gongji.kit.newcity.funds import Fund
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Standing

CENT: Final = Decimal("0.01")

_NOTHING: Final = Decimal(0)

_ENDLESS: Final = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class PaidParts:
    """What one visit came to, in yuan; the ratio in per cent."""

    deductible: Decimal
    ratio: Decimal
    fund: Decimal
    cash: Decimal


class Year:
    """One person's year: what has been borne and paid so far."""

    def __init__(
        self,
        fund: Fund,
        standing: Standing,
    ) -> None:
        self._fund = fund
        self._standing = standing
        self._borne = _NOTHING
        self._paid = _NOTHING

    def deductible(self, level: int) -> Decimal:
        """Return what this person still bears at a level."""
        at_level = yuan(self._fund.deductible.value[level])
        in_year = yuan(self._fund.year_max.value)
        # Deductibles are topped up: what was borne at one level counts at the next.
        return max(_NOTHING, min(at_level, in_year) - self._borne)

    def visit(
        self,
        level: int,
        in_scope: Decimal,
    ) -> PaidParts:
        """Return what one visit at a level comes to, and count it in the year."""
        deductible = min(in_scope, self.deductible(level))
        ratio = percent(self._fund.ratio_of(self._standing, level))
        share = (in_scope - deductible) * ratio / 100
        fund = min(
            share.quantize(CENT, ROUND_HALF_UP),
            yuan(self._fund.visit_cap.value[level]),
            yuan(self._fund.cap.value[self._standing]) - self._paid,
        )
        fund = max(_NOTHING, fund)
        self._borne += deductible
        self._paid += fund
        return PaidParts(
            deductible=deductible,
            ratio=ratio,
            fund=fund,
            cash=in_scope - fund,
        )


def yuan(fen: int | NoLimit) -> Decimal:
    """Return an answered amount in yuan; infinity if there is no limit."""
    if isinstance(fen, NoLimit):
        return _ENDLESS
    return Decimal(fen) / 100


def percent(basis_points: int) -> Decimal:
    """Return an answered ratio in per cent."""
    return Decimal(basis_points) / 100


def written(amount: Decimal) -> str:
    """Return an amount or ratio without needless zeros: 800, 16.67."""
    text = f"{amount:f}"
    if "." in text:
        return text.rstrip("0").rstrip(".")
    return text
