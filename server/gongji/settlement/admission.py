"""First step of a bill: a ladder of named refusals, in order of precedence.

What passes is the bill together with everything that decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from msgspec import Struct

from gongji.cities.city import Cities, City, DayRules
from gongji.filing.bill import CareElsewhere, care_elsewhere
from gongji.model.binding import Binding
from gongji.model.facts import Facts
from gongji.model.people import (
    Enrolment,
    Institution,
    InstitutionGrade,
    Person,
    alive_on,
)
from gongji.model.refusals import (
    FutureServiceDay,
    GiverNotBound,
    InstitutionNotDesignated,
    InstitutionNotFound,
    MalformedField,
    NotEnrolled,
    PartsDoNotSum,
    PersonNotFound,
    SchemeNotSettled,
    UnsupportedVisitKind,
)
from gongji.model.settlement import Bill
from gongji.rules.benefits import NoFund, NotSettled, Situation, Table, Use
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    EnrolmentStatus,
    Purpose,
    ResidueOf,
    Scheme,
    VisitKind,
    pooling_area,
    wire_name,
)
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import yuan
from gongji.rules.terms import TERMS

Hook: TypeAlias = Callable[[CityRules], Any]

# hot path: a tuple, for to look into a set asks an enum's Python code for its hash.
INSURED = (EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED)
"""Statuses of a person in a scheme. A pause excludes the fund (C63), it refuses nothing."""

SETTLED_ELSEWHERE = frozenset({VisitKind.INPATIENT, VisitKind.CHRONIC})
"""Kinds whose first settlement is not ours; their residue is (C65)."""


class InsuredVisit(Struct, frozen=True, kw_only=True):
    """A visit of an insured patient at some institution of a grade, with what decides it.

    `grade` is the institution's on the service day. `rules` are the city's on that day:
    they decide the fund's part. `rules_now` are those of the day of settlement: they
    decide the purses. `givers` are the bound holders to be charged, in their order.
    `elsewhere` says what the fund pays in another pooling area, None at home.
    """

    bill: Bill
    patient: Person
    grade: InstitutionGrade
    city: City
    rules: DayRules
    rules_now: DayRules
    enrolment: Enrolment
    givers: tuple[str, ...]
    elsewhere: CareElsewhere | None = None


class AdmittedBill(InsuredVisit, frozen=True, kw_only=True):
    """A bill that may be settled."""

    institution: Institution


def admit(bill: Bill, facts: Facts, cities: Cities) -> AdmittedBill:
    """Admit a bill, or refuse it by the first reason in this order.

    CityNotServed and NotInForce come from the patient's city.
    """
    institution = _institution(bill, facts)
    patient = _patient(bill, facts)
    _refuse_future_day(bill, facts)
    scheme = scheme_of(bill, patient)
    place = patient.place_on(bill.service_day, scheme)
    city = cities.of(place)
    rules = city.rules(bill.service_day)
    rules_now = city.rules(facts.today)
    _refuse_odd_bill(bill)
    _refuse_undesignated(bill, institution, rules)
    _refuse_first_settlement(bill, scheme, rules)
    enrolment = _enrolment(bill, patient, scheme, rules)
    elsewhere = care_elsewhere(bill, institution, place, rules, facts)
    givers = _givers(bill, facts, rules_now)
    return AdmittedBill(
        bill=bill,
        patient=patient,
        institution=institution,
        grade=institution.grade_on(bill.service_day),
        city=city,
        rules=rules,
        rules_now=rules_now,
        enrolment=enrolment,
        givers=givers,
        elsewhere=elsewhere,
    )


def insured_visit(
    bill: Bill, grade: InstitutionGrade, facts: Facts, cities: Cities
) -> InsuredVisit:
    """Return a visit at any designated institution of a grade, by a bill's scheme and day.

    The refusals of `admit` that do not hang on institution and amounts.
    """
    patient = _patient(bill, facts)
    scheme = scheme_of(bill, patient)
    city = cities.of(patient.place_on(bill.service_day, scheme))
    rules = city.rules(bill.service_day)
    rules_now = city.rules(facts.today)
    enrolment = _enrolment(bill, patient, scheme, rules)
    return InsuredVisit(
        bill=bill,
        patient=patient,
        grade=grade,
        city=city,
        rules=rules,
        rules_now=rules_now,
        enrolment=enrolment,
        givers=_givers(bill, facts, rules_now),
    )


def scheme_of(bill: Bill, patient: Person) -> Scheme:
    """Return the scheme a bill is settled under.

    It is the bill's, else the only one the patient is in on the service day, else the
    employee scheme.
    """
    if bill.scheme is not None:
        return bill.scheme
    schemes = {
        e.scheme
        for e in patient.enrolments
        if e.status in INSURED and e.covers(bill.service_day)
    }
    return schemes.pop() if len(schemes) == 1 else Scheme.EMPLOYEE


def insured_place(bill: Bill, patient: Person) -> str:
    """Return where the patient is insured, on the service day and in the bill's scheme."""
    return patient.place_on(bill.service_day, scheme_of(bill, patient))


