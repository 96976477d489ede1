"""Fill a fund's figures from the answers and the province, and make its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gongji.cities import anhui
from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import paying
from gongji.kit.check.extremes import effects_of
from gongji.kit.newcity.answers import AnswerFault, Answers, CitedAnswer
from gongji.rules.benefits import BonusPoints, NoFund, Oddity, Table, TableClauses
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import FULL_BP
from gongji.rules.terms import LEVELS

PROVINCIAL: Final[Mapping[str, tuple[Clause, ...]]] = {
    "deductible": (c.C58,),
    "year_max": (),
    "ratio": (c.C59, c.C60, c.C61, c.C100),
    "visit_cap": (),
    "pharmacy": (t.T6,),
    "odd": (),
    "retired": (c.C61B,),
    "cap": (c.C62, c.C101),
}
"""What each of the province's figures rests on, if a city leaves it."""

COMMON: Final = (t.T1, t.T13)
"""Rounding and the natural year, in every table."""

UNRANKED: Final = (t.T5,)

UNCOVERED: Final = (paying.T43,)
"""Other kinds of outpatient visit, of which the fund pays nothing."""


def _provincial() -> Table:
    """Return the province's table of the employee scheme."""
    table = anhui.reimbursement()[-1].value[Scheme.EMPLOYEE]
    if not isinstance(table, Table):
        raise TypeError(table)
    return table


COVERED: Final = _provincial().covers
"""Kinds of visit every generated table is for."""

FIELDS: Final = {
    "deductible": "deductible_fen",
    "year_max": "deductible_year_max_fen",
    "ratio": "ratio_bp",
    "retired": "retired",
    "cap": "cap_fen",
    "visit_cap": "visit_cap_fen",
    "pharmacy": "pharmacy",
    "odd": "declared",
}
"""Fields of a table by question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fund:
    """One scheme's figures in fen and basis points, each with its clauses.

    Pharmacy is 0 if nothing is paid there.
    """

    deductible: CitedAnswer
    year_max: CitedAnswer
    ratio: CitedAnswer
    retired: CitedAnswer
    cap: CitedAnswer
    visit_cap: CitedAnswer
    pharmacy: CitedAnswer
    odd: CitedAnswer

    def ratio_of(
        self,
        standing: Standing,
        level: int,
    ) -> int:
        """Return the ratio of a standing at a level, in basis points."""
        active = int(self.ratio.value[level])
        if standing is Standing.ACTIVE:
            return active
        retired = self.retired.value
        if isinstance(retired, BonusPoints):
            return active + retired.above_active_bp
        return int(retired[level])

    def ratio_clauses(self, level: int) -> tuple[Clause, ...]:
        """Return the clauses of one level's ratio."""
        cited = self.ratio.clauses
        # The province has a clause for each level and C100 for all.
        if cited == PROVINCIAL["ratio"]:
            return cited[level - 1], c.C100
        return cited

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Every clause, with those of what all tables share."""
        figures = [getattr(self, field.name) for field in fields(self)]
        cited = [clause for figure in figures for clause in figure.clauses]
        return tuple(
            dict.fromkeys(
                [
                    *cited,
                    *COMMON,
                    *UNRANKED,
                    *UNCOVERED,
                ]
            )
        )


def employee(answers: Answers | None) -> Fund:
    """Return the employee scheme's figures; without answers all are the province's.

    AnswerFault if a ratio of the retired is above 100 %.
    """
    figures = _provincial_figures()
    if answers is not None:
        for name in figures:
            answer = answers.of(f"employee.{name}")
            if answer is not None:
                figures[name] = answer
    fund = Fund(**figures)
    for level, word in LEVELS.items():
        ratio = fund.ratio_of(Standing.RETIRED, level)
        if ratio > FULL_BP:
            raise AnswerFault(
                "employee.retired（退休人员的支付比例）："
                f"{word}合计为{ratio / 100:g}%，不得超过100%"
            )
    return fund


def _provincial_figures() -> dict[str, CitedAnswer]:
    table = _provincial()
    values: dict[str, Any] = {
        "deductible": table.deductible_fen,
        "year_max": table.deductible_year_max_fen,
        "ratio": table.ratio_bp,
        "retired": table.retired,
        "cap": table.cap_fen,
        "visit_cap": table.visit_cap_fen,
        "pharmacy": 0 if isinstance(table.pharmacy, NoFund) else table.pharmacy,
        "odd": frozenset(table.declared),
    }
    return {
        name: CitedAnswer(value, PROVINCIAL[name]) for name, value in values.items()
    }


def resident(answers: Answers) -> Fund | None:
    """Return the resident scheme's figures; None if the fund pays residents nothing."""
    # Unanswered, residents are as the province has them: unpaid.
    if not answers.any("resident"):
        return None
    figures = {
        "year_max": CitedAnswer(NO_LIMIT),
        "visit_cap": CitedAnswer(dict.fromkeys(LEVELS, NO_LIMIT)),
        "pharmacy": CitedAnswer(0, PROVINCIAL["pharmacy"]),
        "retired": CitedAnswer(BonusPoints(above_active_bp=0)),
        "odd": CitedAnswer(frozenset()),
    }
    for name in FIELDS:
        answer = answers.of(f"resident.{name}")
        if answer is not None:
            figures[name] = answer
    # Residents have no standing: one limit holds for both.
    cap = figures["cap"]
    by_standing = dict.fromkeys(Standing, cap.value)
    figures["cap"] = replace(cap, value=by_standing)
    return Fund(**figures)


