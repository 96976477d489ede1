"""Assumptions (推定) on what the fund and the purses pay where no document says it."""

from __future__ import annotations

from gongji.rules.clauses import Clause

T41 = Clause.assumption(
    "T41",
    "C63只写在职职工；退休职工停止参保待遇期间发生的门诊费用，比照在职职工，统筹基金不予支付。",
)

T42 = Clause.assumption(
    "T42",
    "C63至C66只写职工医保；城市另有城乡居民医保门诊待遇的，停缴期间、住院期间、其他待遇支付后的"
    "剩余自付和不符合政策的费用，比照职工，统筹基金不予支付。",
)

T43 = Clause.assumption(
    "T43",
    "C58、C99、C101只写普通门诊；急诊、意外伤害、生育门诊、门诊两病、特药等其他门诊费用，"
    "没有文件写明由门诊统筹支付，统筹基金不予支付，个人账户照常支付。",
)

T44 = Clause.assumption(
    "T44",
    "A3、A10写门诊就医；住院费用的剩余自付不是门诊费用，共济账户不予支付；"
    "门诊慢特病是门诊就医，其剩余自付可以由共济账户支付。",
)

T45 = Clause.assumption(
    "T45", "居民医保个人缴费只有滁州写明（C68），没有写明的城市共济不提供该用途。"
)

T46 = Clause.assumption(
    "T46",
    "几项绑定在同一时刻生效的，按绑定编号先后扣款；S38称顺序可由使用人调整，未经证实，不采用。",
)
