"""Transfers to a relative's wallet (医保钱包转账): how many, how much, when, and back."""

from __future__ import annotations

from datetime import time

from gongji.cities.anhui.since import provincial
from gongji.rules.clauses import Clause, Grade, Timeline
from gongji.rules.hookspecs import hookimpl
from gongji.rules.wallet import WalletClauses, WalletTerms

S11 = Clause(
    "S11",
    "转述：亲属之间以医保钱包转账，接收人须接收；每个钱包每日不超过3次，每笔不超过2000元，"
    "22:00至次日6:00不得转账；前一笔未被接收的，不得再转；未被接收的，次日6:00退回。",
    "秦安县人民政府 医保钱包使用指南",
    Grade.OFFICIAL,
    verified_on="2026-11-30",
)

S18 = Clause(
    "S18",
    "转述：接收人未开通医保钱包的，转账不成功；未被接收的，次日6:00前退回。",
    "河南商报 2025-09-19",
    Grade.UNCONFIRMED,
)

T91 = Clause.assumption(
    "T91",
    "医保钱包转账的次数按上海时间的日历日计，无论其后是否被接收；"
    "22:00整起不得转账，6:00整起可以转账。",
)

T92 = Clause.assumption(
    "T92",
    "没有文件写明6:00整接收与退回孰先：自次日6:00整起不再接收，款项退回；"
    "被拒收的与未被接收的同时退回。",
)

T93 = Clause.assumption(
    "T93",
    "医保钱包转出的是转账人本人个人账户的余额，退回时回到该账户；"
    "钱包里收到的款项不再转出。",
)

T94 = Clause.assumption(
    "T94",
    "转账只在亲属之间：接收人与转账人的关系由转账人声明，须在参保地规定的亲属范围之内；"
    "接收人未开通医保钱包的，转账不成功。",
)

T95 = Clause.assumption(
    "T95",
    "没有文件写明死亡之后的医保钱包：登记死亡的次日起，不开通，不转出，不接收；"
    "尚未被接收的款项照常退回。",
)


@hookimpl
def wallet_terms() -> Timeline[WalletTerms]:
    """每日3次、每笔2000元、22:00至6:00不转、前一笔未接收不转、次日6:00退回（S11）。"""
    return provincial(
        WalletTerms(
            transfers_a_day=3,
            most_fen=2000_00,
            closed_from=time(22),
            closed_until=time(6),
            returns_at=time(6),
            clauses=WalletClauses(
                number=(S11, T91),
                amount=(S11, T93),
                hours=(S11, T91),
                waiting=(S11,),
                returning=(S11, T92),
                receiver=(T94,),
                relation=(S11, T94),
                alive=(T95,),
            ),
        ),
        clauses=[S11, T91, T92, T93, T94, T95],
        against=[S18],
        why="两份文件只写怎样开通（H2、H3）；限额出自官方的使用指南（S11）。"
        "退回的时刻S11为次日6:00，S18为6:00前：取S11，6:00整退回先于接收。",
    )
