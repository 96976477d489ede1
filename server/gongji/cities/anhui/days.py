"""Sentences on days: how a deadline (期限) is reckoned, which days are holidays (节假日)."""

from __future__ import annotations

from gongji.rules.clauses import Clause, Grade

_CIVIL_CODE = "中华人民共和国民法典（2021年1月1日起施行）"

L201 = Clause(
    "L201",
    "按照年、月、日计算期间的，开始的当日不计入，自下一日开始计算。",
    f"{_CIVIL_CODE}第二百零一条",
    Grade.OFFICIAL,
)

L203 = Clause(
    "L203",
    "期间的最后一日的截止时间为二十四时；有业务时间的，停止业务活动的时间为截止时间。",
    f"{_CIVIL_CODE}第二百零三条",
    Grade.OFFICIAL,
)

F2 = Clause(
    "F2",
    "全体公民放假的节日：（一）元旦，放假1天（1月1日）；"
    "（二）春节，放假4天（农历除夕、正月初一至初三）；"
    "（三）清明节，放假1天（农历清明当日）；（四）劳动节，放假2天（5月1日、2日）；"
    "（五）端午节，放假1天（农历端午当日）；（六）中秋节，放假1天（农历中秋当日）；"
    "（七）国庆节，放假3天（10月1日至3日）。",
    "全国年节及纪念日放假办法（2025年1月1日起施行）第二条",
    Grade.OFFICIAL,
)

T51 = Clause.assumption(
    "T51",
    "没有文件写明审核时限怎样计算，比照民法典（L201、L203）；"
    "线上申请也以窗口停止办理的时间（A42）为准。",
)

T52 = Clause.assumption(
    "T52",
    "工作日以国务院公布的当年放假和补班安排为准；尚未公布的年份，"
    "周一至周五除法定节日（F2）外都是工作日，所得期限和开放时间为暂定。",
)
