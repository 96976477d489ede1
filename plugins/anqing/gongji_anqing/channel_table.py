"""安庆市的办理渠道：名称、步骤、服务时间，以及指南对比表每一格所依据的条款（A17–A42）。"""

from __future__ import annotations

from datetime import time

from gongji import (
    Across,
    Channel,
    ChannelClauses,
    ChannelKind,
    CounterHours,
    MarkKind,
    Step,
)

from . import clauses as c

_OFFICE_HOURS = CounterHours(opens=time(9), closes=time(17))
"""工作日9:00-17:00（A42）。"""

_WANSHITONG = (
    Step(
        text="登录皖事通APP,定位至“安庆市”",
        caution="确保定位准确，选择对应城市服务",
        clauses=(c.A23,),
    ),
    Step(
        text="进入“医保”频道，点击“家庭共济”",
        caution="需完成实名认证及人脸识别",
        clauses=(c.A24,),
    ),
    Step(
        text="选择“添加共济成员”",
        caution="输入使用人姓名、身份证号、医保参保地",
        clauses=(c.A25,),
    ),
    Step(
        text="确认关系并签署电子协议",
        caution="关系类型需如实选择（配偶、子女、父母等）",
        clauses=(c.A26,),
    ),
    Step(text="提交申请，等待系统审核", clauses=(c.A27,)),
)
_MINI_PROGRAM = (
    Step(text="注册登录后，点击“我要办”→“个人账户共济”", clauses=(c.A18,)),
    Step(text="填写共济成员信息并提交", clauses=(c.A18,)),
)
_AT_COUNTER = (
    Step(text="携带身份证、社保卡、关系证明原件", clauses=(c.A22, c.A36)),
    Step(text="由工作人员查验后当场办理", caution="需现场排队", clauses=(c.A30, c.A33)),
)
CHANNELS = {
    "wanshitong": Channel(
        name="皖事通APP",
        kind=ChannelKind.APP,
        entry="“医保”专区→“家庭共济”",
        steps=_WANSHITONG,
        ease="高（集成于常用政务平台）",
        audience="熟悉智能手机操作者",
        clauses=(c.A17, c.A31, c.A37, c.A40),
        row_clauses=ChannelClauses(
            ease=(c.A31,), materials=(c.A34,), audience=(c.A37,), hours=(c.A40,)
        ),
    ),
    **{
        number: Channel(
            name=name,
            kind=ChannelKind.MINI_PROGRAM,
            entry="“我要办”→“个人账户共济”",
            steps=_MINI_PROGRAM,
            ease="高（微信/支付宝入口便捷）",
            audience="各类用户",
            clauses=(c.A18, c.A32, c.A38, c.A41),
            short_name="安徽医保小程序",
            row_clauses=ChannelClauses(
                ease=(c.A32,), materials=(c.A35,), audience=(c.A38,), hours=(c.A41,)
            ),
        )
        for number, name in (
            ("minip_wechat", "安徽医保公共服务小程序（微信）"),
            ("minip_alipay", "安徽医保公共服务小程序（支付宝）"),
        )
    },
    "national_app": Channel(
        name="国家医保服务平台APP",
        kind=ChannelKind.APP,
        audience="异地共济或跨省备案人员",
        across=Across.ONLY_ACROSS_AREAS,
        also_for=frozenset({MarkKind.CROSS_PROVINCE_FILING}),
        clauses=(c.A19, c.T_AQ2),
    ),
    "window": Channel(
        name="安庆市各级医保经办服务窗口",
        kind=ChannelKind.COUNTER,
        hours=_OFFICE_HOURS,
        steps=_AT_COUNTER,
        ease="中（需现场排队）",
        audience="老年人、不熟悉线上操作者",
        clauses=(c.A20, c.A33, c.A39, c.A42),
        short_name="线下窗口",
        row_clauses=ChannelClauses(
            ease=(c.A33,), materials=(c.A36,), audience=(c.A39,), hours=(c.A42,)
        ),
    ),
    "bank": Channel(
        name="合作银行医保服务网点（建设银行、工商银行等）",
        kind=ChannelKind.BANK,
        hours=_OFFICE_HOURS,
        steps=_AT_COUNTER,
        clauses=(c.A21, c.T_AQ1),
        row_clauses=ChannelClauses(materials=(c.A36, c.T_AQ1), hours=(c.A42, c.T_AQ1)),
    ),
}