def givers_of(bill: Bill, bindings: Collection[Binding]) -> tuple[str, ...]:
    """Return the holders bound for visits now, earliest first.

    A bill that names some keeps only those.
    """
    if not bindings:  # hot path: most patients have none
        return ()
    active = [b for b in bindings if b.serves(Purpose.VISIT)]
    # The id settles the order of two bindings that became active at one instant.
    active.sort(key=lambda b: (b.active_at or b.submitted_at, b.binding_id))
    holders = dict.fromkeys(b.holder for b in active)
    if not bill.givers:
        return tuple(holders)
    return tuple([holder for holder in holders if holder in bill.givers])


def _institution(bill: Bill, facts: Facts) -> Institution:
    institution = facts.get(Institution, bill.institution_code)
    if institution is None:
        raise InstitutionNotFound(
            f"没有编号为 {bill.institution_code} 的定点医药机构",
            field="bill.institution_code",
        )
    return institution


def _patient(bill: Bill, facts: Facts) -> Person:
    patient = facts.get(Person, bill.patient)
    if patient is None:
        raise PersonNotFound(
            f"没有人员编号为 {bill.patient} 的参保人", field="bill.patient"
        )
    return patient


def _refuse_future_day(bill: Bill, facts: Facts) -> None:
    if bill.service_day > facts.today:
        raise FutureServiceDay(
            f"就诊日 {bill.service_day} 晚于今日 {facts.today}",
            field="bill.service_day",
        )


def refuse_other_place(case: InsuredVisit) -> None:
    """Refuse a bill whose sender has the patient insured elsewhere. MalformedField.

    Only when it is brought: that the registry knows better later is no fault of it.
    """
    bill, said = case.bill, case.bill.insured_place
    # hot path: most bills say no place.
    if not said:
        return
    place = insured_place(bill, case.patient)
    if pooling_area(said) != pooling_area(place):
        raise MalformedField(
            f"所写的参保地医保区划为 {said}，而登记的参保地在就诊日 {bill.service_day} "
            f"为 {place}；请核对，或不填",
            field="bill.insured_place",
        )


def _refuse_odd_bill(bill: Bill) -> None:
    """Refuse a bill that contradicts itself: its amounts, then its remainder."""
    _refuse_odd_parts(bill)
    _refuse_odd_residue(bill)


def _refuse_odd_parts(bill: Bill) -> None:
    # Each part before the sum, which a negative part could make right.
    for name in _PARTS:
        fen = getattr(bill, name)
        if fen < 0:
            raise MalformedField(
                f"金额不得为负：{name} = {yuan(fen)} 元", field=f"bill.{name}"
            )
    if bill.parts_fen != bill.total_fen:
        raise PartsDoNotSum(
            f"四个部分合计 {yuan(bill.parts_fen)} 元，"
            f"与医疗费总额 {yuan(bill.total_fen)} 元不符",
            field="bill.total_fen",
        )


_PARTS = (
    "out_of_catalogue_fen",
    "above_limit_fen",
    "first_selfpay_fen",
    "in_scope_fen",
)


def _refuse_odd_residue(bill: Bill) -> None:
    """Refuse a remainder of one care that the kind of visit says is of another."""
    said = bill.residue_of
    if said is None:
        return
    if not bill.residue:
        raise MalformedField(
            "写明剩余自付来源（residue_of）的须是剩余自付（residue）",
            field="bill.residue_of",
        )
    implied = _RESIDUE_OF_KIND.get(bill.visit_kind, said)
    if implied is not said:
        kind, care = TERMS[VisitKind][bill.visit_kind], TERMS[ResidueOf][said]
        raise MalformedField(
            f"医疗类别“{kind}”与剩余自付来源“{care}”不符", field="bill.residue_of"
        )


