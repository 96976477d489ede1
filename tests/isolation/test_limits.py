"""What a machine cannot keep a plugin from is said; what it can is in `cities/hostile`."""

from __future__ import annotations

import platform

import pytest
from gongji.isolation import landlock, limits, seccomp


def test_this_machine() -> None:
    """A kernel lacks what it has no interface for, and nothing else."""
    there = [landlock.version() > 0, seccomp.available()]

    assert there.count(False) == len(list(limits.lacking()))


LACKS = {
    "files": ((0, True), ["读文件（内核没有 Landlock）"]),
    "calls": (
        (7, False),
        [
            (
                "使用网络、另起进程、向别的进程发信号"
                "（内核没有 seccomp，或处理器不是 x86_64、aarch64）"
            )
        ],
    ),
}


@pytest.mark.parametrize(("there", "said"), LACKS.values(), ids=LACKS)
def test_what_is_lacking_is_said(
    monkeypatch: pytest.MonkeyPatch, there: tuple[int, bool], said: list[str]
) -> None:
    """Each interface that is missing is one line."""
    monkeypatch.setattr(landlock, "version", lambda: there[0])
    monkeypatch.setattr(seccomp, "available", lambda: there[1])

    assert said == list(limits.lacking())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters_of_both_machines(
    monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    """A filter is whole instructions, fewer than a kernel takes, that end in refusal, and
    has no number twice."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    instructions = list(seccomp._filter())
    column, _ = seccomp._ARCHITECTURES[machine]
    numbers = [n[column] for n in seccomp._ALLOWED.values() if n[column] is not None]

    assert {8} == set(map(len, instructions))
    assert len(instructions) < 4096
    assert seccomp._instruction(seccomp._RETURN, seccomp._EPERM) == instructions[-1]
    assert len(numbers) == len(set(numbers))
