"""What the fund and further payers pay of a bill, and what their meters count of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.facts import Facts
from gongji.model.settlement import Accumulator
from gongji.rules.codes import pooling_area
from gongji.rules.shapes import Meter, Row
from gongji.settlement.admission import InsuredVisit
from gongji.settlement.entitlement import FundTerms, FurtherTerms
from gongji.settlement.meters import Counting, counted_by, read_meters
from gongji.settlement.rows import Readings, ratio_reached, row_share, row_steps
from gongji.settlement.split import (
    FlatRow,
    FundShare,
    FundStep,
    Used,
    fund_share,
    fund_steps,
)


class FurtherPaid(Struct, frozen=True):
    """What a further payer paid of an amount that was left in scope, and on which meters."""

    terms: FurtherTerms
    left_fen: int
    read: Readings
    share: FundShare


class FundPaid(Struct, frozen=True):
    """What the fund paid, on which readings, and what further payers paid of the rest.

    `used` are those of a table's row, `read` those of any other; `meters_before` and
    `meters_added` are the readings that are kept, by key.
    """

    share: FundShare
    used: Used
    ratio_bp: int = 0
    read: Readings = {}
    further: tuple[FurtherPaid, ...] = ()
    meters_before: dict[str, int] = {}
    meters_added: dict[str, int] = {}

    @property
    def further_fen(self) -> int:
        """Return what further payers paid, in fen."""
        # hot path: a list is quicker than a generator for so few.
        return sum([one.share.fund_fen for one in self.further])


def fund_paid(
    case: InsuredVisit, terms: FundTerms, before: Accumulator, facts: Facts
) -> FundPaid:
    """Return what is paid of a bill in scope, whoever pays it but purses and patient."""
    used = _used(before)
    in_scope = case.bill.in_scope_fen
    benefit = terms.benefit
    # hot path: a table's row has no meters of its own, and nobody pays after the fund.
    if not (isinstance(benefit, Row) or terms.further):
        share = fund_share(in_scope, benefit, used)
        return FundPaid(share, used, benefit.ratio_bp if benefit else 0)
    return _counted(case, terms, before, facts)


def _counted(
    case: InsuredVisit, terms: FundTerms, before: Accumulator, facts: Facts
) -> FundPaid:
    own, in_scope = counting_of(case), case.bill.in_scope_fen
    paid = FundPaid(FundShare(), _used(before))
    if isinstance(terms.benefit, Row):
        read = read_meters(terms.benefit, own, before, facts)
        paid = _by_row(in_scope, terms.benefit, read, paid.used)
    left = in_scope - paid.share.fund_fen
    further = tuple(_further(terms.further, left, own, before, facts))
    counted = list(counted_by(paid.read, own, in_scope, paid.share))
    for one in further:
        counting = replace(own, payer=one.terms.payer)
        counted += counted_by(one.read, counting, one.left_fen, one.share)
    return replace(paid, further=further, **_readings(counted))


def _used(before: Accumulator) -> Used:
    return Used(before.deductible_used_fen, before.fund_paid_fen)


def _by_row(in_scope_fen: int, row: Row, read: Readings, used: Used) -> FundPaid:
    share = row_share(in_scope_fen, row, read)
    return FundPaid(share, used, ratio_reached(in_scope_fen, row, read), read)


def _further(
    terms: Iterable[FurtherTerms],
    left_fen: int,
    own: Counting,
    before: Accumulator,
    facts: Facts,
) -> Iterator[FurtherPaid]:
    """Yield what each further payer pays of what those before it left."""
    for one in terms:
        read = read_meters(one.row, replace(own, payer=one.payer), before, facts)
        share = row_share(left_fen, one.row, read)
        yield FurtherPaid(one, left_fen, read, share)
        left_fen -= share.fund_fen


def steps_of(benefit: FlatRow | Row | None, paid: FundPaid) -> Iterator[FundStep]:
    """Yield how the fund pays as the amount in scope grows, on the readings of a bill."""
    if isinstance(benefit, Row):
        return row_steps(benefit, paid.read)
    return fund_steps(benefit, paid.used)


def share_of(
    in_scope_fen: int, benefit: FlatRow | Row | None, paid: FundPaid
) -> FundShare:
    """Return what the fund would pay of another amount, on the readings of a bill."""
    if isinstance(benefit, Row):
        return row_share(in_scope_fen, benefit, paid.read)
    return fund_share(in_scope_fen, benefit, paid.used)


def read_for(
    case: InsuredVisit, row: Row, before: Accumulator, facts: Facts
) -> dict[Meter, int]:
    """Return what the meters of a row counted before a visit."""
    return read_meters(row, counting_of(case), before, facts)


def counting_of(case: InsuredVisit) -> Counting:
    """Return whose meters a visit counts on."""
    return Counting(
        case.patient.person_no,
        case.enrolment.scheme,
        pooling_area(case.city.area_code),
        case.bill.service_day,
    )


def _readings(
    counted: Iterable[tuple[str, int, int]],
) -> dict[str, dict[str, int]]:
    """Return each reading before, and what was added to those that changed."""
    return {
        "meters_before": {key: fen for key, fen, _ in counted},
        "meters_added": {key: more for key, _, more in counted if more},
    }
