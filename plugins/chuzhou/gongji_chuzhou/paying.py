"""滁州市的推定：文件没有写明的，统筹基金和个人账户付不付。"""

from __future__ import annotations

from gongji import Clause

T_CZ13 = Clause.assumption(
    "T-CZ13",
    "C63只写在职职工；退休职工停止参保待遇期间发生的门诊费用，比照在职职工，统筹基金不予支付。",
)
T_CZ14 = Clause.assumption(
    "T-CZ14",
    "C58只写普通门诊；急诊、意外伤害、生育门诊、门诊两病、特药等其他门诊费用，"
    "没有文件写明由门诊统筹支付，统筹基金不予支付，个人账户照常支付。",
)
T_CZ15 = Clause.assumption(
    "T-CZ15",
    "A10写门诊就医；住院费用的剩余自付不是门诊费用，共济账户不予支付；"
    "门诊慢特病是门诊就医，其剩余自付可以由共济账户支付。",
)
