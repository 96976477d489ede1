"""Choose amounts of bills that reach, or stay within, the edges of a table."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from gongji.kit.newcity.funds import Fund
from gongji.kit.newcity.reckoning import CENT, Year, percent, yuan
from gongji.rules.codes import Standing

ODD: Final = Decimal("333.33")
"""An amount whose share needs rounding at most ratios."""

_ORDINARY: Final = Decimal(1000)


def first_bill(
    fund: Fund,
    standing: Standing,
    level: int,
) -> Decimal:
    """Return a first bill of the year that passes the deductible and meets no limit."""
    deductible = Year(fund, standing).deductible(level)
    return deductible + within_limits(fund, standing, level)


def within_limits(
    fund: Fund,
    standing: Standing,
    level: int,
) -> Decimal:
    """Return at most 1,000 yuan beyond the deductible whose share meets no limit."""
    limit = _lowest_limit(fund, standing, level)
    if limit.is_infinite():
        return _ORDINARY
    reaching = limit * 100 / percent(fund.ratio_of(standing, level))
    # A yuan less, so that rounding does not reach the limit either.
    below = (reaching - 1).to_integral_value(ROUND_FLOOR)
    return max(CENT, min(_ORDINARY, below))


def beyond_limits(
    fund: Fund,
    standing: Standing,
    level: int,
) -> Decimal:
    """Return a bill whose share is above every limit that applies to one visit."""
    limit = _lowest_limit(fund, standing, level)
    reaching = limit * 100 / percent(fund.ratio_of(standing, level))
    needed = yuan(fund.deductible.value[level]) + reaching
    return needed.quantize(Decimal(1), ROUND_CEILING) + 100


def half_a_fen(
    fund: Fund,
    standing: Standing,
    level: int,
) -> Decimal:
    """Return an amount within the limits whose share ends in half a fen.

    An odd amount if no share of that ratio does.
    """
    ratio = percent(fund.ratio_of(standing, level))
    highest = within_limits(fund, standing, level)
    for fen in range(5_00, 15_00):
        amount = Decimal(fen) / 100
        if fen * ratio % 100 == 50 and amount <= highest:
            return amount
    return min(ODD, highest)


def _lowest_limit(
    fund: Fund,
    standing: Standing,
    level: int,
) -> Decimal:
    """Return the lower of the visit's and the year's limit, in yuan; infinity if none."""
    visit = yuan(fund.visit_cap.value[level])
    year = yuan(fund.cap.value[standing])
    return min(visit, year)
