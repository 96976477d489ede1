"""The guide of a benefit of any shape: each row a sentence a clerk reads, with its clauses."""

from __future__ import annotations

import pytest
from gongji.rules.codes import Scheme
from gongji.rules.phrases import in_words
from gongji.rules.phrases.shapes import sentences_of
from gongji.rules.shapes import PAID_IN_YEAR, Benefit

from tests.settlement import shaped

SAID = {
    "bands": (
        shaped.banded(PAID_IN_YEAR),
        (
            "在职、非社区卫生服务机构：一年先自付1800元，其后付70%到基金付满20000元，"
            "再往上付60%，不封顶"
        ),
    ),
    "a level that is not covered": (
        shaped.LEVEL_NOT_COVERED,
        "三级：不予支付（不在支付范围。）",
    ),
    "by month": (
        shaped.BY_MONTH,
        "所有人：没有起付标准，其后付80%，每月支付限额300元",
    ),
    "from July": (
        shaped.FROM_JULY,
        "所有人：一年（自7月起）先自付500元，其后付70%，不封顶",
    ),
    "signing": (shaped.SIGNING, "signed：signed：起付标准减300元"),
    "on cost": (
        shaped.ON_COST,
        "门诊两病：没有起付标准，其后付60%，一年费用限额2000元",
    ),
    "a chosen point": (
        shaped.CHOSEN_POINT,
        "在选定的机构：没有起付标准，其后付65%，不封顶",
    ),
}


@pytest.mark.parametrize(("benefit", "said"), SAID.values(), ids=SAID)
def test_a_row_is_a_sentence(benefit: Benefit, said: str) -> None:
    """It is among the sentences of the benefit, and in the phrase of the rule."""
    assert said in list(sentences_of(benefit))
    assert said in in_words({Scheme.EMPLOYEE: benefit})
