"""Every situation a bill may be in, settled by the real admission and entitlement:
exactly one rule must answer it.

The discrete axes are enumerated, no solver: scheme, standing and status of the patient;
levels of hospitals, unranked ones and pharmacies; kinds of visit; what the exclusions
ask about. Days are the periods of the timelines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import Enum
from itertools import product
from typing import Any

from gongji.cities.city import Cities, City, DayRules
from gongji.kit.check.findings import Finding, FindingKind
from gongji.model.binding import Binding
from gongji.model.facts import Facts
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.refusals import Refusal, UnsupportedVisitKind
from gongji.model.settlement import Bill
from gongji.rules.benefits import Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    InstitutionKind,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement.admission import SETTLED_ELSEWHERE, admit
from gongji.settlement.entitlement import fund_terms

HOOK = "reimbursement"

PATIENTS = ((Scheme.EMPLOYEE, "11"), (Scheme.EMPLOYEE, "12"), (Scheme.RESIDENT, "14"))
"""Who may be ill: scheme and psn_type, which tells the standing."""

STATUSES = (EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED)

GRADES: Mapping[int, str] = {
    8: "一级医疗机构",
    5: "二级医疗机构",
    2: "三级医疗机构",
    11: "未定级医疗机构",
    0: "定点零售药店",
}
"""Where: one national grade (hosp_lv) of each level, one of none, and 0 for a pharmacy."""


_Told = tuple[str, str, str]
"""The hook, what is wrong, the missing row."""


@dataclass(frozen=True, slots=True)
class RuleSituation:
    """One point of the discrete axes: who, where, what for, and what the exclusions ask about."""

    scheme: Scheme
    psn_type: str
    status: EnrolmentStatus
    grade: int
    kind: VisitKind
    inpatient_that_day: bool
    residue: bool
    spending: Spending

    @property
    def patient(self) -> str:
        """The person number of whoever is in this situation."""
        return f"{int(self.scheme)}-{self.psn_type}-{int(self.status)}"

    @property
    def pharmacy(self) -> bool:
        """Whether the bill comes from a pharmacy."""
        return self.grade == 0

    def __str__(self) -> str:
        standing = Standing.RETIRED if self.psn_type == "12" else Standing.ACTIVE
        who = TERMS[Standing][standing] if self.scheme is Scheme.EMPLOYEE else ""
        told = [
            TERMS[Scheme][self.scheme] + who,
            TERMS[EnrolmentStatus][self.status],
            GRADES[self.grade],
        ]
        told += [
            TERMS[VisitKind][self.kind],
            *(["当日住院"] if self.inpatient_that_day else []),
        ]
        told += ["其他待遇支付后的剩余"] if self.residue else []
        told += (
            [TERMS[Spending][self.spending]]
            if self.spending is not Spending.MEDICAL
            else []
        )
        return ", ".join(told)


def situations() -> Iterator[RuleSituation]:
    """Every situation there is."""
    yes_no = (False, True)
    for who, status, grade, kind in product(PATIENTS, STATUSES, GRADES, VisitKind):
        for inpatient, residue, spending in product(yes_no, yes_no, Spending):
            yield RuleSituation(*who, status, grade, kind, inpatient, residue, spending)


def prove_situations(
    city: City, rules: DayRules, day: date, since: str
) -> tuple[int, list[Finding]]:
    """How many situations were settled under these rules, and a finding for each way in
    which one has no single rule.

    The first situation of each way is told, with the number of the others.
    """
    place = city.area_code
    cities = Cities((replace(city, _periods=((day, rules),)),))
    facts = _facts(place, day)
    first: dict[_Told, RuleSituation] = {}
    met: dict[_Told, int] = {}
    count = 0
    for situation in situations():
        count += 1
        if told := _unanswered(
            situation, _bill(situation, place, day), facts, cities, rules
        ):
            first.setdefault(told, situation)
            met[told] = met.get(told, 0) + 1
    return count, [
        Finding(
            FindingKind.GAP,
            hook,
            since,
            _among(str(first[hook, figures, mend]), times),
            figures,
            mend,
        )
        for (hook, figures, mend), times in met.items()
    ]


def _among(situation: str, times: int) -> str:
    return f"{situation} 等 {times} 种情形" if times > 1 else situation


def _unanswered(
    situation: RuleSituation, bill: Bill, facts: Facts, cities: Cities, rules: DayRules
) -> _Told | None:
    """What is wrong where not exactly one rule answers; else None."""
    try:
        terms = fund_terms(admit(bill, facts, cities))
    except UnsupportedVisitKind as refused:
        uncovered = "请在 covers 中写 VisitKind.OUTPATIENT(普通门诊)"
        return (
            (HOOK, refused.message, uncovered)
            if situation.kind is VisitKind.OUTPATIENT
            else None
        )
    except Refusal as refused:
        return HOOK, refused.message, "没有规则回答这种情形, 请核对"
    except (KeyError, TypeError, AttributeError) as missing:
        return HOOK, f"待遇表缺少{_named(missing)}的取值", missing_row(rules, situation)
    return _not_covered(situation, rules) if terms.benefit else None


def _named(missing: Exception) -> str:
    """The key a table lacks, as people call it: a level, a standing, a scheme."""
    key: Any = missing.args[0] if missing.args else ""
    if isinstance(key, Enum):
        return str(TERMS[type(key)][key])
    return LEVELS[key] if key in LEVELS else str(key)


def _not_covered(situation: RuleSituation, rules: DayRules) -> _Told | None:
    """What is wrong where a table pays for a kind of visit it is not for; else None."""
    entry = rules.value(CityRules.reimbursement)[situation.scheme]
    if not isinstance(entry, Table) or situation.kind in entry.covers:
        return None
    kind = TERMS[VisitKind][situation.kind]
    told = f"{kind}按待遇表支付, 而 covers 未列{kind}"
    if situation.kind in SETTLED_ELSEWHERE:
        return (
            "exclusions",
            told,
            "请补 Exclusion(situation=Situation.RESIDUE, clause=…), 其剩余自付基金不予支付",
        )
    return HOOK, told, f"请在 covers 中补 VisitKind.{situation.kind.name}"


def missing_row(rules: DayRules, situation: RuleSituation) -> str:
    """The row a situation asks for, with a question mark for each figure that is not there."""
    by_scheme = rules.value(CityRules.reimbursement)
    table = by_scheme.get(situation.scheme)
    if table is None:
        return (
            f"请补 Scheme.{situation.scheme.name}: Table(…), 不支付也须写 NoFund(条款)"
        )
    if not isinstance(table, Table):
        return "请核对该险种的取值"
    level = _level(table, situation)
    standing = Standing.RETIRED if situation.psn_type == "12" else Standing.ACTIVE
    figures: dict[str, object] = {
        f"deductible_fen[{level}]": table.deductible_fen.get(level),
        f"ratio_bp[{level}]": table.ratio_bp.get(level),
        f"visit_cap_fen[{level}]": table.visit_cap_fen.get(level),
        f"cap_fen[Standing.{standing.name}]": table.cap_fen.get(standing),
    }
    if isinstance(table.retired, Mapping) and standing is Standing.RETIRED:
        figures[f"retired[{level}]"] = table.retired.get(level)
    if table.clauses:
        figures[f"clauses.ratio[{level}]"] = table.clauses.ratio.get(level)
    row = ", ".join(f"{name} = {_figure(figure)}" for name, figure in figures.items())
    return f"请补全{LEVELS.get(level, '?')}{TERMS[Standing][standing]}一行: {row}"


def _level(table: Table, situation: RuleSituation) -> int:
    if situation.pharmacy:
        return table.pharmacy if isinstance(table.pharmacy, int) else 0
    return {8: 1, 5: 2, 2: 3}.get(situation.grade, table.unranked_as)


def _figure(figure: object) -> str:
    if figure is None:
        return "?"
    if isinstance(figure, tuple):
        return "、".join(clause.id for clause in figure)
    return in_words(figure) if isinstance(figure, NoLimit) else str(figure)


class _Keys:
    """How the invented records are found: by number and code alone."""

    def key_of(self, record: object) -> str:
        """The record's key."""
        return (
            record.person_no
            if isinstance(record, Person)
            else getattr(record, "code", "")
        )

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """None: there are no bindings."""
        return {}


