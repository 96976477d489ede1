"""A plugin's interrupt is its own fault, the user's ends the program; its output is lent."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread

import pytest
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    # The handler runs between two instructions: there are some here.
    for _ in range(1000):
        pass


def swallow() -> None:
    with suppress(BaseException):
        press_ctrl_c()


def turn() -> None:
    try:
        press_ctrl_c()
    except KeyboardInterrupt:
        raise SystemExit from None


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have Ctrl-C interrupt, also where tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("plugin", [press_ctrl_c, swallow, turn])
def test_the_users_interrupt_passes(plugin: Callable[[], None]) -> None:
    """Ctrl-C while a plugin runs ends the program, whatever the plugin makes of it."""
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), contained("导入"):
        plugin()
    assert handler is signal.getsignal(signal.SIGINT)


def test_a_plugins_own_interrupt_is_a_fault() -> None:
    """What a plugin raises by itself is told, and ends nothing."""
    with (
        pytest.raises(PluginProblem, match=r"导入：KeyboardInterrupt：「没有」 "),
        contained("导入"),
    ):
        raise KeyboardInterrupt("没有")


def test_another_thread_has_no_interrupts() -> None:
    """Elsewhere than in the main thread every interrupt is the plugin's own."""
    told: list[str] = []

    def load() -> None:
        try:
            with contained("导入"):
                raise KeyboardInterrupt
        except PluginProblem as problem:
            told.append(str(problem))

    thread = Thread(target=load)
    thread.start()
    thread.join()
    assert told[0].startswith("导入：KeyboardInterrupt")


def test_a_handler_of_ours_is_asked_once() -> None:
    """A handler that raises nothing is called, and decides alone."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        with contained("导入"):
            press_ctrl_c()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [signal.SIGINT] == asked


def test_output_is_lent(capsys: pytest.CaptureFixture[str]) -> None:
    """What a plugin prints is no output of the command, and closing it closes nothing."""
    with contained("导入"):
        sys.stdout.write("装载")
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            getattr(sys, name).close()
    sys.stdout.write("列表")
    printed = capsys.readouterr()
    assert ("列表", "装载") == (printed.out, printed.err)


def test_problems_and_what_is_named_pass() -> None:
    """A problem found is not wrapped in another, nor is what the caller knows."""
    with pytest.raises(PluginProblem, match=r"^缺少条款$"), contained("导入"):
        raise PluginProblem("缺少条款")
    with pytest.raises(LookupError), contained("导入", LookupError):
        raise KeyError
