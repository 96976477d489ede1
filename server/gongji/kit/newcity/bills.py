"""Cases about money: every figure of a table met at its edge, with what follows from
the answers by arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from gongji.kit.newcity.funds import COMMON, COVERED, UNRANKED, Fund
from gongji.kit.newcity.reckoning import CENT, PaidParts, Year, percent, written, yuan
from gongji.kit.newcity.telling import Story, instant, people
from gongji.rules.binding import NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import Standing, VisitKind
from gongji.rules.terms import LEVELS

ODD: Final = Decimal("333.33")
"""An amount whose share needs rounding at most ratios."""

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
"""Kinds of visit as a case names them; inpatient and chronic ones are settled elsewhere."""

_STANDINGS: Final = {Standing.ACTIVE: "在职", Standing.RETIRED: "退休"}


class Bills:
    """The cases of one scheme's table; `standings` are the words for those insured in it."""

    def __init__(
        self,
        prefix: str,
        scheme: str,
        standings: dict[Standing, str],
        *,
        area_code: str,
        now: datetime,
        fund: Fund,
    ) -> None:
        self._prefix = prefix
        self._scheme = scheme
        alone = len(standings) == 1
        self._who = {
            standing: f"{scheme}{'参保' if alone else word}人员"
            for standing, word in standings.items()
        }
        self._area_code = area_code
        self._now = now
        self._fund = fund
        self._standings = standings

    def stories(self) -> Iterator[Story]:
        """All of them."""
        yield from self._first_visits()
        yield self._edges()
        yield from self._topping_up()
        yield from self._visit_caps()
        yield from self._caps()
        yield self._pharmacy()
        yield self._kinds()

    def _first_visits(self) -> Iterator[Story]:
        """The first visit of the year at each level, for each standing."""
        figures = self._fund
        for standing, word in self._standings.items():
            ratios = [percent(figures.ratio_of(standing, level)) for level in LEVELS]
            borne = [Year(figures, standing).deductible(level) for level in LEVELS]
            cited = [*figures.deductible.clauses, *self._retired(standing)]
            who = people(self._area_code, [word] * (len(LEVELS) + 1))
            steps = [
                self._at(
                    person,
                    standing,
                    level,
                    cited=[*cited, *figures.ratio_clauses(level)],
                )
                for person, level in zip(who, LEVELS, strict=False)
            ]
            steps.append(self._at(who[-1], standing, 1, at="未定级", cited=UNRANKED))
            says = (
                f"{self._who[standing]}当年首次就诊，一、二、三级先自付起付标准{_told(borne)}元，"
                f"其余按{_told(ratios)}%支付；未定级机构按一级。"
            )
            yield self._story(
                f"FIRST-{standing.name}",
                says,
                [*cited, *figures.ratio.clauses],
                who,
                steps,
            )

    def _edges(self) -> Story:
        """A bill of the deductible exactly, and the next one, whose share is rounded."""
        standing, word = next(iter(self._standings.items()))
        who = people(self._area_code, [word] * len(LEVELS))
        steps = []
        for person, level in zip(who, LEVELS, strict=True):
            year = Year(self._fund, standing)
            steps.append(
                _settle(person, year.deductible(level) or Decimal(1), year, level)
            )
            steps.append(
                _settle(person, self._half_a_fen(standing, level), year, level)
            )
        says = (
            f"{self._scheme}费用恰为起付标准时统筹基金不支付，其后的费用按比例支付，"
            "四舍五入到分。"
        )
        cited = [*self._fund.deductible.clauses, *self._fund.ratio.clauses]
        return self._story("EDGE", says, cited, who, steps)

    def _topping_up(self) -> Iterator[Story]:
        """The deductible made up from level to level, within its yearly maximum."""
        figures = self._fund
        if len(set(figures.deductible.value.values())) == 1 and isinstance(
            figures.year_max.value, NoLimit
        ):
            return
        standing, word = next(iter(self._standings.items()))
        year, (person,) = Year(figures, standing), people(self._area_code, [word])
        steps = [_settle(person, Decimal(2000), year, level) for level in LEVELS]
        most = figures.year_max.value
        limit = (
            ""
            if isinstance(most, NoLimit)
            else f"，一年累计不超过{written(yuan(most))}元"
        )
        says = (
            f"{self._scheme}一年内先后在一、二、三级就诊的，起付标准只补足差额{limit}。"
        )
        yield self._story(
            "TOP-UP",
            says,
            [*figures.deductible.clauses, *figures.year_max.clauses],
            [person],
            steps,
        )

    def _visit_caps(self) -> Iterator[Story]:
        """A bill at each level whose share is above what one visit may get."""
        figures = self._fund
        limits = {
            level: limit
            for level, limit in figures.visit_cap.value.items()
            if not isinstance(limit, NoLimit)
        }
        if not limits:
            return
        steps: list[dict[str, Any]] = []
        who = people(
            self._area_code, [word for word in self._standings.values() for _ in limits]
        )
        pairs = [(standing, level) for standing in self._standings for level in limits]
        for person, (standing, level) in zip(who, pairs, strict=True):
            year = Year(figures, standing)
            steps.append(_settle(person, self._enough(standing, level), year, level))
        told = "、".join(
            f"{LEVELS[level]}{written(yuan(limit))}元"
            for level, limit in limits.items()
        )
        says = f"{self._scheme}每次就诊统筹基金最多支付{told}，再多的费用由本人负担。"
        yield self._story("VISIT-CAP", says, figures.visit_cap.clauses, who, steps)

    def _caps(self) -> Iterator[Story]:
        """Visits up to the yearly cap of each standing, and one more."""
        for standing, word in self._standings.items():
            cap = self._fund.cap.value[standing]
            if isinstance(cap, NoLimit):
                continue
            level = max(
                LEVELS,
                key=lambda level: min(
                    yuan(self._fund.visit_cap.value[level]), yuan(cap)
                ),
            )
            year, (person,) = (
                Year(self._fund, standing),
                people(self._area_code, [word]),
            )
            steps: list[dict[str, Any]] = []
            paid = Decimal(0)
            while paid < yuan(cap) and len(steps) < _MOST_VISITS:
                steps.append(
                    _settle(person, self._enough(standing, level), year, level)
                )
                paid += steps[-1]["expect"]["fund"]
            steps.append(_settle(person, Decimal(1000), year, level))
            says = (
                f"{self._who[standing]}一年内统筹基金最多支付{written(yuan(cap))}元，"
                "用完之后的费用由本人负担。"
            )
            yield self._story(
                f"CAP-{standing.name}", says, self._fund.cap.clauses, [person], steps
            )

    def _pharmacy(self) -> Story:
        """A pharmacy, as the level it counts as, or unpaid."""
        standing, word = next(iter(self._standings.items()))
        (person,), level = people(self._area_code, [word]), self._fund.pharmacy.value
        if level:
            steps = [self._at(person, standing, level, at="药店")]
            says = f"{self._scheme}在定点药店购药，按{LEVELS[level]}医疗机构的起付标准和比例支付。"
        else:
            told = {
                "fund": Decimal(0),
                "cash": Decimal(1000),
                "clauses": [c.id for c in self._fund.pharmacy.clauses[:1]],
            }
            steps = [
                {
                    "settle": {
                        "patient": person["name"],
                        "at": "药店",
                        "in_scope": Decimal(1000),
                    },
                    "expect": told,
                }
            ]
            says = f"{self._scheme}在定点药店购药，统筹基金不支付，由本人负担。"
        return self._story(
            "PHARMACY", says, self._fund.pharmacy.clauses, [person], steps
        )

    def _at(
        self,
        patient: dict[str, Any],
        standing: Standing,
        level: int,
        *,
        at: str = "",
        cited: Iterable[Clause] = (),
    ) -> dict[str, Any]:
        """A first visit that passes the deductible and meets no limit."""
        year = Year(self._fund, standing)
        in_scope = year.deductible(level) + self._within(standing, level)
        return _settle(patient, in_scope, year, level, at=at, cited=cited)

    def _within(self, standing: Standing, level: int) -> Decimal:
        """At most 1000 yuan beyond the deductible, whose share is below every limit
        that applies to one visit."""
        limits = (self._fund.visit_cap.value[level], self._fund.cap.value[standing])
        if all(isinstance(limit, NoLimit) for limit in limits):
            return Decimal(1000)
        most = (
            min(yuan(limit) for limit in limits)
            * 100
            / percent(self._fund.ratio_of(standing, level))
        )
        return max(CENT, min(Decimal(1000), (most - 1).to_integral_value(ROUND_FLOOR)))

    def _half_a_fen(self, standing: Standing, level: int) -> Decimal:
        """An amount within every limit whose share ends in half a fen, if the ratio has
        one; else an odd one."""
        ratio, most = (
            percent(self._fund.ratio_of(standing, level)),
            self._within(standing, level),
        )
        found = (
            fen
            for fen in range(5_00, 15_00)
            if fen * ratio % 100 == 50 and Decimal(fen) / 100 <= most
        )
        fen = next(found, 0)
        return Decimal(fen) / 100 if fen else min(ODD, most)

    def _kinds(self) -> Story:
        """Every kind of visit there is: settled where the table is for it, else refused by name."""
        standing, word = next(iter(self._standings.items()))
        who = people(self._area_code, [word] * len(KINDS))
        steps = []
        for person, (kind, told) in zip(who, KINDS.items(), strict=True):
            step = self._at(person, standing, 1)
            step["settle"]["kind"] = told
            steps.append(
                step
                if kind in COVERED
                else step | {"expect": {"refused": "UNSUPPORTED_VISIT_KIND"}}
            )
        paid = "、".join(told for kind, told in KINDS.items() if kind in COVERED)
        says = f"{self._scheme}的{paid}按门诊待遇结算，其他医疗类别不在此结算。"
        return self._story("KINDS", says, COMMON, who, steps)

    def _enough(self, standing: Standing, level: int) -> Decimal:
        """A bill whose share is above every limit that applies to one visit."""
        limits = (self._fund.visit_cap.value[level], self._fund.cap.value[standing])
        most = min(yuan(limit) for limit in limits)
        ratio = percent(self._fund.ratio_of(standing, level))
        needed = yuan(self._fund.deductible.value[level]) + most * 100 / ratio
        return needed.quantize(Decimal(1), ROUND_CEILING) + 100

    def _retired(self, standing: Standing) -> tuple[Clause, ...]:
        return self._fund.retired.clauses if standing is Standing.RETIRED else ()

    def _story(
        self,
        number: str,
        says: str,
        clauses: Iterable[Clause],
        who: list[dict[str, Any]],
        steps: list[dict[str, Any]],
    ) -> Story:
        return Story(
            f"{self._prefix}-{number}", says, tuple(clauses), self._now, who, steps
        )


