"""Settle every situation a bill may be in: exactly one rule must answer it.

The real admission and entitlement decide. The discrete axes are enumerated, without a
solver: scheme, standing and status of the patient; levels of hospitals, unranked ones
and pharmacies; kinds of visit; what the exclusions ask about. Days are the periods of
the timelines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from itertools import product
from typing import Any

from gongji.cities.city import Cities, City, DayRules
from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.invented import (
    GRADES,
    PATIENTS,
    STATUSES,
    RuleSituation,
    bill_of,
    invented_facts,
)
from gongji.model.facts import Facts
from gongji.model.refusals import Refusal, SchemeNotSettled, UnsupportedVisitKind
from gongji.model.settlement import Bill
from gongji.rules.benefits import NoFund, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import (
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement.admission import SETTLED_ELSEWHERE, admit
from gongji.settlement.entitlement import FundTerms, fund_terms

HOOK = "reimbursement"

_LEVEL_OF_GRADE: Mapping[int, int] = {8: 1, 5: 2, 2: 3}


@dataclass(frozen=True, slots=True)
class _Gap:
    """A way in which a situation has no single rule: the hook, what is wrong, a mend."""

    hook: str
    figures: str
    mend: str


def situations() -> Iterator[RuleSituation]:
    """Yield every situation there is."""
    yes_no = (False, True)
    for who, status, grade, kind in product(PATIENTS, STATUSES, GRADES, VisitKind):
        for inpatient, residue, spending in product(yes_no, yes_no, Spending):
            yield RuleSituation(*who, status, grade, kind, inpatient, residue, spending)


def prove_situations(
    city: City, rules: DayRules, day: date, since: str
) -> tuple[int, list[Finding]]:
    """Settle every situation under these rules: how many, and a finding for each gap.

    A gap is told by the first situation that has it, with the number of all of them.
    """
    place = city.area_code
    # The rules of one period or candidate decide alone, whatever the day.
    cities = Cities((replace(city, _periods=((day, rules),)),))
    facts = invented_facts(place, day)
    first: dict[_Gap, RuleSituation] = {}
    times: Counter[_Gap] = Counter()
    count = 0
    for situation in situations():
        count += 1
        bill = bill_of(situation, place, day)
        gap = _gap(
            situation,
            bill,
            facts,
            cities,
            rules,
        )
        if gap is not None:
            first.setdefault(gap, situation)
            times[gap] += 1
    findings = [
        Finding(
            FindingKind.GAP,
            gap.hook,
            since=since,
            situation=_among(str(situation), times[gap]),
            figures=gap.figures,
            mend=gap.mend,
        )
        for gap, situation in first.items()
    ]
    return count, findings


def _among(situation: str, times: int) -> str:
    if times > 1:
        return f"{situation} 等 {times} 种情形"
    return situation


def _gap(
    situation: RuleSituation,
    bill: Bill,
    facts: Facts,
    cities: Cities,
    rules: DayRules,
) -> _Gap | None:
    """Return what is wrong if not exactly one rule answers."""
    try:
        terms = fund_terms(admit(bill, facts, cities))
    # First settlements of inpatient and chronic care are no business of a city, and
    # bills of a scheme may be refused in its own words.
    except (UnsupportedVisitKind, SchemeNotSettled):
        return None
    except Refusal as refused:
        return _Gap(
            HOOK,
            figures=refused.message,
            mend="没有规则回答这种情形，请核对",
        )
    # What a table without some row raises where the settlement reads that row.
    except (KeyError, TypeError, AttributeError) as error:
        figures = f"待遇表缺少{_missing_key(error)}的取值"
        return _Gap(
            HOOK,
            figures=figures,
            mend=missing_row(rules, situation),
        )
    return _not_covered(situation, rules, terms)


def _missing_key(error: Exception) -> str:
    """Return the key a table lacks as people call it: a level, a standing, a scheme."""
    key: Any = error.args[0] if error.args else ""
    if isinstance(key, Enum):
        return str(TERMS[type(key)][key])
    if key in LEVELS:
        return LEVELS[key]
    return str(key)


def _not_covered(
    situation: RuleSituation, rules: DayRules, terms: FundTerms
) -> _Gap | None:
    """Return what is wrong if no clause of its own denies what the table is not for."""
    kind = situation.kind
    entry = rules.value(CityRules.reimbursement)[situation.scheme]
    if not isinstance(entry, Table) or kind in entry.covers:
        return None
    name = TERMS[VisitKind][kind]
    if terms.benefit:
        return _Gap(
            HOOK,
            figures=f"{name}按待遇表支付，而 covers 未列{name}",
            mend=f"请在 covers 中补 VisitKind.{kind.name}",
        )
    # Another clause denies it already, whatever the table is for.
    if terms.rule.hook != HOOK or _pharmacy_denies(situation, entry):
        return None
    # A table need not cover every kind of visit, but ordinary ones it must.
    if kind is VisitKind.OUTPATIENT:
        return _Gap(
            HOOK,
            figures=f"待遇表的 covers 未列{name}",
            mend="请在 covers 中写 VisitKind.OUTPATIENT（普通门诊）",
        )
    if kind in SETTLED_ELSEWHERE:
        return _Gap(
            "exclusions",
            figures=f"{name}支付后的剩余自付没有不予支付的条款",
            mend=(
                "请补 Exclusion(situation=Situation.RESIDUE, clause=…)，"
                "其剩余自付基金不予支付"
            ),
        )
    return None


def _pharmacy_denies(situation: RuleSituation, table: Table) -> bool:
    """Return whether the pharmacy's own clause denies the fund."""
    return situation.grade == 0 and isinstance(table.pharmacy, NoFund)


