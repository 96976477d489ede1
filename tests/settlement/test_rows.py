"""The arithmetic of a row against a walk along the cost, band by band, in fractions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from itertools import pairwise

from gongji.model.decided import RuleRef
from gongji.model.settlement import Line
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Payer
from gongji.rules.money import FULL_BP, Rounding
from gongji.rules.shapes import Band, Counted, Meter, Period, Row, Upto
from gongji.settlement.meters import meters_of
from gongji.settlement.rows import row_share, row_steps
from gongji.settlement.split import FundShare, StepKind
from gongji.settlement.trace_rows import _inputs_of, row_inputs
from hypothesis import given, settings
from hypothesis import strategies as st

METERS = [
    Meter(of=of, per=per, group=group)
    for of in Counted
    for per in Period
    for group in ("", "a")
]

small = st.integers(0, 3000)


def uptos(*counted: Counted) -> st.SearchStrategy[tuple[Upto, ...]]:
    """At most two amounts, on different meters that count one of these."""
    fitting = [meter for meter in METERS if meter.of in counted]
    one = st.builds(Upto, small, st.sampled_from(fitting))
    return st.lists(one, max_size=2, unique_by=lambda upto: upto.on).map(tuple)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Any row a benefit may have."""
    ends = sorted(draw(st.sets(st.integers(1, 5000), max_size=3)))
    bands = [Band(draw(st.integers(1, FULL_BP)), end) for end in ends]
    bands.append(Band(draw(st.integers(0, FULL_BP))))
    ending = [meter for meter in METERS if meter.of is not Counted.BORNE]
    return Row(
        bands=tuple(bands),
        bands_on=draw(st.sampled_from(ending)) if ends else None,
        deductibles=draw(uptos(Counted.BORNE, Counted.IN_SCOPE)),
        limits=draw(uptos(Counted.PAID, Counted.IN_SCOPE)),
        rounding=draw(st.sampled_from(Rounding)),
    )


LASTING = [meter for meter in METERS if meter.per is not Period.VISIT]

readings = st.fixed_dictionaries(dict.fromkeys(LASTING, small))


def walked(in_scope: int, row: Row, read: Mapping[Meter, int]) -> FundShare:
    """Return what is paid, going from the end of one band to that of the next."""
    borne = left(row.deductibles, read, *Counted)
    deductible = min([in_scope, *borne]) if borne else 0
    end = min([in_scope, *left(row.limits, read, Counted.IN_SCOPE)])
    position, paid = Fraction(deductible), Fraction(0)
    while position < end:
        ratio, length = stretch(row, read, position, paid)
        length = min(end - position, length or end - position)
        position, paid = position + length, paid + length * ratio
    return FundShare(deductible, limited(paid, row, read))


def limited(paid: Fraction, row: Row, read: Mapping[Meter, int]) -> int:
    """Return what is paid within the limits on it, rounded."""
    most = min([paid, *map(Fraction, left(row.limits, read, Counted.PAID))])
    half = Fraction(1, 2) if row.rounding is Rounding.HALF_UP else 0
    return int((most + half) // 1)


def left(
    amounts: tuple[Upto, ...], read: Mapping[Meter, int], *counted: Counted
) -> list[int]:
    """Return what is left of the amounts that count one of these."""
    wanted = [one for one in amounts if one.on.of in counted]
    return [max(0, one.fen - read.get(one.on, 0)) for one in wanted]


def stretch(
    row: Row, read: Mapping[Meter, int], position: Fraction, paid: Fraction
) -> tuple[Fraction, Fraction | None]:
    """Return the ratio at a position, and how much cost it holds for; None: without end."""
    on = row.bands_on
    if on is None:
        return Fraction(row.bands[0].ratio_bp, FULL_BP), None
    by_cost = on.of is Counted.IN_SCOPE
    at = read.get(on, 0) + (position if by_cost else paid)
    band = next(b for b in row.bands if isinstance(b.upto, NoLimit) or at < b.upto)
    ratio = Fraction(band.ratio_bp, FULL_BP)
    if isinstance(band.upto, NoLimit):
        return ratio, None
    return ratio, band.upto - at if by_cost else (band.upto - at) / ratio


@settings(max_examples=300)
@given(in_scope=st.integers(0, 6000), row=rows(), read=readings)
def test_it_is_what_a_walk_comes_to(
    in_scope: int, row: Row, read: dict[Meter, int]
) -> None:
    """To the fen, whatever the row and whatever its meters counted before."""
    assert walked(in_scope, row, read) == row_share(in_scope, row, read)


@given(in_scope=st.integers(0, 6000), row=rows(), read=readings)
def test_a_fen_more_pays_none_or_one_more(
    in_scope: int, row: Row, read: dict[Meter, int]
) -> None:
    """No cliff and no fall, and never more than what is above the deductible."""
    less, more = row_share(in_scope, row, read), row_share(in_scope + 1, row, read)
    assert more.fund_fen - less.fund_fen in {0, 1}
    assert less.fund_fen <= in_scope - less.deductible_fen


@given(row=rows(), read=readings)
def test_its_curve_is_what_it_pays(row: Row, read: dict[Meter, int]) -> None:
    """Each step ends where it says with what it says; the last goes on as it says."""
    steps = list(row_steps(row, read))
    assert steps
    assert all(step.until_fen is not None for step in steps[:-1])
    assert steps[-1].until_fen is None
    ends = [step.until_fen or 0 for step in steps[:-1]]
    assert ends == sorted(set(ends))
    for step, end in zip(steps, ends, strict=False):
        deductible = step.kind is StepKind.DEDUCTIBLE
        assert row_share(end, row, read).fund_fen == (
            0 if deductible else step.fund_fen
        )


@given(row=rows(), read=readings)
def test_its_last_step_goes_on_as_it_says(row: Row, read: dict[Meter, int]) -> None:
    """Behind the last end what is paid grows by its ratio, to within two fen: it is rounded
    at both ends, and a band ends within a fen."""
    *ended, last = row_steps(row, read)
    start = max([0, *[step.until_fen or 0 for step in ended]])
    for before, after in pairwise([start, start + 777, start + 50_000]):
        grown = (
            row_share(after, row, read).fund_fen - row_share(before, row, read).fund_fen
        )
        due = Fraction((after - before) * last.ratio_bp, FULL_BP)
        assert abs(grown - due) <= 2


def test_nothing_is_left() -> None:
    """A limit that is used up pays nothing from the first fen."""
    month = Meter(of=Counted.PAID, per=Period.MONTH)
    row = Row(bands=(Band(8000, NO_LIMIT),), limits=(Upto(300, month),))
    [step] = row_steps(row, {month: 300})
    assert (StepKind.LIMIT, None, 0) == (step.kind, step.until_fen, step.fund_fen)


@given(in_scope=st.integers(0, 6000), row=rows(), read=readings)
def test_a_line_tells_its_row(in_scope: int, row: Row, read: dict[Meter, int]) -> None:
    """What a line says is the row and the readings it was decided from."""
    named = {meter: read[meter] for meter in meters_of(row) if meter in read}
    line = Line(
        fen=0,
        payer=Payer.FUND,
        rule=RuleRef("reimbursement", date(2025, 1, 1), ()),
        formula="fund.v2",
        inputs=_inputs_of(in_scope, row, named, Payer.FUND),
        in_words="",
    )
    assert row_inputs(line) == (in_scope, row, named)