def _facts(place: str, day: date) -> Facts:
    """Somebody for every patient and status, and one institution of every grade,
    all in the city."""
    facts = Facts(datetime.combine(day, time(12), SHANGHAI), _Keys())
    for (scheme, psn_type), status in product(PATIENTS, STATUSES):
        number = f"{int(scheme)}-{psn_type}-{int(status)}"
        enrolment = Enrolment(scheme, psn_type, status, date.min)
        person = Person(
            number, Certificate("99", number), "某某", "", place, (enrolment,)
        )
        facts.load(Person, "", [number], [person])
        facts.load(Binding, "member", [number], [])
    for grade, name in GRADES.items():
        kind = InstitutionKind.HOSPITAL if grade else InstitutionKind.PHARMACY
        institution = Institution(_code(place, grade), name, kind, grade, date.min)
        facts.load(Institution, "", [institution.code], [institution])
    return facts


def _code(place: str, grade: int) -> str:
    return f"H{place}{grade:05d}"


def _bill(situation: RuleSituation, place: str, day: date) -> Bill:
    return Bill(
        patient=situation.patient,
        institution_code=_code(place, situation.grade),
        service_day=day,
        visit_kind=situation.kind,
        total_fen=100,
        in_scope_fen=100,
        account_use=AccountUse.NONE,
        scheme=situation.scheme,
        inpatient_that_day=situation.inpatient_that_day,
        residue=situation.residue,
        spending=situation.spending,
    )
