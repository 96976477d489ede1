"""The province's assumptions (推定, T): what no document says and a rule must say all the same."""

from __future__ import annotations

from gongji.rules.clauses import Clause

T1 = Clause.assumption("T1", "统筹基金支付额按每次就诊计算一次，四舍五入到分。")

T2 = Clause.assumption(
    "T2", "先用使用人本人个人账户，再按绑定生效先后用授权人个人账户，最后现金。"
)

T3 = Clause.assumption("T3", "绑定申请提交后30日内无人答复的，自动失效。")

T4 = Clause.assumption("T4", "任何一笔结算均可撤销，不论其后有无新的结算。")

T5 = Clause.assumption("T5", "未定级医疗机构按一级执行。")

T6 = Clause.assumption(
    "T6", "C59、C60、C61只写定点医疗机构，定点零售药店购药统筹基金不予支付。"
)

T7 = Clause.assumption("T7", "A27的审核时限出自安庆，省内没有自己规定的城市比照执行。")

T8 = Clause.assumption("T8", "本人个人账户可以支付本人应负担的任何部分。")

T9 = Clause.assumption("T9", "没有文件规定家庭账户人数的城市，不限人数。")

T10 = Clause.assumption(
    "T10", "一名使用人可由几名授权人共济，两份文件均未规定，不设限。"
)

T11 = Clause.assumption(
    "T11",
    "没有文件规定服务时间的城市，线上渠道全天受理，窗口比照安庆（A42）于工作日9:00-17:00受理。",
)

T12 = Clause.assumption(
    "T12", "A13、A14、A25、A26、A36出自安庆，省内没有自己规定的城市比照执行。"
)

T13 = Clause.assumption(
    "T13",
    "起付标准与年度支付限额按就诊日所在自然年累计；先低后高跨级就诊的，起付标准补足差额。",
)

T14 = Clause.assumption(
    "T14",
    "C58至C62写明为职工医保普通门诊待遇，城乡居民医保参保人不适用，统筹基金不予支付。",
)

T15 = Clause.assumption(
    "T15", "C30的解绑流程出自滁州，省内没有自己规定的城市比照执行；确认后立即停止使用。"
)

T16 = Clause.assumption(
    "T16", "C55至C57、C63至C66出自滁州所载的省定改革，省内没有自己规定的城市比照执行。"
)

T17 = Clause.assumption(
    "T17", "C70至C74的查询入口是全省共用的皖事通，省内各城市比照执行。"
)

T18 = Clause.assumption(
    "T18", "线上渠道能从登记信息查到亲属关系的不要求关系证明，查不到的须提供关系证明。"
)

T31 = Clause.assumption(
    "T31",
    "授权人或使用人暂停参保期间，绑定暂停但仍占用家庭账户名额；终止参保、死亡、"
    "转出共济范围的，名额自当日起空出。",
)

T30 = Clause.assumption(
    "T30",
    "个人账户的月度划入以当月最后一日的参保状态、人员类别、缴费基数和规则为准，"
    "与何日办理划入无关；两份文件均未规定划入日。",
)

T47 = Clause.assumption(
    "T47",
    "同一授权人与同一使用人之间只保留一项绑定；已绑定或正在办理的，解绑之后才能重新申请。",
)

T19 = Clause.assumption("T19", "使用人未满18周岁的，由其监护人代为同意。")

T20 = Clause.assumption(
    "T20",
    "登记信息查得到的婚姻不再核对年龄；性别看不出的，按男女中较小的年龄核对。",
)

T71 = Clause.assumption(
    "T71",
    "A14的实名认证也及于使用人；渠道没有报送使用人身份核验的，"
    "以本人账户、手机验证码、窗口当面或监护人的同意视为已完成。",
)

T110 = Clause.assumption(
    "T110",
    "授权人与使用人在省内两个城市参保的，两地各问本地的人，都同意才能绑定；"
    "任一地须审核的即审核，由授权人参保地审核一次，以较晚的期限为准；"
    "两份文件均未规定由哪一地问什么。",
)