def first_day(
    pinyin: str,
    area_code: str,
    since: datetime,
    *,
    before: Fund,
    after: Fund,
    residents: Fund | None,
) -> Story:
    """The same bills on the eve, as the province has them, and on the first day, as the
    city has them."""
    who = people(area_code, ["在职", "在职", *(["居民", "居民"] if residents else [])])
    cited, bill = [*after.deductible.clauses, *after.ratio_clauses(3)], Decimal(1500)
    steps: list[dict[str, Any]] = [
        _settle(who[0], bill, Year(before, Standing.ACTIVE), 3)
    ]
    if residents:
        unpaid = {"settle": {"patient": who[2]["name"], "at": "三级", "in_scope": bill}}
        steps.append(unpaid | {"expect": {"fund": Decimal(0), "cash": bill}})
    steps.append({"clock": instant(since)})
    steps.append(_settle(who[1], bill, Year(after, Standing.ACTIVE), 3, cited=cited))
    if residents:
        steps.append(
            _settle(
                who[3],
                bill,
                Year(residents, Standing.ACTIVE),
                3,
                cited=residents.ratio.clauses,
            )
        )
        cited += residents.ratio.clauses
    says = f"{since:%Y年%m月%d日}起按本市的门诊待遇结算，前一日仍按省级规则。"
    return Story(
        f"{pinyin.upper()}-FIRST-DAY",
        says,
        cited,
        since - timedelta(minutes=1),
        who,
        steps,
    )


