"""滁州市的办理渠道：名称、入口、步骤（C2–C13，C69）。"""

from __future__ import annotations

from gongji import (
    Channel,
    ChannelClauses,
    ChannelKind,
    Clause,
    MaterialKind,
    MaterialNeed,
    Step,
)

from . import clauses as c


def steps(*clauses: Clause) -> tuple[Step, ...]:
    """原文每句一步。"""
    return tuple(Step(text=clause.text, clauses=(clause,)) for clause in clauses)


_BIND = "“个人账户共济绑定”→“使用我的个人账户共济”→“添加家庭成员”"

CHANNELS = {
    "minip_wechat": Channel(
        name="安徽医保公共服务小程序",
        kind=ChannelKind.MINI_PROGRAM,
        entry=_BIND,
        steps=steps(c.C2, c.C3, c.C4),
        clauses=(c.T_CZ10,),
    ),
    "city_wechat": Channel(
        name="“滁州医保”公众号",
        kind=ChannelKind.WECHAT,
        entry=f"“政务服务”→{_BIND}",
        steps=steps(c.C5, c.C6, c.C7, c.C8),
    ),
    "wanshitong": Channel(
        name="皖事通APP",
        kind=ChannelKind.APP,
        entry="“我的医保”→“业务办理”→“个人账户共济绑定”→“添加家庭成员”",
        steps=steps(c.C9, c.C10, c.C11, c.C12, c.C13),
        row_clauses=ChannelClauses(materials=(c.C13,)),
    ),
    "ehui_wechat": Channel(
        name="“安徽e保”微信小程序",
        kind=ChannelKind.MINI_PROGRAM,
        clauses=(c.C69, c.T_CZ6),
    ),
    "minip_alipay": Channel(
        name="支付宝小程序", kind=ChannelKind.MINI_PROGRAM, clauses=(c.C69, c.T_CZ6)
    ),
    "web_hall": Channel(
        name="安徽医保公共服务网上办事大厅",
        kind=ChannelKind.WEB,
        clauses=(c.C69, c.T_CZ6),
    ),
}

# C4 “等证明资料”不止两种; 出生医学证明同样证明亲子关系 (T-CZ40)
_PROOFS = (
    MaterialKind.MARRIAGE_CERTIFICATE,
    MaterialKind.HOUSEHOLD_REGISTER,
    MaterialKind.BIRTH_CERTIFICATE,
)


def _proof(
    *clauses: Clause, one_of: tuple[MaterialKind, ...] = _PROOFS
) -> tuple[MaterialNeed, ...]:
    name = "结婚证或居民户口簿等证明资料"
    need = MaterialNeed(name=name, one_of=one_of, clauses=(*clauses, c.T_CZ40))
    return (need,)


MATERIALS = {
    **dict.fromkeys(CHANNELS, _proof(c.C24, c.T_CZ6)),
    "minip_wechat": _proof(c.C4, c.C24),
    # C8 只写“相关证明资料”
    "city_wechat": _proof(
        c.C8,
        c.C24,
        one_of=(*_PROOFS, MaterialKind.OTHER_RELATIONSHIP_PROOF),
    ),
    # C13 皖事通的步骤没有上传
    "wanshitong": (),
}
