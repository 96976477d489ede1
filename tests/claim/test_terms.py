"""A city's terms of claims on paper, as people read them."""

from __future__ import annotations

import pytest
from gongji.rules.elsewhere import ClaimPaper, ClaimTerms
from gongji.rules.phrases import in_words


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (
            ClaimTerms(working_days=20, years_after=1, papers=(ClaimPaper.INVOICE,)),
            (
                "自行付清的医疗费可以手工结算，就诊次年年底之前申报，材料：医疗收费票据，"
                "20个工作日内办结，统筹基金支付的部分付给本人"
            ),
        ),
        (
            ClaimTerms(working_days=5, years_after=0),
            (
                "自行付清的医疗费可以手工结算，就诊当年年底之前申报，材料：无，"
                "5个工作日内办结，统筹基金支付的部分付给本人"
            ),
        ),
    ],
)
def test_in_words(terms: ClaimTerms, expected: str) -> None:
    """Terms say until when, with which papers, how soon, and who is paid."""
    assert expected == in_words(terms)
