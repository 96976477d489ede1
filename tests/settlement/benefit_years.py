"""A year asked in memory, and its breakpoints confirmed by Quote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any, Final, TypeAlias

from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import VisitKind
from gongji.settlement.benefit_year import BenefitYear, SchemeYear, ShowBenefitYear
from gongji.settlement.next_bill import LevelBenefit, first_ratio_of
from gongji.settlement.split import FundStep, StepKind

from tests.scaffold.world import World

FAR: Final = 50_000_000
"""An amount in scope beyond every breakpoint, in fen."""

Ask: TypeAlias = Callable[[int], Settlement]
"""Quotes so many fen in scope."""


def told(
    world: World,
    patient: str = "P1",
    day: date | None = None,
    service_day: date | None = None,
) -> BenefitYear:
    """What the year stands at, as the service asks it."""
    counted = [a.key for a in world.all(Accumulator) if a.person_no == patient]
    query = ShowBenefitYear(patient, "", day, service_day, tuple(counted), world.cities)
    return world.decide(query).answer


def only(year: BenefitYear) -> SchemeYear:
    [one] = year.schemes
    return one


def at_each_level(world: World, year: SchemeYear) -> Iterator[tuple[LevelBenefit, str]]:
    """Each level, and the code of an institution of it where the patient is insured."""
    assert year.next_bill
    area = f"{year.used.pooling_area}00"
    for level in year.next_bill.levels:
        hosp_lv = level.grade.hosp_lv
        place = world.hospital(hosp_lv, area, code=f"H{area}{hosp_lv:05d}")
        yield level, place.code


def quoted(
    world: World,
    year: SchemeYear,
    level: LevelBenefit,
    code: str,
    fen: int,
    **more: Any,
) -> Settlement:
    """A quote of so many fen in scope; of none, of a fen out of the catalogue."""
    kind = VisitKind.OUTPATIENT
    if level.grade.is_pharmacy:
        kind = VisitKind.PHARMACY
    parts = {"total_fen": fen} if fen else {"total_fen": 1, "out_of_catalogue_fen": 1}
    bill = world.visit(
        year.used.person_no,
        fen,
        institution_code=code,
        visit_kind=kind,
        scheme=year.used.scheme,
        **(parts | more),
    )
    return world.quote(bill)


def confirm(world: World, year: SchemeYear, **more: Any) -> None:
    """Have Quote confirm every level: each breakpoint, and one fen on either side."""
    for level, code in at_each_level(world, year):
        quote = partial(quoted, world, year, level, code, **more)
        ratio_bp = first_ratio_of(level.terms.benefit)
        next_yuan = quote(fen=100)
        assert (level.next_yuan_fen, level.terms.level, ratio_bp) == (
            next_yuan.fund_fen,
            next_yuan.level,
            next_yuan.ratio_bp,
        )
        begin = 0
        for under in level.steps:
            if under.step.until_fen is None:
                _confirm_last(under.step, begin, quote)
            else:
                _confirm_end(under.step, under.step.until_fen, quote)
                begin = under.step.until_fen
        assert level.steps[-1].step.until_fen is None


def _confirm_end(step: FundStep, end: int, quote: Ask) -> None:
    """Have Quote confirm where a step ends, and a fen on either side."""
    around = [quote(fen) for fen in (end - 1, end, end + 1)]
    paid = [one.fund_fen for one in around]
    if step.kind is StepKind.DEDUCTIBLE:
        assert [end - 1, end, end] == [one.deductible_fen for one in around]
        assert [0, 0] == paid[:2]
    else:
        assert paid[0] < step.fund_fen == paid[1] == paid[2]


def _confirm_last(step: FundStep, begin: int, quote: Ask) -> None:
    """Have Quote confirm a step without end."""
    if step.kind is StepKind.RATIO:
        # So many that no rounding shows.
        risen = quote(begin + 10_000).fund_fen - quote(begin).fund_fen
        assert risen == step.ratio_bp
    else:
        most = [quote(fen).fund_fen for fen in (begin, begin + 1, FAR)]
        assert [step.fund_fen] * 3 == most
