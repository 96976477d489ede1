"""Whoever changes a rule value changes the guide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from gongji import guide
from gongji.rules.benefits import (
    CreditTerms,
    NoFund,
    Reversal,
    Table,
)
from gongji.rules.binding import (
    NO_LIMIT,
    FamilyLimit,
    GiverLimit,
    Scope,
    Unbinding,
)
from gongji.rules.channels import (
    Note,
    Procedure,
    Step,
)
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.wallet import Wallet

from tests.guide.towns import (
    CITIES,
    DAY,
    NEW,
    newly,
    with_answers,
)

V1 = CITIES["chuzhou"].rules(DAY).value(CityRules.reimbursement)[Scheme.EMPLOYEE]
assert isinstance(V1, Table)


class Changed(NamedTuple):
    """Another value of a city's hook, with what its guide said and what it says now."""

    pinyin: str
    hook: str
    value: Any
    before: str
    after: str


CHANGES = {
    "family limit": Changed(
        "chuzhou",
        "family_limit",
        FamilyLimit(people=8, counting_holder=True),
        "最多7人（含授权人本人）",
        "最多8人（含授权人本人）",
    ),
    "giver limit": Changed(
        "anqing",
        "giver_limit",
        GiverLimit(givers=2),
        "一名使用人的授权人数：不设限",
        "一名使用人的授权人数：最多由2名授权人共济",
    ),
    "scope": Changed(
        "chuzhou",
        "scope",
        Scope.PROVINCE,
        "参保地须在同一医保统筹区内",
        "参保地须在本省内",
    ),
    "deductible": Changed(
        "chuzhou",
        "reimbursement",
        {
            Scheme.EMPLOYEE: replace(
                V1,
                deductible_fen={1: 10000, 2: 20000, 3: 76543},
                cap_fen={Standing.ACTIVE: 150000, Standing.RETIRED: NO_LIMIT},
                visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: 33300},
            ),
            Scheme.RESIDENT: NoFund(NEW),
        },
        "| 三级 | 800元 | 50% | 55% |",
        "| 三级 | 765.43元 | 50% | 55% | 333元 |",
    ),
    "unbinding": Changed(
        "chuzhou",
        "unbinding",
        Unbinding(procedure=Procedure(title="解绑", steps=(Step(text="去窗口"),))),
        "“已绑定家庭成员”选项",
        "1. 去窗口 [N1]",
    ),
    "expiry": Changed(
        "anqing",
        "application_expiry",
        45,
        "申请提交后30天无人答复",
        "申请提交后45天无人答复，申请失效。 [N1]",
    ),
    "crediting": Changed(
        "chuzhou",
        "account_crediting",
        CreditTerms(active_ratio_bp=250, retired_fen=7050),
        "缴费基数的2%",
        "缴费基数的2.5%",
    ),
    "reversal": Changed(
        "anqing",
        "reversal",
        Reversal.LAST_FIRST,
        "任何一笔结算均可撤销",
        "须从最近一笔结算起依次撤销",
    ),
    "wallet": Changed(
        "huangshan",
        "wallet",
        Wallet(procedure=Procedure(title="开通", steps=()), binds=True),
        "开通医保钱包不绑定任何人",
        "开通即绑定共济关系",
    ),
    "note": Changed(
        "anqing",
        "notes",
        (Note(heading="异地就医", clause=NEW),),
        "### 怎么选渠道",
        "- 试验条款 [N1]",
    ),
}


@pytest.mark.parametrize(
    "change",
    CHANGES.values(),
    ids=CHANGES,
)
def test_a_changed_rule_changes_the_guide(change: Changed) -> None:
    """Change a rule value and the guide says the new one, no longer the old one."""
    city = with_answers(
        change.pinyin,
        **{change.hook: newly(change.value)},
    )
    changed = guide.markdown(city, DAY)

    assert change.before in guide.markdown(CITIES[change.pinyin], DAY)
    assert change.before not in changed
    assert change.after in changed
