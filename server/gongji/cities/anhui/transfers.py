"""The wallet (医保钱包): transfers to a relative's, and what one's own pays of a bill."""

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

S45 = Clause(
    "S45",
    "转述：医保钱包可用于就医、购药；安徽等15省可以变更使用地。",
    "医保钱包实用指南 2025-09-22",
    Grade.UNCONFIRMED,
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
    "不支付费用；"
    "尚未被接收的款项照常退回。",
)


T96 = Clause.assumption(
    "T96",
    "没有文件写明医保钱包怎样支付费用：由患者选择；在本人个人账户与授权人个人账户之后，"
    "支付本人个人账户可以支付的部分；钱包里的款项已归本人，转账冻结的款项不在钱包之中。",
)

T97 = Clause.assumption(
    "T97",
    "没有文件写明使用地以外的支付：就医地不在钱包使用地之内的，医保钱包不支付；"
    "使用地按统筹区比较，以结算当时的使用地为准。",
)


@hookimpl
def wallet_terms() -> Timeline[WalletTerms]:
    """每日3次、每笔2000元、22:00至6:00不转、前一笔未接收不转、次日6:00退回（S11）；
    支付费用排在账户之后，限使用地（推定 T96、T97）。"""
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
                paying=(S45, T96),
                place=(S45, T97),
            ),
        ),
        clauses=[S11, S45, T91, T92, T93, T94, T95, T96, T97],
        against=[S18],
        why="两份文件只写怎样开通（H2、H3）；限额出自官方的使用指南（S11）。"
        "退回的时刻S11为次日6:00，S18为6:00前：取S11，6:00整退回先于接收。",
    )