def table_of(fund: Fund) -> Table:
    """Return the table of these figures, with its effects declared."""
    pharmacy = fund.pharmacy
    odd = fund.odd
    table = Table(
        deductible_fen=fund.deductible.value,
        deductible_year_max_fen=_year_max(fund),
        ratio_bp=fund.ratio.value,
        retired=fund.retired.value,
        cap_fen=fund.cap.value,
        visit_cap_fen=_visit_caps(fund),
        pharmacy=pharmacy.value or NoFund(pharmacy.clauses[0]),
        covers=COVERED,
        uncovered=NoFund(UNCOVERED[0]),
        clauses=_table_clauses(fund),
        # In the order of Oddity, which the source of the table shows.
        declared={oddity: odd.clauses[0] for oddity in Oddity if oddity in odd.value},
    )
    return replace(table, effects=effects_of(table))


def _year_max(fund: Fund) -> int | NoLimit:
    """Return the most deductible of a year, NO_LIMIT if topping up never exceeds it."""
    # "200元、400元、400元, 累计最高400元": true, and nothing a bill could show.
    most = fund.year_max.value
    if isinstance(most, NoLimit) or most >= max(fund.deductible.value.values()):
        return NO_LIMIT
    return int(most)


def _visit_caps(fund: Fund) -> dict[int, int | NoLimit]:
    """Return the limits of a visit, NO_LIMIT where the year's is always reached first."""
    year_caps = fund.cap.value.values()
    if any(isinstance(cap, NoLimit) for cap in year_caps):
        return dict(fund.visit_cap.value)
    highest = max(year_caps)
    return {
        level: NO_LIMIT if isinstance(cap, NoLimit) or cap >= highest else cap
        for level, cap in fund.visit_cap.value.items()
    }


def _table_clauses(fund: Fund) -> TableClauses:
    """Return which clause gives which figure, as settlements and the guide cite them."""
    deductible = (*fund.deductible.clauses, *fund.year_max.clauses)
    always = [
        *deductible,
        *fund.visit_cap.clauses,
        *fund.cap.clauses,
        *COMMON,
    ]
    return TableClauses(
        always=tuple(dict.fromkeys(always)),
        ratio={level: fund.ratio_clauses(level) for level in LEVELS},
        retired=fund.retired.clauses,
        unranked=UNRANKED,
        deductible=(*deductible, t.T13),
        cap=(*fund.cap.clauses, t.T13),
        pharmacy=fund.pharmacy.clauses if fund.pharmacy.value else (),
        rounding=(t.T1,),
    )


def above(fund: Fund) -> dict[str, tuple[Clause, ...]]:
    """Return the clauses that stand above each field of the table in its source."""
    cited = {field: getattr(fund, name).clauses for name, field in FIELDS.items()}
    # A field that is left out has nothing above it: its clause goes to what it bounds.
    if isinstance(_year_max(fund), NoLimit):
        year_max = cited.pop(FIELDS["year_max"])
        both = (*cited[FIELDS["deductible"]], *year_max)
        cited[FIELDS["deductible"]] = tuple(dict.fromkeys(both))
    return cited
