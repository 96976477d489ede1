"""Requests answered by processes of their own, where these can be forked and elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from gongji.cities.encoding import decoded, encoded
from gongji.isolation import launcher, runner
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
        assert f"导入 gongji_not_there_{number} 失败：ModuleNotFoundError" in answer


def test_nothing_asked() -> None:
    """Without a request nothing is started."""
    assert [] == run("a_module_not_there", [])


def test_a_launcher_that_ends() -> None:
    """If no launcher comes to its end, each request is told so, asked on its own."""
    assert [IsolatedAnswer(fault="进程没有答完就结束了")] * 2 == run(
        "a_module_not_there", REQUESTS[:2]
    )


def test_what_cannot_be_confined_is_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the kernel refuses to confine a process, it runs nothing, and that is said."""
    monkeypatch.setattr(launcher, "confine", refuse)
    (outcome,) = dict(launcher._Launch(bytes).all([(0, REQUESTS[0])])).values()

    assert IsolatedAnswer(fault="没有运行：内核不让限制它的进程") == outcome


def refuse(_: Iterable[Path]) -> None:
    raise OSError
