"""Second step of a bill: what the rules grant it.

For the fund a row of its table, or the clause that denies it; then the purses to be
charged, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replaced
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from gongji.account.ledger import account_of
from gongji.binding.status import BindingStatus, first_to_stand, status_of
from gongji.cities.city import Cities
from gongji.model.account import Account, has_purse
from gongji.model.binding import Binding
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts
from gongji.model.people import InstitutionGrade, Person
from gongji.model.refusals import PersonNotFound
from gongji.rules.benefits import (
    BillPart,
    Exclusion,
    NoFund,
    PurseKind,
    Situation,
    Table,
    Use,
    Uses,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    AccountUse,
    EnrolmentStatus,
    Payer,
    Purpose,
    ResidueOf,
    Spending,
    VisitKind,
)
from gongji.rules.elsewhere import FundElsewhere
from gongji.rules.hookspecs import CityRules
from gongji.rules.shapes import Benefit, Row
from gongji.rules.terms import TERMS
from gongji.rules.unfolding import unfolded
from gongji.settlement.admission import Hook, InsuredVisit, use_at
from gongji.settlement.cases import case_of
from gongji.settlement.split import FlatRow, Purse, benefit_of

NO_PART: frozenset[BillPart] = frozenset()


class FundTerms(Struct, frozen=True):
    """What the fund owes a bill: a row, or None and in Chinese why not.

    Level 0 stands for an institution without one. `elsewhere` changed the ratios from what
    they are at home (`home_ratios_bp`), None if nothing did. `further` pay of the rest.
    """

    rule: RuleRef
    level: int
    benefit: FlatRow | Row | None
    denied: str = ""
    elsewhere: FundElsewhere | None = None
    home_ratios_bp: tuple[int, ...] = ()
    further: tuple[FurtherTerms, ...] = ()


class FurtherTerms(Struct, frozen=True):
    """What a further payer owes of what is left in scope."""

    payer: Payer
    rule: RuleRef
    row: Row


class PurseTerms(Struct, frozen=True):
    """A purse to be charged and the rule for it.

    `denied` says in Chinese why it may pay nothing, if so; `digests` name the rules of a
    giver's city, and of others that were asked about the binding; `use_place` says where
    a wallet is used.
    """

    purse: Purse
    rule: RuleRef
    denied: str = ""
    digests: tuple[str, ...] = ()
    use_place: str = ""


def fund_terms(case: InsuredVisit) -> FundTerms:
    """Return what the fund owes, or the first reason why nothing.

    A denial of the whole scheme comes first, then an exclusion, then a denial of the
    pharmacy or of the kind of visit, then of care elsewhere, then the row of the table.
    """
    entries = case.rules.value(CityRules.reimbursement)
    entry = entries[case.enrolment.scheme]
    level = _level(case.grade, entry)
    # The exclusions speak of those whom the fund pays at all.
    if isinstance(entry, NoFund):
        return _denied(case, level, entry.clause)
    denial = _denial(case, level, entry)
    if denial is not None:
        return denial
    if isinstance(entry, Benefit):
        return _granted_by_row(case, level, entry)
    return _granted(case, level, entry)


def _denial(case: InsuredVisit, level: int, entry: Table | Benefit) -> FundTerms | None:
    """Return why the fund pays nothing of a visit whatever its row, None if it does."""
    exclusion = _exclusion(case)
    if exclusion is not None:
        return _denied(case, level, exclusion.clause, CityRules.exclusions)
    if case.grade.is_pharmacy and isinstance(entry.pharmacy, NoFund):
        return _denied(case, level, entry.pharmacy.clause)
    if not _is_covered(case, entry):
        return _uncovered(case, level, entry)
    if case.elsewhere is not None and isinstance(case.elsewhere.fund, NoFund):
        unpaid = case.elsewhere.fund.clause
        return _denied(case, level, unpaid, CityRules.out_of_area)
    return None


def purse_terms(
    case: InsuredVisit, facts: Facts, cities: Cities
) -> tuple[PurseTerms, ...]:
    """Return the purses in the order of charging: as bill and patient's city say.

    Refusals of a giver's purse: CityNotServed, PersonNotFound.
    """
    use = case.bill.account_use
    if use is AccountUse.NONE:  # hot path: most bills ask for no purse
        return ()
    return tuple(_purses(use, case, facts, cities))


def _purses(
    use: AccountUse, case: InsuredVisit, facts: Facts, cities: Cities
) -> Iterator[PurseTerms]:
    kinds: tuple[PurseKind, ...] = (PurseKind.OWN,)
    if use is AccountUse.CITY_ORDER:
        kinds = case.rules_now.value(CityRules.purse_order).order
    patient = case.patient
    for kind in kinds:
        if kind is PurseKind.GIVERS:
            for holder in case.givers:
                yield _giver(holder, case, facts, cities)
        elif has_purse(patient, facts.get(Account, patient.person_no)):
            yield _own(case, facts)


def _exclusion(case: InsuredVisit) -> Exclusion | None:
    situations = _situations(case)
    if not situations:
        return None
    enrolment = case.enrolment
    # In the city's order: where two apply, the first is the one a citizen reads.
    for exclusion in case.rules.value(CityRules.exclusions):
        if exclusion.situation in situations and exclusion.speaks_of(
            enrolment.scheme, enrolment.standing
        ):
            return exclusion
    return None


def _situations(case: InsuredVisit) -> list[Situation]:
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


def _is_covered(case: InsuredVisit, table: Table | Benefit) -> bool:
    """Return whether the table is for a visit of that kind."""
    kind = case.bill.visit_kind
    # Whether the fund pays at a pharmacy is the table's own question (`Table.pharmacy`).
    bought = kind is VisitKind.PHARMACY and case.grade.is_pharmacy
    return bought or kind in table.covers


def _uncovered(case: InsuredVisit, level: int, table: Table | Benefit) -> FundTerms:
    kind = TERMS[VisitKind][case.bill.visit_kind]
    if table.uncovered is not None:
        return _denied(case, level, table.uncovered.clause)
    clauses = table.clauses if isinstance(table, Table) else None
    cited = clauses.covers if clauses else ()
    return FundTerms(
        rule=case.rules.ref(CityRules.reimbursement, *cited),
        level=level,
        benefit=None,
        denied=f"{kind}不在门诊统筹的医疗类别之列",
    )


def _denied(
    case: InsuredVisit,
    level: int,
    clause: Clause,
    hook: Hook = CityRules.reimbursement,
) -> FundTerms:
    return FundTerms(
        rule=case.rules.ref(hook, clause),
        level=level,
        benefit=None,
        denied=clause.text,
    )


def _granted(case: InsuredVisit, level: int, table: Table) -> FundTerms:
    standing = case.enrolment.standing
    pharmacy = case.grade.is_pharmacy
    ranked = case.grade.level is not None or pharmacy
    cited = table.cited(standing, level, ranked=ranked, pharmacy=pharmacy)
    home = benefit_of(table, level, standing)
    fund = case.elsewhere.fund if case.elsewhere else None
    if not isinstance(fund, FundElsewhere):
        rule = case.rules.ref(CityRules.reimbursement, *cited)
        return FundTerms(rule=rule, level=level, benefit=home)
    return FundTerms(
        rule=_rule_elsewhere(case, cited, fund),
        level=level,
        benefit=replace(home, ratio_bp=fund.ratio_of(home.ratio_bp)),
        elsewhere=None if fund.as_at_home else fund,
        home_ratios_bp=(home.ratio_bp,),
    )


def _granted_by_row(case: InsuredVisit, level: int, benefit: Benefit) -> FundTerms:
    values = case_of(benefit, case, level)
    home = unfolded(benefit)[values]
    if isinstance(home, NoFund):
        return replace(
            _denied(case, level, home.clause), further=_further(case, level, benefit)
        )
    terms = FundTerms(
        rule=case.rules.ref(CityRules.reimbursement, *home.clauses),
        level=level,
        benefit=home,
        further=_further(case, level, benefit),
    )
    fund = case.elsewhere.fund if case.elsewhere else None
    if not isinstance(fund, FundElsewhere):
        return terms
    return replace(
        terms,
        rule=_rule_elsewhere(case, home.clauses, fund),
        benefit=_elsewhere(home, fund),
        elsewhere=None if fund.as_at_home else fund,
        home_ratios_bp=tuple([band.ratio_bp for band in home.bands]),
    )


def _rule_elsewhere(
    case: InsuredVisit, cited: tuple[Clause, ...], fund: FundElsewhere
) -> RuleRef:
    # What names no clauses rests on the whole rule: that is cited beside them.
    cited = cited or case.rules.answer(CityRules.reimbursement).clauses
    return case.rules.ref(CityRules.reimbursement, *cited, *fund.clauses)


def _elsewhere(row: Row, fund: FundElsewhere) -> Row:
    bands = [
        replaced(band, ratio_bp=fund.ratio_of(band.ratio_bp)) for band in row.bands
    ]
    return replaced(row, bands=tuple(bands))


def _further(
    case: InsuredVisit, level: int, benefit: Benefit
) -> tuple[FurtherTerms, ...]:
    """Return the rows of further payers, of those who pay in this case."""
    terms = []
    for further in benefit.then:
        own = further.benefit
        row = unfolded(own)[case_of(own, case, level)]
        if isinstance(row, Row):
            rule = case.rules.ref(CityRules.reimbursement, *row.clauses)
            terms.append(FurtherTerms(further.payer, rule, row))
    return tuple(terms)


def _level(grade: InstitutionGrade, entry: Table | Benefit | NoFund) -> int:
    if isinstance(entry, NoFund):
        return grade.level or 0
    if grade.is_pharmacy:
        return 0 if isinstance(entry.pharmacy, NoFund) else entry.pharmacy
    return grade.level or entry.unranked_as


def _own(case: InsuredVisit, facts: Facts) -> PurseTerms:
    uses = case.rules_now.value(CityRules.uses)
    patient = case.patient.person_no
    denied = spending_denied(uses, case.bill.spending)
    purse = Purse(
        owner=patient,
        kind=PurseKind.OWN,
        balance_fen=account_of(facts, patient).balance_fen,
        pays=NO_PART if denied else uses.own_pays,
    )
    cited = uses.clauses.never if denied else uses.clauses.own_pays
    rule = case.rules_now.ref(CityRules.uses, *cited)
    return PurseTerms(purse, rule, denied)


def _giver(holder: str, case: InsuredVisit, facts: Facts, cities: Cities) -> PurseTerms:
    """Return a giver's purse under today's rules, unusable unless the binding stands.

    PersonNotFound.
    """
    person = facts.get(Person, holder)
    if person is None:
        raise PersonNotFound(f"没有人员编号为 {holder} 的授权人", field="bill.givers")
    status = _status(person, case, facts, cities)
    if status.why:
        # Without a rule of its own: the city of the giver is not served.
        rule = status.rule or case.rules_now.ref(CityRules.scope)
        pays, denied = NO_PART, status.why
    else:
        rule, pays, denied = _given(person, case, facts, cities)
    balance_fen = account_of(facts, holder).balance_fen
    purse = Purse(holder, PurseKind.GIVERS, balance_fen, pays)
    digests = (status.rules_digest, *status.other_digests)
    return PurseTerms(purse, rule, denied, digests)


def _given(
    holder: Person, case: InsuredVisit, facts: Facts, cities: Cities
) -> tuple[RuleRef, frozenset[BillPart], str]:
    """Return the rule on a giver's purse, the parts it may pay, and why none, if so."""
    # The giver's own insured place decides what his purse may pay, not the patient's.
    rules = cities.of(holder.place_on(facts.today)).rules(facts.today)
    uses = rules.value(CityRules.uses)
    cited, denied = _giving(uses, case)
    pays = NO_PART if denied else uses.aid_pays
    return rules.ref(CityRules.uses, *cited), pays, denied


