"""What to write if no case notices a change: a case that varies the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gongji.rules.hookspecs import question

from gongji_conformance.mutation.mutants import Mutant

NEAR: Final = 3
"""How many cases that came near are named."""

_BY_FIELD: Final[Mapping[str, str]] = {
    "since": "在起始日当天和前一天各办一次同样的事",
    "deductible_fen": "在该级机构就诊，费用高于起付标准，写明 deductible 与 fund",
    "deductible_year_max_fen": "一年内在不同级别就诊到起付标准的年度上限，写明 deductible",
    "ratio_bp": "在该级机构就诊，费用高于起付标准，写明 ratio 与 fund",
    "retired": "退休人员在各级机构就诊，写明 ratio 与 fund",
    "cap_fen": "就诊到统筹支付超过年度限额，写明 fund",
    "visit_cap_fen": "一次就诊的统筹支付大而未到年度限额，写明 fund",
    "unranked_as": "在未定级机构就诊，起付标准或比例与各级不同之处写明 deductible、ratio 与 fund",
    "pharmacy": "在药店购药，费用高于起付标准，写明 fund",
    "covers": "以该医疗类别就诊，写明 fund 或 refused",
    "rounding": "就诊到统筹支付恰有半分，写明 fund",
    "people": "绑定到恰好人数，再绑定一人应被拒绝",
    "counting_holder": "绑定到恰好人数，再绑定一人应被拒绝",
    "givers": "由恰好这么多授权人绑定，再多一人应被拒绝",
    "spouses": "已有恰好这么多名配偶的，再绑定一名配偶应被拒绝",
    "husband_years": "登记中没有婚姻记录的丈夫，恰满和差一日未满该年龄的各绑定一次",
    "wife_years": "登记中没有婚姻记录的妻子，恰满和差一日未满该年龄的各绑定一次",
    "schemes": "由该险种的人办理，写明 state 或 conditions",
    "statuses": "由该参保状态的人办理，写明 state 或 conditions",
    "or_enrolling": "绑定一名未参保的家人，写明 state 或 conditions",
    "codes": "以该关系绑定，写明 state 或 conditions",
    "opens": "在开门的那一分钟和前一分钟各办一次",
    "closes": "在关门的那一分钟和前一分钟各办一次",
    "hours": "在节假日和夜间经该渠道办理，写明 state 或 refused",
    "also_for": "带有、没有该标记的双方各经该渠道绑定一次",
    "across": "双方同一统筹区、不同统筹区各经该渠道绑定一次",
    "one_of": "只出示这一种材料经该渠道绑定，写明 state 或 conditions",
    "original": "只有复印件、只有原件各经该渠道绑定一次",
    "asked": "登记信息查得到关系而不出示材料、查不到关系而不出示材料，各经该渠道绑定一次",
    "at_once": "登记信息查得到关系、查不到关系的，各经该渠道绑定一次，写明 state",
    "working_days": "经该渠道绑定，写明 due",
    "earliest_working_days": "看办理指南，says 写明审核时限的起止天数",
    "guardian_below_years": "由恰满和差一日未满该年龄的使用人本人同意，写明 state 或 conditions",
    "required": "没有同意而申请，写明 state",
    "situation": "在该情形下就诊，写明 fund 与 clauses",
    "aid_at": "用于该用途，写明 aid",
    "aid_pays": "账单含该部分而由授权人支付，写明 aid 与 cash",
    "own_pays": "账单含该部分而由本人账户支付，写明 own 与 cash",
    "never": "把钱花在该项目上，写明 own 与 aid",
    "order": "本人与授权人账户都有余额时就诊，写明 own 与 aid",
    "active_ratio_bp": "划入在职人员一个月，写明 credited",
    "retired_fen": "划入退休人员一个月，写明 credited 或 refused",
    "employer_part_credited": "看办理指南，says 写明单位缴费是否划入",
    "filing_before_direct_settlement": "异地就诊，有备案号与没有备案号各一次",
    "binds": "看办理指南，says 写明开通钱包是否绑定",
}

_BY_HOOK: Final[Mapping[str, str]] = {
    "scope": "绑定同一统筹区、省内另一统筹区、省外参保的家人各一次",
    "family_limit": "绑定七名以上的家人",
    "giver_limit": "由两名授权人绑定同一使用人",
    "channels": "经该渠道绑定一次",
    "identity_checks": "经该渠道绑定：恰好做完这些核验，和只缺这一项的各一次，checks 写明",
    "fields_asked": "经该渠道绑定：恰好填写这些，和只缺这一项的各一次，details 写明",
    "materials": "经该渠道绑定：恰好出示这些，和只缺这一样的各一次，materials 写明",
    "application_expiry": "在失效的那一刻和前一分钟各看一次状态",
    "reimbursement": "以该险种的人就诊，写明 fund",
    "exclusions": "两种情形同时出现时就诊，写明 clauses",
    "reversal": "撤销较早的一笔，写明是否受理与 balance",
}


def advice(mutant: Mutant, readers: Sequence[str]) -> str:
    """Return the case that would notice a mutant.

    What to vary, what it is about, which cases came near.
    """
    hook = mutant.hook
    about = f"{hook}{mutant.where}（{_title(hook)}，自 {mutant.since} 起）"
    near = "、".join(readers[:NEAR])
    read = f"读到它而没有察觉的：{near}" if readers else "没有一个案例读到它"
    checked = f"所核对的是 {about}，{mutant.change}时结果须不同"
    return f"写一例：{_vary(mutant)}；{checked}；{read}"


def _vary(mutant: Mutant) -> str:
    """Return what a case would have to vary."""
    # The innermost field says most exactly what to vary.
    for field in reversed(mutant.fields):
        if field in _BY_FIELD:
            return _BY_FIELD[field]
    return _BY_HOOK.get(mutant.hook, "让结果取决于此值")


def _title(hook: str) -> str:
    """Return the Chinese name of a hook: the part of its question in brackets."""
    text = question(hook)
    return text.partition("(")[2].partition(")")[0] or text
