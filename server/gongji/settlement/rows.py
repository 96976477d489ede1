"""The arithmetic of a row: deductibles, bands and limits on meters, rounded once.

Whole fen in, whole fen out. As `split` does of a table's row, which has one of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from gongji.rules.binding import NoLimit
from gongji.rules.money import FULL_BP, MAX_FEN, Rounding
from gongji.rules.shapes import Counted, Meter, Period, Row, Upto
from gongji.settlement.split import FundShare, FundStep, StepKind

Readings: TypeAlias = Mapping[Meter, int]
"""What each meter counted before a bill, in fen; one that is not named counted nothing."""


def row_share(in_scope_fen: int, row: Row, read: Readings) -> FundShare:
    """Return what a row pays of an amount in scope, and the deductible it takes.

    One fen more in scope raises what is paid by nothing or by one fen.
    """
    deductible = deductible_of(in_scope_fen, row, read)
    numerator, denominator = exact_share(in_scope_fen, row, read)
    # Half a fen more before flooring is 四舍五入.
    if row.rounding is Rounding.HALF_UP:
        numerator, denominator = 2 * numerator + denominator, 2 * denominator
    return FundShare(deductible, numerator // denominator)


def ratio_reached(in_scope_fen: int, row: Row, read: Readings) -> int:
    """Return the ratio of the band in which a bill ends, in basis points."""
    return _banded(in_scope_fen, row, read)[2]


def deductible_of(in_scope_fen: int, row: Row, read: Readings) -> int:
    """Return the deductible that a bill takes: the least that is left of any."""
    left = [left_of(one, read) for one in row.deductibles]
    return min([in_scope_fen, *left]) if left else 0


def exact_share(in_scope_fen: int, row: Row, read: Readings) -> tuple[int, int]:
    """Return what a row pays before rounding, in fen, as numerator and denominator."""
    numerator, denominator, _ = _banded(in_scope_fen, row, read)
    for most in paid_limits(row, read):
        if numerator > most * denominator:
            numerator, denominator = most, 1
    return numerator, denominator


def scope_limits(row: Row, read: Readings) -> list[int]:
    """Return what is left of the limits on the cost in scope."""
    return [left_of(one, read) for one in row.limits if one.on.of is Counted.IN_SCOPE]


def paid_limits(row: Row, read: Readings) -> list[int]:
    """Return what is left of the limits on what is paid."""
    return [left_of(one, read) for one in row.limits if one.on.of is Counted.PAID]


def _banded(in_scope_fen: int, row: Row, read: Readings) -> tuple[int, int, int]:
    """Return what the bands pay, as a fraction, and the ratio of the last one."""
    deductible = deductible_of(in_scope_fen, row, read)
    counted = min([in_scope_fen, *scope_limits(row, read)])
    above = max(0, counted - deductible)
    if row.bands_on is not None and row.bands_on.of is Counted.PAID:
        return _banded_by_payment(above, row, read.get(row.bands_on, 0))
    return _banded_by_cost(above, deductible, row, read)


def left_of(one: Upto, read: Readings) -> int:
    """Return what is left of a deductible or limit, in fen."""
    if one.on.per is Period.VISIT:
        return one.fen
    return max(0, one.fen - read.get(one.on, 0))


def _banded_by_cost(
    above: int, deductible: int, row: Row, read: Readings
) -> tuple[int, int, int]:
    """Return what the bands pay if they end at so much cost in scope."""
    before = read.get(row.bands_on, 0) if row.bands_on is not None else 0
    # Where the part above the deductible begins and ends on the meter of the bands.
    start, end = before + deductible, before + deductible + above
    paid = lower = 0
    for band in row.bands:
        upper = end if isinstance(band.upto, NoLimit) else min(end, band.upto)
        paid += max(0, upper - max(start, lower)) * band.ratio_bp
        lower = max(lower, upper)
        if upper == end:
            break
    return paid, FULL_BP, band.ratio_bp


def _banded_by_payment(above: int, row: Row, before: int) -> tuple[int, int, int]:
    """Return what the bands pay if they end when so much has been paid.

    A band ends within a fen: the rest of the cost is kept as a fraction.
    """
    paid = 0
    rest, parts = above, 1  # the cost not yet paid for: rest / parts fen
    for band in row.bands:
        ratio = band.ratio_bp
        if isinstance(band.upto, NoLimit):
            break
        room = max(0, band.upto - before - paid)
        # The cost that fills the band is room × 10000 / ratio.
        if rest * ratio <= room * FULL_BP * parts:
            break
        paid += room
        rest, parts = rest * ratio - room * FULL_BP * parts, parts * ratio
    # A band that is passed ends on a whole fen, so that only the last one is a fraction.
    return paid * parts * FULL_BP + rest * ratio, parts * FULL_BP, ratio


_KINDS: Final = {Period.VISIT: StepKind.VISIT_LIMIT, Period.YEAR: StepKind.YEAR_LIMIT}


def row_steps(row: Row, read: Readings) -> Iterator[FundStep]:
    """Yield how a row pays as the amount in scope grows: the curve of `row_share`."""
    deductible = deductible_of(MAX_FEN, row, read)
    if deductible:
        yield FundStep(StepKind.DEDUCTIBLE, deductible)
    limited = _limited(row, read)
    start = deductible
    for ratio, end in _stretches(row, read):
        if end is not None and end <= start:
            continue
        if limited is not None and (end is None or limited[1] <= end):
            yield from _to_the_limit(*limited, start, ratio, row, read)
            return
        paid = 0 if end is None else row_share(end, row, read).fund_fen
        yield FundStep(StepKind.RATIO, end, ratio, paid)
        start = start if end is None else end


def _to_the_limit(  # noqa: PLR0917 - a stretch, its end and what it is of
    kind: StepKind, end: int, start: int, ratio: int, row: Row, read: Readings
) -> Iterator[FundStep]:
    paid = row_share(end, row, read).fund_fen
    if end > start:
        yield FundStep(StepKind.RATIO, end, ratio, paid)
    yield FundStep(kind, None, fund_fen=paid)


def _limited(row: Row, read: Readings) -> tuple[StepKind, int] | None:
    """Return the limit reached first and the amount in scope at which; None if none is."""
    reached = []
    for limit in row.limits:
        left = left_of(limit, read)
        paid = limit.on.of is Counted.PAID
        end = _least_paying(left, row, read) if paid else left
        if end is not None:
            reached.append((end, _KINDS.get(limit.on.per, StepKind.LIMIT)))
    if not reached:
        return None
    # If two come to the same fen, the visit's is named, as in the lines of a bill.
    end, kind = min(
        reached, key=lambda one: (one[0], one[1] is not StepKind.VISIT_LIMIT)
    )
    return kind, end


def _stretches(row: Row, read: Readings) -> Iterator[tuple[int, int | None]]:
    """Yield each band's ratio and the amount in scope at which it ends."""
    before = read.get(row.bands_on, 0) if row.bands_on is not None else 0
    on_paid = row.bands_on is not None and row.bands_on.of is Counted.PAID
    for band in row.bands:
        if isinstance(band.upto, NoLimit):
            yield band.ratio_bp, None
        elif on_paid:
            yield band.ratio_bp, _least_reaching(band.upto - before, row, read)
        else:
            yield band.ratio_bp, max(0, band.upto - before)


def _least_paying(fen: int, row: Row, read: Readings) -> int | None:
    """Return the least amount in scope of which so much is paid, None if there is none."""
    return _least(lambda x: row_share(x, row, read).fund_fen >= fen)


def _least_reaching(fen: int, row: Row, read: Readings) -> int | None:
    """Return the least amount in scope of which so much is due before rounding."""

    def is_due(x: int) -> bool:
        numerator, denominator = exact_share(x, row, read)
        return numerator >= fen * denominator

    return _least(is_due)


def _least(holds: Callable[[int], bool]) -> int | None:
    """Return the least amount from which on something holds, None if it never does."""
    if not holds(MAX_FEN):
        return None
    # What is paid never falls as the amount grows.
    low, high = 0, MAX_FEN
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
