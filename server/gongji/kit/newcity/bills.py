"""Write the cases of a table's bills (账单): every figure met at its edge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Final

from gongji.kit.newcity.amounts import beyond_limits, first_bill, half_a_fen
from gongji.kit.newcity.funds import COMMON, COVERED, UNCOVERED, UNRANKED, Fund
from gongji.kit.newcity.reckoning import Year, percent, written, yuan
from gongji.kit.newcity.telling import Person, Step, Story, people
from gongji.kit.newcity.visits import settle, unpaid
from gongji.rules.binding import NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import Standing, VisitKind
from gongji.rules.terms import LEVELS

_MOST_VISITS: Final = 60
"""Visits after which a case gives up reaching a yearly cap."""

KINDS: Final = {
    VisitKind.OUTPATIENT: "普通门诊",
    VisitKind.REGISTRATION: "挂号",
    VisitKind.PHARMACY: "药店购药",
    VisitKind.EMERGENCY: "急诊",
    VisitKind.SPECIAL_DRUG: "特药",
    VisitKind.MATERNITY: "生育门诊",
    VisitKind.TWO_DISEASES: "门诊两病",
    VisitKind.ACCIDENT: "意外伤害",
}
"""Kinds of visit as a case names them; others are settled elsewhere."""

_EMPLOYEES: Final = {Standing.ACTIVE: "在职", Standing.RETIRED: "退休"}

_RESIDENTS: Final = {Standing.ACTIVE: "居民"}

_TOPPING_UP: Final = Decimal(2000)
"""A bill above every deductible of a level."""

_AFTERWARDS: Final = Decimal(1000)


class BillCases:
    """The cases of one scheme's table; `words` name its insured by their standing."""

    def __init__(
        self,
        prefix: str,
        scheme: str,
        words: Mapping[Standing, str],
        *,
        area_code: str,
        now: datetime,
        fund: Fund,
    ) -> None:
        self._prefix = prefix
        self._scheme = scheme
        self._words = words
        self._area_code = area_code
        self._now = now
        self._fund = fund

    def stories(self) -> Iterator[Story]:
        """Yield all of them."""
        for standing in self._words:
            yield self._first_visits(standing)
        yield self._edges()
        yield from self._topping_up()
        yield from self._visit_caps()
        for standing in self._words:
            yield from self._cap(standing)
        yield self._pharmacy()
        yield self._kinds()

    # --- deductible and ratio ---------------------------------------------------------

    def _first_visits(self, standing: Standing) -> Story:
        """Return the first visit of the year at each level."""
        fund = self._fund
        retired = fund.retired.clauses if standing is Standing.RETIRED else ()
        cited = [*fund.deductible.clauses, *retired]
        # The last of them visits an institution of no level.
        persons = self._people(len(LEVELS) + 1, standing)
        steps = []
        for person, level in zip(persons, LEVELS, strict=False):
            clauses = [*cited, *fund.ratio_clauses(level)]
            steps.append(
                self._first_visit(
                    person,
                    standing,
                    level,
                    cited=clauses,
                )
            )
        unranked = self._first_visit(
            persons[-1], standing, 1, at="未定级", cited=UNRANKED
        )
        return self._story(
            f"FIRST-{standing.name}",
            says=self._first_visits_in_words(standing),
            cited=[*cited, *fund.ratio.clauses],
            persons=persons,
            steps=[*steps, unranked],
        )

    def _first_visits_in_words(self, standing: Standing) -> str:
        year = Year(self._fund, standing)
        deductibles = [year.deductible(level) for level in LEVELS]
        ratios = [percent(self._fund.ratio_of(standing, level)) for level in LEVELS]
        return (
            f"{self._who(standing)}当年首次就诊，"
            f"一、二、三级先自付起付标准{_in_words(deductibles)}元，"
            f"其余按{_in_words(ratios)}%支付；未定级机构按一级。"
        )

    def _edges(self) -> Story:
        """Return a bill of the deductible exactly, and one whose share is rounded."""
        fund = self._fund
        persons = self._people(len(LEVELS))
        steps = []
        for person, level in zip(persons, LEVELS, strict=True):
            year = Year(fund, Standing.ACTIVE)
            # A bill of nothing is none: without a deductible it is one yuan.
            deductible = year.deductible(level) or Decimal(1)
            rounded = half_a_fen(fund, Standing.ACTIVE, level)
            steps.append(settle(person, deductible, year, level))
            steps.append(settle(person, rounded, year, level))
        says = (
            f"{self._scheme}费用恰为起付标准时统筹基金不支付，"
            "其后的费用按比例支付，四舍五入到分。"
        )
        cited = [*fund.deductible.clauses, *fund.ratio.clauses]
        return self._story(
            "EDGE",
            says=says,
            cited=cited,
            persons=persons,
            steps=steps,
        )

    def _topping_up(self) -> Iterator[Story]:
        """Yield the deductible made up from level to level, within its yearly maximum."""
        deductible = self._fund.deductible
        year_max = self._fund.year_max
        unlimited = isinstance(year_max.value, NoLimit)
        # One deductible at all levels and no maximum: there is nothing to make up.
        if unlimited and len(set(deductible.value.values())) == 1:
            return
        (person,) = self._people(1)
        year = Year(self._fund, Standing.ACTIVE)
        steps = [settle(person, _TOPPING_UP, year, level) for level in LEVELS]
        limit = f"，一年累计不超过{written(yuan(year_max.value))}元"
        says = (
            f"{self._scheme}一年内先后在一、二、三级就诊的，"
            f"起付标准只补足差额{'' if unlimited else limit}。"
        )
        cited = [*deductible.clauses, *year_max.clauses]
        yield self._story(
            "TOP-UP",
            says=says,
            cited=cited,
            persons=[person],
            steps=steps,
        )

    # --- limits -----------------------------------------------------------------------

    def _visit_caps(self) -> Iterator[Story]:
        """Yield a bill at each level whose share is above what one visit may get."""
        visit_cap = self._fund.visit_cap
        caps = {level: yuan(cap) for level, cap in visit_cap.value.items()}
        limited = [level for level, cap in caps.items() if not cap.is_infinite()]
        if not limited:
            return
        pairs = list(product(self._words, limited))
        persons = people(self._area_code, [self._words[pair[0]] for pair in pairs])
        limits = [f"{LEVELS[level]}{written(caps[level])}元" for level in limited]
        says = (
            f"{self._scheme}每次就诊统筹基金最多支付{'、'.join(limits)}，"
            "再多的费用由本人负担。"
        )
        yield self._story(
            "VISIT-CAP",
            says=says,
            cited=visit_cap.clauses,
            persons=persons,
            steps=list(map(self._beyond_limits, persons, pairs)),
        )

    def _beyond_limits(
        self,
        patient: Person,
        row: tuple[Standing, int],
    ) -> Step:
        standing, level = row
        in_scope = beyond_limits(self._fund, standing, level)
        return settle(
            patient,
            in_scope,
            Year(self._fund, standing),
            level,
        )

    def _cap(self, standing: Standing) -> Iterator[Story]:
        """Yield visits up to the yearly cap of a standing, and one more."""
        cap = yuan(self._fund.cap.value[standing])
        if cap.is_infinite():
            return
        persons = self._people(1, standing)
        says = (
            f"{self._who(standing)}一年内统筹基金最多支付{written(cap)}元，"
            "用完之后的费用由本人负担。"
        )
        yield self._story(
            f"CAP-{standing.name}",
            says=says,
            cited=self._fund.cap.clauses,
            persons=persons,
            steps=self._up_to_the_cap(persons[0], standing, cap),
        )

    def _up_to_the_cap(
        self, patient: Person, standing: Standing, cap: Decimal
    ) -> list[Step]:
        fund = self._fund
        visit_caps = fund.visit_cap.value
        # The level that pays most a visit reaches the cap in the fewest visits.
        level = max(LEVELS, key=lambda level: min(yuan(visit_caps[level]), cap))
        in_scope = beyond_limits(fund, standing, level)
        year = Year(fund, standing)
        steps: list[Step] = []
        paid = Decimal(0)
        while paid < cap and len(steps) < _MOST_VISITS:
            step = settle(patient, in_scope, year, level)
            steps.append(step)
            paid += step["expect"]["fund"]
        return [*steps, settle(patient, _AFTERWARDS, year, level)]

    # --- places and kinds -------------------------------------------------------------

    def _pharmacy(self) -> Story:
        """Return a pharmacy, as the level it counts as, or unpaid."""
        (person,) = self._people(1)
        level = self._fund.pharmacy.value
        cited = self._fund.pharmacy.clauses
        if level:
            step = self._first_visit(
                person,
                Standing.ACTIVE,
                level,
                at="药店",
            )
            result = f"按{LEVELS[level]}医疗机构的起付标准和比例支付"
        else:
            step = unpaid(person, "药店", _AFTERWARDS)
            step["expect"]["clauses"] = [clause.id for clause in cited[:1]]
            result = "统筹基金不支付，由本人负担"
        says = f"{self._scheme}在定点药店购药，{result}。"
        return self._story(
            "PHARMACY",
            says=says,
            cited=cited,
            persons=[person],
            steps=[step],
        )

    def _kinds(self) -> Story:
        """Return every kind of visit: paid if the table covers it, else without the fund."""
        persons = self._people(len(KINDS))
        steps = []
        for person, (kind, word) in zip(persons, KINDS.items(), strict=True):
            step = self._first_visit(person, Standing.ACTIVE, 1)
            if kind not in COVERED:
                step = unpaid(person, LEVELS[1], _AFTERWARDS)
                step["expect"]["clauses"] = [clause.id for clause in UNCOVERED]
            step["settle"]["kind"] = word
            steps.append(step)
        paid = "、".join(word for kind, word in KINDS.items() if kind in COVERED)
        says = f"{self._scheme}的{paid}按门诊待遇结算，其他门诊类别照常结算，统筹基金不支付。"
        return self._story(
            "KINDS",
            says=says,
            cited=[*COMMON, *UNCOVERED],
            persons=persons,
            steps=steps,
        )

    def _who(self, standing: Standing) -> str:
        """Return what the insured of a standing are called."""
        # A scheme of one standing need not name it.
        word = self._words[standing] if len(self._words) > 1 else "参保"
        return f"{self._scheme}{word}人员"

    def _people(
        self,
        count: int,
        standing: Standing = Standing.ACTIVE,
    ) -> list[Person]:
        return people(self._area_code, [self._words[standing]] * count)

    def _first_visit(
        self,
        patient: Person,
        standing: Standing,
        level: int,
        *,
        at: str = "",
        cited: Iterable[Clause] = (),
    ) -> Step:
        """Return a first visit that passes the deductible and meets no limit."""
        in_scope = first_bill(self._fund, standing, level)
        year = Year(self._fund, standing)
        return settle(
            patient,
            in_scope,
            year,
            level,
            at=at,
            cited=cited,
        )

    def _story(
        self,
        number: str,
        says: str,
        cited: Iterable[Clause],
        persons: list[Person],
        steps: list[Step],
    ) -> Story:
        return Story(
            f"{self._prefix}-{number}",
            says=says,
            clauses=tuple(cited),
            now=self._now,
            people=persons,
            steps=steps,
        )


def of_employees(
    pinyin: str,
    area_code: str,
    now: datetime,
    fund: Fund,
) -> BillCases:
    """Return the cases of the employee scheme."""
    return BillCases(
        f"{pinyin.upper()}-EMPLOYEE",
        "职工医保",
        _EMPLOYEES,
        area_code=area_code,
        now=now,
        fund=fund,
    )


def of_residents(
    pinyin: str,
    area_code: str,
    now: datetime,
    fund: Fund,
) -> BillCases:
    """Return the cases of the resident scheme."""
    return BillCases(
        f"{pinyin.upper()}-RESIDENT",
        "城乡居民医保",
        _RESIDENTS,
        area_code=area_code,
        now=now,
        fund=fund,
    )


def _in_words(figures: Sequence[Decimal]) -> str:
    """Return figures in a sentence, only one if all are the same."""
    words = [written(figure) for figure in figures]
    if len(set(words)) == 1:
        return words[0]
    return "、".join(words)