def _status(
    holder: Person, case: InsuredVisit, facts: Facts, cities: Cities
) -> BindingStatus:
    """Return how the binding by which a giver is asked stands today."""
    patient = case.patient
    statuses = [
        status_of(
            binding, holder, patient, cities, facts.today, purposes=(Purpose.VISIT,)
        )
        for binding in facts.where(Binding, "member", patient.person_no)
        if binding.holder == holder.person_no and binding.serves(Purpose.VISIT)
    ]
    # One that took an ended one's place at the very instant stands beside it.
    return first_to_stand(statuses)


def _giving(uses: Uses, case: InsuredVisit) -> tuple[tuple[Clause, ...], str]:
    """Return the clauses on a giver's purse, and why it may pay nothing, if so."""
    clauses = uses.clauses
    use = use_at(case.grade)
    left_by = case.bill.left_by
    if use not in uses.aid_at:
        return uses.opening(use), f"共济不得用于{TERMS[Use][use]}"
    if left_by is not None and left_by not in uses.aid_residue_of:
        care = TERMS[ResidueOf][left_by]
        return clauses.aid_residue_of, f"共济不得用于{care}支付后的剩余自付"
    denied = spending_denied(uses, case.bill.spending)
    if denied:
        return clauses.never, denied
    return _paying(uses, use, left_by), ""


def _paying(uses: Uses, use: Use, left_by: ResidueOf | None) -> tuple[Clause, ...]:
    """Return the clauses by which a giver's purse pays, none if a part names none."""
    parts = [uses.opening(use), uses.clauses.aid_pays]
    if left_by is not None:
        parts.append(uses.clauses.aid_residue_of)
    # A part without clauses rests on the whole rule.
    return tuple(chain.from_iterable(parts)) if all(parts) else ()


def spending_denied(uses: Uses, spending: Spending) -> str:
    """Return why no account pays what the money is spent on, "" if one may."""
    if spending not in uses.never:
        return ""
    return f"个人账户不得用于{TERMS[Spending][spending]}"