_RESIDUE_OF_KIND = {
    VisitKind.INPATIENT: ResidueOf.INPATIENT,
    VisitKind.CHRONIC: ResidueOf.CHRONIC,
}


def _refuse_undesignated(bill: Bill, institution: Institution, rules: DayRules) -> None:
    if not institution.designated_on(bill.service_day):
        use = use_at(institution.grade_on(bill.service_day))
        opening = rules.value(CityRules.uses).opening(use)
        raise InstitutionNotDesignated(
            f"{institution.name} 在就诊日 {bill.service_day} 不是定点医药机构",
            field="bill.institution_code",
            clauses=_cited(rules, CityRules.uses, opening),
        )


def use_at(grade: InstitutionGrade) -> Use:
    """Return what a purse is used for at an institution of a kind and grade."""
    return Use.PHARMACY if grade.is_pharmacy else Use.OUTPATIENT


def _refuse_first_settlement(bill: Bill, scheme: Scheme, rules: DayRules) -> None:
    """Refuse an inpatient or chronic bill that is no remainder."""
    if bill.residue or bill.visit_kind not in SETTLED_ELSEWHERE:
        return
    # A remainder is excluded by the clause that says where it was settled first.
    denials = [
        exclusion.clause
        for exclusion in rules.value(CityRules.exclusions)
        if exclusion.situation is Situation.RESIDUE and scheme in exclusion.schemes
    ]
    raise UnsupportedVisitKind(
        f"{TERMS[VisitKind][bill.visit_kind]}的首次结算不在此办理，"
        "只受理其支付后的剩余自付部分（residue）",
        field="bill.visit_kind",
        clauses=denials or _clauses_of_scheme(scheme, rules),
        allowed=",".join(
            [wire_name(k) for k in VisitKind if k not in SETTLED_ELSEWHERE]
        ),
    )


def _clauses_of_scheme(scheme: Scheme, rules: DayRules) -> tuple[Clause, ...]:
    """Return the clauses that say whom the benefit of a scheme is for."""
    entry = rules.value(CityRules.reimbursement)[scheme]
    if isinstance(entry, NoFund):
        return (entry.clause,)
    clauses = entry.clauses if isinstance(entry, Table) else None
    cited = clauses.covers if clauses else ()
    return _cited(rules, CityRules.reimbursement, cited)


def _cited(
    rules: DayRules, hook: Hook, clauses: tuple[Clause, ...]
) -> tuple[Clause, ...]:
    """Return the clauses of a part of a rule, or all of the rule if it names none."""
    return clauses or rules.answer(hook).clauses


def _enrolment(
    bill: Bill, patient: Person, scheme: Scheme, rules: DayRules
) -> Enrolment:
    """Return the patient's enrolment in a scheme with a benefit.

    NotEnrolled, SchemeNotSettled.
    """
    enrolment = patient.enrolled(bill.service_day, scheme)
    if (
        enrolment is None
        or enrolment.status not in INSURED
        or not alive_on(patient, bill.service_day)
    ):
        raise NotEnrolled(
            f"就诊日 {bill.service_day} 未参加{TERMS[Scheme][scheme]}",
            field="bill.patient",
            clauses=_clauses_of_scheme(scheme, rules),
            scheme=str(int(scheme)),
        )
    _refuse_without_table(scheme, rules)
    return enrolment


def _refuse_without_table(scheme: Scheme, rules: DayRules) -> None:
    entry = rules.value(CityRules.reimbursement)[scheme]
    if isinstance(entry, NotSettled):
        raise SchemeNotSettled(
            f"{TERMS[Scheme][scheme]}没有写明门诊待遇，不在此结算：{entry.clause.text}",
            field="bill.scheme",
            clauses=[entry.clause, entry.chosen_by],
            scheme=str(int(scheme)),
        )


def _givers(bill: Bill, facts: Facts, rules_now: DayRules) -> tuple[str, ...]:
    """Return the bound holders to be charged. GiverNotBound if the bill names another."""
    givers = givers_of(bill, facts.where(Binding, "member", bill.patient))
    unbound = sorted(set(bill.givers) - set(givers))
    if unbound:
        order = rules_now.value(CityRules.purse_order)
        raise GiverNotBound(
            f"以下授权人与患者之间没有生效的就医购药共济绑定：{'、'.join(unbound)}",
            field="bill.givers",
            clauses=_cited(rules_now, CityRules.purse_order, order.order_clauses),
        )
    return givers
