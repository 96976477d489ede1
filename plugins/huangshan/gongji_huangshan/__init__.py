"""黄山市的规则：文件只写了医保钱包与就医携带的材料，没有写自己的绑定渠道；其余从省级规则。"""

from __future__ import annotations

from gongji import (
    Candidate,
    Identity,
    Note,
    Procedure,
    Step,
    Timeline,
    Wallet,
    hookimpl,
    ruled,
)

from . import clauses as c
from .revisions import REVISIONS

SINCE = "2022-07-01"
"""省级机制的起始日（C53）。"""


@hookimpl
def identity() -> Identity:
    """黄山市，医保区划 341000。"""
    return Identity(area_code="341000", name="黄山市")


@hookimpl
def wallet() -> Timeline[Wallet]:
    """进入【医保钱包】，点击“确认使用钱包”，选择使用地并填写手机号（H2，H3）；
    开通钱包不产生绑定。"""
    opening = (
        Step(text="下载并登录“国家医保服务平台”APP", clauses=(c.H2,)),
        Step(text="进入【医保钱包】专区，点击“确认使用钱包”", clauses=(c.H2,)),
        Step(text="选择使用地，填写绑定的手机号，点击“立即确认使用”", clauses=(c.H3,)),
    )
    return ruled(
        Wallet(procedure=Procedure(title="开通医保钱包", steps=opening), binds=False),
        since=SINCE,
        clauses=[c.H2, c.H3],
        against=[c.A1, c.A19],
        why=(
            "X14：H2把开通钱包写作“绑定”，共济绑定是授权人与使用人的关系（A1）；"
            "两项业务分开，开通钱包不绑定任何人。"
        ),
        settles=[c.X14],
    )


@hookimpl
def notes() -> Timeline[tuple[Note, ...]]:
    """就医时出示社会保障卡或电子医保凭证（H10–H13）。"""
    carried = (c.H10, c.H11, c.H12, c.H13)
    return ruled(
        tuple(Note(heading="就医携带材料", clause=clause) for clause in carried),
        since=SINCE,
        clauses=carried,
        why="就医时出示什么由 visit_evidence 规定（全省相同）；这里只把原文写入指南。",
    )


@hookimpl
def candidates() -> tuple[Candidate, ...]:
    """未经证实或出自外省的修订，见 revisions.py；运营方写明起始日并采用之前不决定任何事项。"""
    return REVISIONS
