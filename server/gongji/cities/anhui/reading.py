"""What people read: the wallet, enquiries, the policy's background."""

from __future__ import annotations

from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui.since import provincial, step
from gongji.rules.channels import (
    Note,
    Procedure,
)
from gongji.rules.clauses import Candidate, Timeline
from gongji.rules.hookspecs import hookimpl
from gongji.rules.wallet import Wallet


@hookimpl
def wallet() -> Timeline[Wallet]:
    """进入【医保钱包】，确认使用，选择使用地并填写手机号（H2，H3）；开通钱包不产生绑定。"""
    opening = (
        "下载并登录“国家医保服务平台”APP",
        "进入【医保钱包】专区，点击“确认使用钱包”",
    )
    steps = (*(step(text, c.H2) for text in opening), step(c.H3.text, c.H3))
    return provincial(
        Wallet(procedure=Procedure(title="开通医保钱包", steps=steps), binds=False),
        clauses=[c.H2, c.H3],
        against=[c.A1],
        why="X14：医保钱包与共济绑定是两项业务；开通钱包不建立授权人与使用人之间的关系。",
        settles=[c.X14],
    )


@hookimpl
def enquiries() -> Timeline[tuple[Procedure, ...]]:
    """皖事通“共济消费查询”（C70–C74）。"""
    steps = tuple(
        step(clause.text, clause) for clause in (c.C70, c.C71, c.C72, c.C73, c.C74)
    )
    return provincial(
        (Procedure(title="皖事通APP“共济消费查询”", steps=steps),),
        clauses=[c.C70, c.C71, c.C72, c.C73, c.C74, t.T17],
        why="皖事通是全省共用的APP；网页与窗口查询只见于滁州，作为滁州的值。",
    )


@hookimpl
def notes() -> Timeline[tuple[Note, ...]]:
    """机制的来历（A6）与异地报销的现状（C86）。"""
    return provincial(
        (Note(heading="政策背景", clause=c.A6), Note(heading="异地就医", clause=c.C86)),
        clauses=[c.A6, c.C86],
    )


@hookimpl
def candidates() -> tuple[Candidate, ...]:
    """全省没有候选修订；候选由各市自己列出。"""
    return ()