def of_employees(pinyin: str, area_code: str, now: datetime, fund: Fund) -> Bills:
    """The cases of the employee scheme."""
    who = dict(_STANDINGS)
    return Bills(
        f"{pinyin.upper()}-EMPLOYEE",
        "职工医保",
        who,
        area_code=area_code,
        now=now,
        fund=fund,
    )


def of_residents(pinyin: str, area_code: str, now: datetime, fund: Fund) -> Bills:
    """The cases of the resident scheme."""
    who = {Standing.ACTIVE: "居民"}
    return Bills(
        f"{pinyin.upper()}-RESIDENT",
        "城乡居民医保",
        who,
        area_code=area_code,
        now=now,
        fund=fund,
    )


def _settle(
    patient: dict[str, Any],
    in_scope: Decimal,
    year: Year,
    level: int,
    *,
    at: str = "",
    cited: Iterable[Clause] = (),
) -> dict[str, Any]:
    """A bill at an institution of a level, or at one that counts as it, and what must
    come of it."""
    paid: PaidParts = year.visit(level, in_scope)
    expect: dict[str, Any] = {
        "deductible": paid.deductible,
        "ratio": f"{written(paid.ratio)}%",
        "fund": paid.fund,
    }
    expect["cash"] = paid.rest
    if numbers := list(dict.fromkeys(clause.id for clause in cited)):
        expect["clauses"] = numbers
    return {
        "settle": {
            "patient": patient["name"],
            "at": at or LEVELS[level],
            "in_scope": in_scope,
        },
        "expect": expect,
    }


def _told(figures: Sequence[Decimal]) -> str:
    """Figures in a sentence: one where all are the same."""
    told = list(dict.fromkeys(written(figure) for figure in figures))
    return told[0] if len(told) == 1 else "、".join(map(written, figures))
