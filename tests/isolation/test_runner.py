"""Requests answered by processes of their own, where these can be forked and elsewhere."""

from __future__ import annotations

import pytest
from gongji.cities.encoding import decoded, encoded
from gongji.isolation import runner
from gongji.isolation.protocol import IsolatedAnswer, IsolatedRequest
from gongji.isolation.runner import run

CHILD = "gongji.cities.answering"
"""It answers any request with what it makes of it."""

REQUESTS = [
    IsolatedRequest(encoded(("odd", f"gongji_not_there_{number}")), ())
    for number in range(3)
]


@pytest.mark.parametrize("forking", [True, False], ids=["by fork", "one a launcher"])
def test_each_is_answered_in_order(
    monkeypatch: pytest.MonkeyPatch, *, forking: bool
) -> None:
    """However the processes are made, every request has its own answer."""
    monkeypatch.setattr(runner, "FORKING", forking)
    answers = [decoded(outcome.answer)["problem"] for outcome in run(CHILD, REQUESTS)]

    assert 3 == len(answers)
    for number, answer in enumerate(answers):
        assert f"导入 gongji_not_there_{number} 失败: ModuleNotFoundError" in answer


def test_nothing_asked() -> None:
    """Without a request nothing is started."""
    assert [] == run("a_module_not_there", [])


def test_a_launcher_that_ends() -> None:
    """If no launcher comes to its end, each request is told so, asked on its own."""
    assert [IsolatedAnswer(fault="进程没有答完就结束了")] * 2 == run(
        "a_module_not_there", REQUESTS[:2]
    )
