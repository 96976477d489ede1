"""Phrases of rules about people and bindings."""

from __future__ import annotations

from gongji.rules.binding import (
    AgreementTerms,
    ConsentTerms,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    Identity,
    MarriageTerms,
    NoLimit,
    NotOffered,
    RelationSet,
    Unbinding,
)
from gongji.rules.codes import EnrolmentStatus
from gongji.rules.phrases.base import NOTHING, phrase
from gongji.rules.terms import KIN


def act_in_words(terms: AgreementTerms) -> str:
    """Return what the holder does with which agreement: "签署《电子协议》"."""
    title = terms.title if terms.title.startswith("《") else f"《{terms.title}》"
    return f"{terms.act}{title}"


def relations_left_out(relations: RelationSet) -> tuple[str, ...]:
    """Return the relations people commonly ask for that the set does not admit."""
    left_out = []
    for name, codes in KIN:
        if relations.codes.isdisjoint(codes.split()):
            left_out.append(name)
    return tuple(left_out)


@phrase.register
def _(value: Identity) -> str:
    return f"{value.name}（{value.area_code}）"


@phrase.register
def _(value: EnrolmentTerms) -> str:
    schemes = phrase(value.schemes).replace("、", "或")
    also = "，或正在办理参保" if value.or_enrolling else ""
    if value.statuses == {EnrolmentStatus.NORMAL}:
        return f"正常参加{schemes}{also}"
    statuses = phrase(value.statuses).replace("、", "或")
    return f"参加{schemes}（{statuses}）{also}"


@phrase.register
def _(value: NotOffered) -> str:
    return f"不提供（{value.clause.id}：{value.clause.text}）"


@phrase.register
def _(value: RelationSet) -> str:
    # What the codes come to, not what the name claims: a changed code must show.
    unnamed = set(value.codes)
    named = []
    for name, codes in KIN:
        group = set(codes.split())
        if group <= value.codes:
            named.append(name)
            unnamed -= group
    if unnamed:
        named.append(f"GB/T 4761代码{'、'.join(sorted(unnamed))}")
    name = value.name.partition("（")[0]
    return f"{name}：{'、'.join(named) or NOTHING}"


@phrase.register
def _(value: MarriageTerms) -> str:
    limited = not isinstance(value.spouses, NoLimit)
    spouses = f"同一时间至多{value.spouses}名配偶" if limited else "配偶人数不设限"
    ages = {"丈夫": value.husband_years, "妻子": value.wife_years}
    asked = [f"{who}须满{years}周岁" for who, years in ages.items() if years]
    unproved = f"；登记中没有婚姻记录的，{'，'.join(asked)}" if asked else ""
    return f"{spouses}{unproved}"


@phrase.register
def _(value: FamilyLimit) -> str:
    counting = "含" if value.counting_holder else "不含"
    return f"最多{value.people}人（{counting}授权人本人）"


@phrase.register
def _(value: GiverLimit) -> str:
    return f"最多由{value.givers}名授权人共济"


@phrase.register
def _(value: ConsentTerms) -> str:
    if not value.required:
        instead = f"，以{value.in_place_of_it}代替" if value.in_place_of_it else ""
        return f"不另行取得使用人同意{instead}"
    years = value.guardian_below_years
    minors = f"，未满{years}周岁的由监护人代为同意" if years else ""
    checked = value.member_checked_by
    checks = f"，使用人须完成{phrase(checked).replace('、', '或')}" if checked else ""
    return f"须使用人本人知情同意{minors}{checks}"


@phrase.register
def _(value: AgreementTerms) -> str:
    return f"{act_in_words(value)}（{value.agreement_id}，版本{value.version}）"


@phrase.register
def _(value: Unbinding) -> str:
    return f"{phrase(value.procedure)}；确认后立即停止使用"