def missing_row(rules: DayRules, situation: RuleSituation) -> str:
    """Return the row a situation asks for, with a question mark for each missing figure."""
    scheme = situation.scheme
    table = rules.value(CityRules.reimbursement).get(scheme)
    if table is None:
        return f"请补 Scheme.{scheme.name}: Table(…)，不支付也须写 NoFund(条款)"
    if not isinstance(table, Table):
        return "请核对该险种的取值"
    level = _level(table, situation)
    standing = situation.standing
    figures = [
        f"{name} = {_figure(value)}"
        for name, value in _row(table, level, standing).items()
    ]
    row_name = LEVELS.get(level, "?") + TERMS[Standing][standing]
    return f"请补全{row_name}一行：{'，'.join(figures)}"


def _row(
    table: Table,
    level: int,
    standing: Standing,
) -> dict[str, object]:
    """Return the figures of one row by how a city writes them."""
    row: dict[str, object] = {
        f"deductible_fen[{level}]": table.deductible_fen.get(level),
        f"ratio_bp[{level}]": table.ratio_bp.get(level),
        f"visit_cap_fen[{level}]": table.visit_cap_fen.get(level),
        f"cap_fen[Standing.{standing.name}]": table.cap_fen.get(standing),
    }
    if isinstance(table.retired, Mapping) and standing is Standing.RETIRED:
        row[f"retired[{level}]"] = table.retired.get(level)
    if table.clauses:
        row[f"clauses.ratio[{level}]"] = table.clauses.ratio.get(level)
    return row


def _level(table: Table, situation: RuleSituation) -> int:
    """Return the level whose row the situation asks for; 0 if a pharmacy has none."""
    if situation.grade == 0:
        if isinstance(table.pharmacy, int):
            return table.pharmacy
        return 0
    return _LEVEL_OF_GRADE.get(situation.grade, table.unranked_as)


def _figure(figure: object) -> str:
    if figure is None:
        return "?"
    if isinstance(figure, tuple):
        return "、".join(clause.id for clause in figure)
    if isinstance(figure, NoLimit):
        return in_words(figure)
    return str(figure)
