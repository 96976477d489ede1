"""Who may be bound with whom (授权人、使用人), in the whole province."""

from __future__ import annotations

from collections.abc import Mapping

from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import law, paying
from gongji.cities.anhui.since import provincial
from gongji.rules import binding as r
from gongji.rules.clauses import Timeline
from gongji.rules.codes import Purpose, Scheme
from gongji.rules.hookspecs import hookimpl


@hookimpl
def holder_terms() -> Timeline[r.EnrolmentTerms]:
    """主账户人：安徽省内正常参加职工基本医疗保险的参保人员（A8）。"""
    return provincial(
        r.EnrolmentTerms(schemes=frozenset({Scheme.EMPLOYEE}), clauses=(c.A8,)),
        clauses=[c.A8, c.A6, c.C53],
        against=[c.A2, c.C1],
        why=(
            "X12：两份文件都写机制自2022年起，C53写明2022年7月1日；"
            "2025年是网页的年份，不是起始日。"
        ),
        settles=[c.X12],
    )


@hookimpl
def member_terms() -> Timeline[Mapping[Purpose, r.EnrolmentTerms | r.NotOffered]]:
    """使用人须为安徽省内基本医疗保险参保人，含职工医保、城乡居民医保（A9）；
    不提供居民医保缴费（推定 T45）。"""
    return provincial(
        {
            Purpose.VISIT: r.EnrolmentTerms(
                schemes=frozenset({Scheme.EMPLOYEE, Scheme.RESIDENT}), clauses=(c.A9,)
            ),
            Purpose.RESIDENT_PREMIUM: r.NotOffered(paying.T45),
        },
        clauses=[c.A9, paying.T45],
        against=[c.C21, c.C68],
        why=(
            "X4：按用途分开。就医购药按A9，职工与居民均可；"
            "居民医保缴费只有滁州写明（C68），全省不提供该用途。"
        ),
        settles=[c.X4],
    )


@hookimpl
def relations() -> Timeline[r.RelationSet]:
    """主账户人的配偶、父母、子女等近亲属（A9）；近亲属的范围依 S9。"""
    return provincial(
        r.CLOSE,
        clauses=[c.A9, c.S9],
        against=[c.A3, c.C26, c.C67, c.S8],
        why=(
            "X5：A9写近亲属且主语是全省；近亲属包括哪些人，两份文件未写，依S9；"
            "S8称2024年8月起才扩大，未经证实。"
        ),
        settles=[c.X5],
    )


@hookimpl
def marriage() -> Timeline[r.MarriageTerms]:
    """一夫一妻，禁止重婚（L1041，L1042）；结婚年龄男22周岁、女20周岁（L1047）。"""
    return provincial(
        r.MarriageTerms(
            spouses=1,
            husband_years=22,
            wife_years=20,
            clauses=r.MarriageClauses(
                spouses=(law.L1041, law.L1042), age=(law.L1047, t.T20)
            ),
        ),
        clauses=[law.L1041, law.L1042, law.L1047, t.T20],
        why=(
            "两份文件只写“配偶”；同一时间有几名、何时可以结婚依法律。登记中查得到的婚姻"
            "已由婚姻登记机关核过年龄，民族自治地方另有规定的也在其中，不再问年龄。"
        ),
    )


@hookimpl
def scope() -> Timeline[r.Scope]:
    """使用人须为安徽省内参保人（A9）：省内可跨统筹区。"""
    return provincial(
        r.Scope.PROVINCE,
        clauses=[c.A9],
        against=[c.C27, c.C28],
        why="X3：A9的主语是全省；同一统筹区的要求只见于滁州网页，作为滁州的值。跨省只有医保钱包。",
        settles=[c.X3],
    )


@hookimpl
def family_limit() -> Timeline[r.FamilyLimit | r.NoLimit]:
    """限额管理只限金额，不限人数（A15）。"""
    return provincial(
        r.NO_LIMIT,
        clauses=[c.A15, t.T9],
        against=[c.C22, c.S27],
        why="X6：7人的规定只见于滁州网页（C22）；写作全省的S27未经证实，只作候选。",
        settles=[c.X6],
    )


@hookimpl
def giver_limit() -> Timeline[r.GiverLimit | r.NoLimit]:
    """一名使用人可由几名授权人共济，不设限（推定 T10）。"""
    return provincial(
        r.NO_LIMIT,
        clauses=[t.T10, c.S31, c.S32],
        against=[c.S29],
        why="两份文件未规定；亳州、铜陵允许多名授权人（S31、S32），"
        "宣城只许一名（S29），均未经证实。",
    )


@hookimpl
def lapsed_places() -> Timeline[r.LapsedPlaces]:
    """暂停期间仍占用名额（推定 T31）。"""
    why = "暂停可以恢复；恢复时名额已被他人占用会使同一绑定失效，两份文件均未规定。"
    return provincial(r.LapsedPlaces.KEPT, clauses=[t.T31], why=why)
