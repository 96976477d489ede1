"""Sentences on premiums of relatives (代缴居民医保): how much, of which year, and back."""

from __future__ import annotations

from gongji.rules.clauses import Clause

T60 = Clause.assumption(
    "T60",
    "C68只写可以缴纳，没有文件写明数额：居民医保个人缴费每人每年不低于10元、不高于5000元，"
    "超出此范围的视为填写有误。",
)

T61 = Clause.assumption(
    "T61", "没有文件写明可缴哪些年度的居民医保费：可缴当年与次年的，不补缴以前年度的。"
)

T62 = Clause.assumption(
    "T62",
    "没有文件写明代缴后能否退费：缴费年度开始（1月1日）之前，或缴费后30日内，可以退费；"
    "退回原支付的个人账户，此后可以重新缴纳。",
)
