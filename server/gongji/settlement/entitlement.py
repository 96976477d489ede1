"""What the rules grant an admitted bill: a row of a table or the clause that denies it,
and the purses to be asked."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from gongji.cities.city import Cities, DayRules
from gongji.model.account import Account, has_purse
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts
from gongji.model.people import Institution, Person, alive_on
from gongji.model.refusals import PersonNotFound
from gongji.rules.benefits import (
    BillPart,
    NoFund,
    PurseKind,
    Situation,
    Table,
    Use,
    Uses,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import AccountUse, EnrolmentStatus, InstitutionKind, Spending
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import TERMS
from gongji.settlement.admission import Admitted
from gongji.settlement.split import Benefit, Purse, benefit_of

_NO_PART: frozenset[BillPart] = frozenset()


class FundTerms(Struct, frozen=True):
    """What the fund owes a bill: a benefit, or None and the clause that denies it;
    level 0 where the bill has none."""

    rule: RuleRef
    level: int
    benefit: Benefit | None
    denied_by: Clause | None = None


class AskedPurse(Struct, frozen=True):
    """A purse that is asked and the rule it is asked under; `why_not` says in Chinese
    why it may pay nothing, if so."""

    purse: Purse
    rule: RuleRef
    why_not: str = ""


def fund_terms(case: Admitted) -> FundTerms:
    """The first exclusion that applies, else what denies the scheme or the pharmacy,
    else the row of the table."""
    entry = case.rules.value(CityRules.reimbursement)[case.enrolment.scheme]
    level = _level(case.institution, entry)
    situations = _situations(case)
    for exclusion in case.rules.value(CityRules.exclusions) if situations else ():
        if exclusion.situation in situations:
            rule = case.rules.ref(CityRules.exclusions, exclusion.clause)
            return FundTerms(rule, level, None, exclusion.clause)
    if isinstance(entry, NoFund):
        denied = entry
    elif case.institution.kind is InstitutionKind.PHARMACY and isinstance(
        entry.pharmacy, NoFund
    ):
        denied = entry.pharmacy
    else:
        benefit = benefit_of(entry, level, case.enrolment.standing)
        ranked = (
            case.institution.level is not None
            or case.institution.kind is InstitutionKind.PHARMACY
        )
        cited = entry.cited(case.enrolment.standing, level, ranked=ranked)
        return FundTerms(
            case.rules.ref(CityRules.reimbursement, *cited), level, benefit
        )
    return FundTerms(
        case.rules.ref(CityRules.reimbursement, denied.clause),
        level,
        None,
        denied.clause,
    )


def asked_purses(case: Admitted, facts: Facts, cities: Cities) -> Iterator[AskedPurse]:
    """The purses in the order they are asked: as the bill allows, as the patient's city orders."""
    use = case.bill.account_use
    if use is AccountUse.NONE:
        return
    city_order = case.rules_now.value(CityRules.purse_order).order
    for kind in city_order if use is AccountUse.CITY_ORDER else (PurseKind.OWN,):
        if kind is PurseKind.GIVERS:
            yield from (_giver(holder, case, facts, cities) for holder in case.givers)
        elif has_purse(case.patient, facts.get(Account, case.patient.person_no)):
            yield _own(case, facts)


def _level(institution: Institution, entry: Table | NoFund) -> int:
    """The level a table uses for an institution; 0 for a pharmacy, or an unranked
    institution, without one."""
    if isinstance(entry, NoFund):
        return institution.level or 0
    if institution.kind is InstitutionKind.PHARMACY:
        return 0 if isinstance(entry.pharmacy, NoFund) else entry.pharmacy
    return institution.level or entry.unranked_as


def _situations(case: Admitted) -> list[Situation]:
    """The situations the bill is in; most are in none."""
    bill = case.bill
    situations = []
    if case.enrolment.status is EnrolmentStatus.PAUSED:
        situations.append(Situation.PAUSED)
    if bill.inpatient_that_day:
        situations.append(Situation.INPATIENT_THAT_DAY)
    if bill.residue:
        situations.append(Situation.RESIDUE)
    if bill.spending is not Spending.MEDICAL:
        situations.append(Situation.OUTSIDE_POLICY)
    return situations


def _own(case: Admitted, facts: Facts) -> AskedPurse:
    uses = case.rules_now.value(CityRules.uses)
    why_not = _never(uses, case)
    pays = _NO_PART if why_not else uses.own_pays
    purse = Purse(
        case.patient.person_no,
        PurseKind.OWN,
        _balance(case.patient.person_no, facts),
        pays,
    )
    return AskedPurse(purse, case.rules_now.ref(CityRules.uses), why_not)


def _giver(holder: str, case: Admitted, facts: Facts, cities: Cities) -> AskedPurse:
    """A giver's purse under today's rules of his own insured place. CityNotServed,
    PersonNotFound."""
    person = facts.get(Person, holder)
    if person is None:
        raise PersonNotFound(f"没有人员编号为 {holder} 的授权人", field="bill.givers")
    rules = cities.of(person.insured_place).rules(facts.today)
    uses = rules.value(CityRules.uses)
    if _may_give(person, rules, facts):
        rule, why_not = (
            rules.ref(CityRules.uses),
            _not_there(uses, case.institution) or _never(uses, case),
        )
    else:
        rule, why_not = (
            rules.ref(CityRules.holder_terms),
            "授权人今日未正常参加职工医保",
        )
    pays = _NO_PART if why_not else uses.aid_pays
    return AskedPurse(
        Purse(holder, PurseKind.GIVERS, _balance(holder, facts), pays), rule, why_not
    )


def _may_give(holder: Person, rules: DayRules, facts: Facts) -> bool:
    """Whether the holder is enrolled today as his city asks of a holder."""
    terms = rules.value(CityRules.holder_terms)
    today = [holder.enrolled(facts.today, scheme) for scheme in terms.schemes]
    return alive_on(holder, facts.today) and any(
        e is not None and e.status in terms.statuses for e in today
    )


def _not_there(uses: Uses, institution: Institution) -> str:
    place = (
        Use.PHARMACY if institution.kind is InstitutionKind.PHARMACY else Use.OUTPATIENT
    )
    return "" if place in uses.aid_at else f"共济不得用于{TERMS[Use][place]}"


def _never(uses: Uses, case: Admitted) -> str:
    spending = case.bill.spending
    return (
        f"个人账户不得用于{TERMS[Spending][spending]}" if spending in uses.never else ""
    )


def _balance(person_no: str, facts: Facts) -> int:
    account = facts.get(Account, person_no)
    return account.balance_fen if account else 0
