"""Each kind of fault of a sentence is found, and sound sentences are left alone."""

from __future__ import annotations

import pytest

from tests.sentences import faults_in


@pytest.mark.parametrize(
    "sentence",
    [
        "须为[0-9]{6}",
        "须为 \\d+ 位数字",
        "不符合 family_limit",
        "reimbursement：没有这一项",
        "得到 None",
        "应为 str，得到 int",
        "得到 '2026'",
        "得到 <Scheme.EMPLOYEE 310>",
        "不符合绑定条件：",
        "须先完成人脸识别，",
        "；办法",
        "本人个人账户可支付的部分尚有 3,000.00 元，支付 0.00 元",
        "账户只余 3.00 元",
        "家庭账户（至多 7 人",
        "甲, 乙",
    ],
)
def test_a_fault_is_found(sentence: str) -> None:
    """Each kind of fault of a sentence is found."""
    assert faults_in(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "bill.service_day：日期须写作 YYYY-MM-DD，例如 2026-01-31；收到「2026-01」",
        "consent.at：同意早于所代的人核验身份的时刻",
        "不符合绑定条件：使用人已登记死亡，不能绑定（以下略）",
        "可由本人个人账户支付的费用 3,000.00 元，可用余额 0.00 元，支付 0.00 元",
        "channel：本市没有渠道「x」；可用：window、set_top_box",
        "须由运营方设定：gongji serve --retired-credit 341100:金额（元）@起始日",
    ],
)
def test_a_sound_sentence_has_no_fault(sentence: str) -> None:
    """Paths of fields, codes of channels and options of commands are no faults."""
    assert [] == faults_in(sentence)
