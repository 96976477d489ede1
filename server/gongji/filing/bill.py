"""What a bill's filing opens: care elsewhere, settled at the ratio of its kind."""

from __future__ import annotations

from msgspec import Struct

from gongji.cities.city import DayRules
from gongji.filing.make import filing_not_found
from gongji.model.facts import Facts, Need, by_key
from gongji.model.filing import Filing
from gongji.model.filing_refusals import (
    FilingNotForPlace,
    FilingNotForVisit,
    FilingNotOnDay,
    FilingOfAnother,
)
from gongji.model.people import Institution
from gongji.model.refusals import FilingRequired
from gongji.model.settlement import Bill
from gongji.rules.benefits import NoFund
from gongji.rules.clauses import Clause
from gongji.rules.codes import FilingKind, VisitKind, pooling_area
from gongji.rules.elsewhere import FilingTerms, FundElsewhere, OutOfArea
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import TERMS

_FIELD = "bill.filing_no"


class CareElsewhere(Struct, frozen=True):
    """Care in another pooling area, in words, and what the fund pays of it."""

    name: str
    fund: FundElsewhere | NoFund


def filing_needs(bill: Bill) -> list[Need]:
    """Return the filing that a bill names."""
    return [by_key(Filing, bill.filing_no)] if bill.filing_no else []


def care_elsewhere(
    bill: Bill, institution: Institution, place: str, rules: DayRules, facts: Facts
) -> CareElsewhere | None:
    """Return how a bill is paid elsewhere, None at home; a filing is not asked for there.

    FilingRequired, FilingNotFound, FilingOfAnother, FilingNotOnDay, FilingNotForPlace,
    FilingNotForVisit.
    """
    if pooling_area(institution.area_code) == pooling_area(place):
        return None
    terms = rules.value(CityRules.out_of_area)
    if bill.filing_no and not terms.kinds:
        return CareElsewhere("异地", FundElsewhere())
    if bill.filing_no:
        filing = _filing(bill, institution, place, rules, facts)
        return _filed_care(filing, bill, rules)
    if terms.exempts(institution.area_code):
        return CareElsewhere("免备案地区", terms.exempt_fund)
    # A claim is how a bill is paid that cannot be settled directly.
    if terms.filing_before_direct_settlement and not bill.claim_id:
        raise FilingRequired(
            f"{institution.name}不在参保地统筹区内，"
            "直接结算前须先办理异地就医备案并填写备案号（filing_no）",
            field=_FIELD,
            clauses=_clauses(terms, rules),
        )
    return CareElsewhere("未备案的异地就医", terms.unfiled_fund)


def _filing(
    bill: Bill, institution: Institution, place: str, rules: DayRules, facts: Facts
) -> Filing:
    """Return a bill's filing, which covers it. As `care_elsewhere`."""
    filing = facts.get(Filing, bill.filing_no)
    if filing is None:
        raise filing_not_found(_FIELD)
    clauses = _clauses(rules.value(CityRules.out_of_area), rules)
    _refuse_anothers(filing, bill, place, clauses)
    if not filing.covers_day(bill.service_day):
        raise FilingNotOnDay(
            f"所写的备案自 {filing.since} 起有效，{_end_in_words(filing)}，"
            f"不含就诊日 {bill.service_day}；请填写该日有效的备案号，没有的须另行备案",
            field=_FIELD,
            clauses=clauses,
        )
    if not filing.covers_place(institution.area_code):
        raise FilingNotForPlace(
            f"所写备案的就医地为 {'、'.join(filing.areas)}，"
            f"不含{institution.name}所在的 {institution.area_code}；"
            "请就该地另行备案后填写其编号",
            field=_FIELD,
            clauses=clauses,
        )
    return filing


def _refuse_anothers(
    filing: Filing, bill: Bill, place: str, clauses: tuple[Clause, ...]
) -> None:
    if filing.person_no != bill.patient:
        raise FilingOfAnother(
            "所写的备案不是患者本人的；请填写患者自己的备案号",
            field=_FIELD,
            clauses=clauses,
        )
    made_in = pooling_area(filing.area_code)
    if made_in and made_in != pooling_area(place):
        raise FilingOfAnother(
            f"所写的备案是在原参保地 {filing.area_code} 办理的，"
            f"就诊日参保地为 {place}；须在现参保地重新备案",
            field=_FIELD,
            clauses=clauses,
        )


def _filed_care(filing: Filing, bill: Bill, rules: DayRules) -> CareElsewhere:
    """Return care by a filing that covers day and place. FilingNotForVisit."""
    # One made under other rules, of a kind that is not filed now: as at home.
    unknown = FilingTerms()
    filed = rules.value(CityRules.out_of_area).kinds.get(filing.kind, unknown)
    if filed.visits and bill.visit_kind not in filed.visits:
        raise _not_for_visit(filing, filed, bill, rules)
    return CareElsewhere(TERMS[FilingKind][filing.kind], filed.fund)


def _not_for_visit(
    filing: Filing, filed: FilingTerms, bill: Bill, rules: DayRules
) -> FilingNotForVisit:
    covered = "、".join(TERMS[VisitKind][kind] for kind in filed.visits)
    return FilingNotForVisit(
        f"{TERMS[FilingKind][filing.kind]}备案只用于{covered}，"
        f"不含{TERMS[VisitKind][bill.visit_kind]}；请填写另一备案的编号，没有的须另行备案",
        field=_FIELD,
        clauses=filed.clauses or _clauses(rules.value(CityRules.out_of_area), rules),
    )


def _end_in_words(filing: Filing) -> str:
    if filing.ended is not None:
        return f"自 {filing.ended} 起终止"
    return f"至 {filing.until} 为止" if filing.until else "长期有效"


def _clauses(terms: OutOfArea, rules: DayRules) -> tuple[Clause, ...]:
    return terms.filing_clauses or rules.answer(CityRules.out_of_area).clauses
