"""What holder and member are to each other (亲属关系): admitted, possible, one spouse only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gongji.binding import corrections, remedies
from gongji.binding.case import (
    Case,
    Unmet,
    not_met,
)
from gongji.binding.kinship import (
    SPOUSE,
    birth_of,
    kind_of,
)
from gongji.model.certificates import is_male
from gongji.model.conditions import ConditionCode, FieldRef
from gongji.model.people import Person
from gongji.rules.binding import MarriageTerms, NoLimit
from gongji.rules.hookspecs import CityRules

RELATION: Final = (FieldRef("relation"),)


def related(case: Case) -> Iterator[Unmet]:
    """The relation is one the city admits, and the registry does not say otherwise."""
    allowed = case.rules.value(CityRules.relations)
    claimed = case.application.relation
    if claimed not in allowed.codes:
        message = f"关系代码 {claimed} 不属于{allowed.name}"
        code, fields = ConditionCode.RELATION_NOT_ADMITTED, RELATION
        yield not_met(case, CityRules.relations, code, message, fields=fields)
    elif case.relation_contradicted:
        member = case.member.person_no
        codes = {
            kin.relation
            for kin in case.holder.kin
            if kin.person_no == member and kin.covers(case.today)
        }
        yield not_met(
            case,
            CityRules.relations,
            ConditionCode.RELATION_CONTRADICTED,
            f"申报的关系代码 {claimed} 与登记的亲属关系不一致",
            *map(corrections.state_relation, sorted(codes)),
            fields=RELATION,
        )


def born_in_order(case: Case) -> Iterator[Unmet]:
    """The birth dates allow the relation: no son is older than his father."""
    birth = birth_of(case.application.relation)
    own, theirs = case.holder.born, case.member.born
    if birth is None or own is None or theirs is None:
        return
    # What the registry says the relation is comes first; nobody is his own relative.
    if case.relation_contradicted or case.same_person:
        return
    if not birth.possible(theirs, own):
        yield not_met(
            case,
            CityRules.relations,
            ConditionCode.BIRTHS_CONTRADICT_RELATION,
            f"双方的出生日期不可能是申报的关系（代码 {case.application.relation}）；"
            "养子女、继子女与养父母、继父母另有代码27、37、57、58",
            fields=RELATION,
        )


def one_spouse(case: Case) -> Iterator[Unmet]:
    """Neither has another spouse: in force, applied for, or in the registry."""
    terms = case.rules.value(CityRules.marriage)
    if isinstance(terms.spouses, NoLimit) or not _claims_marriage(case):
        return
    sides = (
        ("holder", "授权人", case.holder, case.member),
        ("member", "使用人", case.member, case.holder),
    )
    for side, who, person, spouse in sides:
        others = case.spouses_of(person)
        others.pop(spouse.person_no, None)
        # With as many others there is no place for this one.
        if len(others) < terms.spouses:
            continue
        for other, binding_id in others.items():
            yield _another_spouse(case, side, who, other, binding_id)


def _another_spouse(
    case: Case, side: str, who: str, other: str, binding_id: str
) -> Unmet:
    person = case.holder if side == "holder" else case.member
    if binding_id and side == "member":
        # The binding is between others than the applicant: its id is theirs.
        sentence = f"{who}已以配偶关系与他人绑定或正在办理"
        change = remedies.unbind_spouse(binding_id, f"{who}先解除与他人的配偶绑定")
    elif binding_id:
        sentence = f"{who}已以配偶关系与他人绑定或正在办理（绑定编号 {binding_id}）"
        change = remedies.unbind(binding_id)
    else:
        sentence = f"{who}在登记中另有配偶"
        change = remedies.end_marriage(side, who, person.person_no, other)
    hook = CityRules.marriage
    clauses = case.rules.value(hook).clauses.spouses
    code = _OTHER_SPOUSE[side]
    fields = (FieldRef(side),)
    return not_met(case, hook, code, sentence, change, fields=fields, clauses=clauses)


_OTHER_SPOUSE: Final = {
    "holder": ConditionCode.HOLDER_HAS_SPOUSE,
    "member": ConditionCode.MEMBER_HAS_SPOUSE,
}


def of_marriage_age(case: Case) -> Iterator[Unmet]:
    """Spouses whose marriage is not on record are old enough to have married."""
    if not _claims_marriage(case) or case.relation_on_record:
        return
    terms = case.rules.value(CityRules.marriage)
    sides = (
        ("holder", "授权人", case.holder, ConditionCode.HOLDER_BELOW_MARRIAGE_AGE),
        ("member", "使用人", case.member, ConditionCode.MEMBER_BELOW_MARRIAGE_AGE),
    )
    for side, who, person, below in sides:
        years = _marriage_age(case, person, terms)
        if years and person.younger_than(years, case.today):
            yield not_met(
                case,
                CityRules.marriage,
                below,
                f"{who}未满{years}周岁，登记中也没有婚姻记录，不能以配偶关系绑定",
                fields=(*RELATION, FieldRef(side)),
                clauses=terms.clauses.age,
            )


def _claims_marriage(case: Case) -> bool:
    """Return whether the two are stated to be spouses; nobody is his own."""
    return kind_of(case.application.relation) == SPOUSE and not case.same_person


_HUSBAND, _WIFE = "11", "12"


def _marriage_age(case: Case, person: Person, terms: MarriageTerms) -> int:
    """Return the age a husband or wife has at least; the lower one if nothing tells."""
    stated = {_HUSBAND: True, _WIFE: False}.get(case.application.relation)
    if stated is not None and person.person_no == case.holder.person_no:
        stated = not stated
    in_number = is_male(person.certificate.type, person.certificate.number)
    male = stated if in_number is None else in_number
    if male is None:
        return min(terms.husband_years, terms.wife_years)
    return terms.husband_years if male else terms.wife_years
