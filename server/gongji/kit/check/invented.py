"""People, institutions and bills made up for each situation a bill may be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import product

from gongji.model.binding import Binding
from gongji.model.facts import Facts
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.settlement import Accumulator, Bill
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
from gongji.rules.terms import TERMS

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
"""One national grade (hosp_lv) of each level, one of none, and 0 for a pharmacy."""


@dataclass(frozen=True, slots=True)
class RuleSituation:
    """One point of the discrete axes."""

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
        """The number of the person who is in this situation."""
        return _person_no(self.scheme, self.psn_type, self.status)

    @property
    def standing(self) -> Standing:
        """The patient's standing, which psn_type tells."""
        if self.psn_type == "12":
            return Standing.RETIRED
        return Standing.ACTIVE

    def __str__(self) -> str:
        scheme = TERMS[Scheme][self.scheme]
        if self.scheme is Scheme.EMPLOYEE:
            scheme += TERMS[Standing][self.standing]
        words = [
            scheme,
            TERMS[EnrolmentStatus][self.status],
            GRADES[self.grade],
            TERMS[VisitKind][self.kind],
        ]
        if self.inpatient_that_day:
            words.append("当日住院")
        if self.residue:
            words.append("其他待遇支付后的剩余")
        if self.spending is not Spending.MEDICAL:
            words.append(TERMS[Spending][self.spending])
        return "，".join(words)


class _Keys:
    """Finds the invented records by number and code alone."""

    def key_of(self, record: object) -> str:
        """Return the record's key."""
        if isinstance(record, Person):
            return record.person_no
        if isinstance(record, Accumulator):
            return record.key
        return getattr(record, "code", "")

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """Return no index: there are no bindings to look up."""
        return {}


def invented_facts(place: str, day: date) -> Facts:
    """Return a patient of every kind and status and a place of every grade."""
    facts = Facts(datetime.combine(day, time(12), SHANGHAI), _Keys())
    for (scheme, psn_type), status in product(PATIENTS, STATUSES):
        person = _person(
            Enrolment(
                scheme,
                psn_type,
                status,
                date.min,
            ),
            place,
        )
        number = person.person_no
        facts.load(Person, "", [number], [person])
        # Loaded and empty: admission asks whether somebody is bound.
        facts.load(Binding, "member", [number], [])
    for grade, name in GRADES.items():
        code = _code(place, grade)
        kind = InstitutionKind.HOSPITAL if grade else InstitutionKind.PHARMACY
        institution = Institution(
            code,
            name,
            kind,
            grade,
            date.min,
        )
        facts.load(Institution, "", [code], [institution])
    return facts


def _person(enrolment: Enrolment, place: str) -> Person:
    number = _person_no(enrolment.scheme, enrolment.psn_type, enrolment.status)
    certificate = Certificate("99", number)
    return Person(
        number,
        certificate,
        "某某",
        "",
        place,
        (enrolment,),
    )


def _person_no(
    scheme: Scheme,
    psn_type: str,
    status: EnrolmentStatus,
) -> str:
    return f"{int(scheme)}-{psn_type}-{int(status)}"


def _code(place: str, grade: int) -> str:
    return f"H{place}{grade:05d}"


def bill_of(
    situation: RuleSituation,
    place: str,
    day: date,
    in_scope_fen: int = 100,
) -> Bill:
    """Return a bill of one part, of one yuan: few rules turn on the amount."""
    return Bill(
        patient=situation.patient,
        institution_code=_code(place, situation.grade),
        service_day=day,
        visit_kind=situation.kind,
        total_fen=in_scope_fen,
        in_scope_fen=in_scope_fen,
        account_use=AccountUse.NONE,
        scheme=situation.scheme,
        inpatient_that_day=situation.inpatient_that_day,
        residue=situation.residue,
        spending=situation.spending,
    )
