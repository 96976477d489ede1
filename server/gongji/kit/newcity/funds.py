"""What a city's fund pays as the answers say it, the province's figures filled in; and
the table made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gongji.cities import anhui
from gongji.cities.anhui import clauses as c
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
    "pharmacy": (c.T6,),
    "odd": (),
    "retired": (c.C61B,),
    "cap": (c.C62, c.C101),
}
"""What each of the province's figures rests on, where a city leaves it."""

COMMON: Final = (c.T1, c.T13)
"""Rounding and the natural year, in every table."""

UNRANKED: Final = (c.T5,)


def _provincial() -> Table:
    """The province's table of the employee scheme."""
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
    """One scheme's figures in fen and basis points, each with its clauses; pharmacy 0
    where nothing is paid there."""

    deductible: CitedAnswer
    year_max: CitedAnswer
    ratio: CitedAnswer
    retired: CitedAnswer
    cap: CitedAnswer
    visit_cap: CitedAnswer
    pharmacy: CitedAnswer
    odd: CitedAnswer

    def ratio_of(self, standing: Standing, level: int) -> int:
        """The ratio of a standing at a level, in basis points."""
        more = self.retired.value
        if standing is Standing.ACTIVE:
            return int(self.ratio.value[level])
        return int(
            self.ratio.value[level] + more.above_active_bp
            if isinstance(more, BonusPoints)
            else more[level]
        )

    def ratio_clauses(self, level: int) -> tuple[Clause, ...]:
        """The clauses of one level's ratio; the province has one for each."""
        provincial = self.ratio.clauses == PROVINCIAL["ratio"]
        return (
            (self.ratio.clauses[level - 1], c.C100)
            if provincial
            else self.ratio.clauses
        )

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Every clause, those of what all tables share included."""
        cited = [
            clause
            for figure in fields(self)
            for clause in getattr(self, figure.name).clauses
        ]
        return tuple(dict.fromkeys([*cited, *COMMON, *UNRANKED]))


def employee(answers: Answers | None) -> Fund:
    """The employee scheme's figures; all of the province where there are no answers.
    AnswerFault above 100 %."""
    table = _provincial()
    of_province: dict[str, Any] = {
        "deductible": table.deductible_fen,
        "year_max": table.deductible_year_max_fen,
        "ratio": table.ratio_bp,
        "retired": table.retired,
        "cap": table.cap_fen,
        "visit_cap": table.visit_cap_fen,
        "pharmacy": 0 if isinstance(table.pharmacy, NoFund) else table.pharmacy,
        "odd": frozenset(table.declared),
    }
    told = {
        name: CitedAnswer(value, PROVINCIAL[name])
        for name, value in of_province.items()
    }
    if answers is not None:
        told |= {
            name: answer for name in told if (answer := answers.of(f"employee.{name}"))
        }
    fund = Fund(**told)
    for level, word in LEVELS.items():
        if (most := fund.ratio_of(Standing.RETIRED, level)) > FULL_BP:
            raise AnswerFault(
                f"employee.retired(退休人员的支付比例): {word}合计为{most / 100:g}%, 不得超过100%"
            )
    return fund


def resident(answers: Answers) -> Fund | None:
    """The resident scheme's figures, or None where the fund pays residents nothing, as
    the province has it."""
    if not answers.any("resident"):
        return None
    given = {name: answers.of(f"resident.{name}") for name in FIELDS}
    nothing = {
        "year_max": CitedAnswer(NO_LIMIT),
        "visit_cap": CitedAnswer(dict.fromkeys(LEVELS, NO_LIMIT)),
        "pharmacy": CitedAnswer(0, PROVINCIAL["pharmacy"]),
        "retired": CitedAnswer(BonusPoints(above_active_bp=0)),
        "odd": CitedAnswer(frozenset()),
    }
    told = {
        name: answer or nothing[name]
        for name, answer in given.items()
        if answer or name in nothing
    }
    cap: int | NoLimit = told["cap"].value
    told["cap"] = replace(told["cap"], value=dict.fromkeys(Standing, cap))
    return Fund(**told)


def table_of(fund: Fund) -> Table:
    """The table of these figures, with what order and splitting do to it declared."""
    pharmacy = fund.pharmacy
    always = [
        *fund.deductible.clauses,
        *fund.year_max.clauses,
        *fund.visit_cap.clauses,
        *fund.cap.clauses,
        *COMMON,
    ]
    table = Table(
        deductible_fen=fund.deductible.value,
        deductible_year_max_fen=fund.year_max.value,
        ratio_bp=fund.ratio.value,
        retired=fund.retired.value,
        cap_fen=fund.cap.value,
        visit_cap_fen=fund.visit_cap.value,
        pharmacy=pharmacy.value or NoFund(pharmacy.clauses[0]),
        covers=COVERED,
        clauses=TableClauses(
            always=tuple(dict.fromkeys(always)),
            ratio={level: fund.ratio_clauses(level) for level in LEVELS},
            retired=fund.retired.clauses,
            unranked=UNRANKED,
        ),
        declared={
            oddity: fund.odd.clauses[0] for oddity in Oddity if oddity in fund.odd.value
        },
    )
    return replace(table, effects=effects_of(table))


def above(fund: Fund) -> dict[str, tuple[Clause, ...]]:
    """The clauses that stand above each field of the table in its source."""
    return {field: getattr(fund, name).clauses for name, field in FIELDS.items()}
