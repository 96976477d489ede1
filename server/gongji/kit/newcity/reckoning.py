"""A little calculation of its own for the cases of a new city: what the fund pays,
straight from the answers.

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

_ENDLESS: Final = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class PaidParts:
    """What one visit came to: the deductible borne, the ratio in per cent, paid by the
    fund, left to the patient."""

    deductible: Decimal
    ratio: Decimal
    fund: Decimal
    rest: Decimal


class Year:
    """One person's year: what has been borne and paid so far."""

    def __init__(self, fund: Fund, standing: Standing) -> None:
        self._fund = fund
        self._standing = standing
        self._borne = Decimal(0)
        self._paid = Decimal(0)

    def deductible(self, level: int) -> Decimal:
        """What this person would still bear at a level."""
        figures = self._fund
        still = yuan(figures.deductible.value[level]) - self._borne
        return max(Decimal(0), min(still, yuan(figures.year_max.value) - self._borne))

    def visit(self, level: int, in_scope: Decimal) -> PaidParts:
        """One visit at a level."""
        borne = min(in_scope, self.deductible(level))
        ratio = percent(self._fund.ratio_of(self._standing, level))
        share = ((in_scope - borne) * ratio / 100).quantize(CENT, ROUND_HALF_UP)
        still = yuan(self._fund.cap.value[self._standing]) - self._paid
        fund = max(
            Decimal(0), min(share, yuan(self._fund.visit_cap.value[level]), still)
        )
        self._borne += borne
        self._paid += fund
        return PaidParts(borne, ratio, fund, in_scope - fund)


def yuan(fen: int | NoLimit) -> Decimal:
    """An answered amount in yuan; endless where there is no limit."""
    return _ENDLESS if isinstance(fen, NoLimit) else Decimal(fen) / 100


def percent(basis_points: int) -> Decimal:
    """An answered ratio in per cent."""
    return Decimal(basis_points) / 100


def written(amount: Decimal) -> str:
    """An amount or ratio without needless zeros: 800, 16.67."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
