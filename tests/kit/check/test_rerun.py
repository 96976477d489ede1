"""A plugin run twice in other surroundings: what varies, and what fails, is found."""

from __future__ import annotations

import datetime as dt
from calendar import isleap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from gongji.kit.check import rerun
from gongji.kit.check.findings import FindingKind, Severity
from gongji.kit.check.rerun import FIRST, MOMENTS, as_text, varieties

from tests.packages import IDENTITY, Package, installed


def answering(expression: str, before: str = "") -> str:
    """A plugin whose limit of givers turns on an expression."""
    return (
        f"{before}\n{IDENTITY}\n@hookimpl\ndef giver_limit():\n"
        f"    return from_2023(GiverLimit(givers=1 + ({expression}) % 1000))\n"
    )


VARYING = {
    "the clock by a name put together": (
        answering("getattr(date, 'to' + 'day')().toordinal()"),
        FindingKind.VARIES,
        "giver_limit",
        "一次：",
    ),
    "the day of the week by a name put together": (
        answering("getattr(date, 'to' + 'day')().weekday()"),
        FindingKind.VARIES,
        "giver_limit",
        "givers=",
    ),
    "the order of a set, which its hashes make": (
        answering("sorted({str(n) for n in range(99)}, key=lambda _: 0).index('7')"),
        FindingKind.VARIES,
        "giver_limit",
        "givers=",
    ),
    "how often it has been asked": (
        answering("len(ASKED.append(1) or ASKED)", "ASKED = []"),
        FindingKind.VARIES,
        "giver_limit",
        "givers=2",
    ),
    "the environment by the back door": (
        answering(
            "len(getattr(__builtins__, 'get', None)('__imp' + 'ort__')('o' + 's').environ)"
        ),
        FindingKind.VARIES,
        "giver_limit",
        "givers=",
    ),
    "a fault in another thread alone": (
        answering(
            "1",
            "import threading\nassert threading.current_thread() is threading.main_thread()",
        ),
        FindingKind.VARIES,
        "",
        "一次：正常；另一次：AssertionError",
    ),
    "a file by the back door": (
        answering(
            "len(getattr(__builtins__, 'get', "
            "None)('op' + 'en')(C.__class__.__module__ and '/dev/null').read())"
        ),
        FindingKind.FILES,
        "",
        "open /dev/null",
    ),
}
"""Plugins that only running shows: kind, hook, words of the figures."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("source", "kind", "hook", "words"), VARYING.values(), ids=VARYING
)
def test_varying(
    tmp_path: Path, source: str, kind: FindingKind, hook: str, words: str
) -> None:
    """What a look at the source misses is found by running twice, with the hook or the line."""
    with installed(tmp_path, Package("gongji-odd", "odd", source)):
        found = [f for f in varieties("gongji_odd") if f.kind is kind]

    assert [hook] == [f.hook for f in found]
    assert words in found[0].figures
    assert kind is FindingKind.VARIES or found[0].situation.startswith("gongji_odd.py:")


CLOCKS = {
    "date.today": "date.today().toordinal()",
    "datetime.now": "datetime.now().toordinal()",
    "datetime.now in a zone": "datetime.now(timezone.utc).toordinal()",
    "datetime.utcnow": "datetime.utcnow().toordinal()",
    "datetime.today": "datetime.today().toordinal()",
    "datetime.fromtimestamp": "datetime.fromtimestamp(__import__('time').time()).toordinal()",
    "time.time": "int(__import__('time').time()) // 86_400",
    "time.time_ns": "__import__('time').time_ns() // 86_400_000_000_000",
    "time.clock_gettime": "int(__import__('time').clock_gettime(0)) // 86_400",
    "time.localtime": "__import__('time').localtime().tm_year",
    "time.gmtime": "__import__('time').gmtime().tm_year",
    "time.strftime": "int(__import__('time').strftime('%Y'))",
    "time.ctime": "int(__import__('time').ctime().split()[-1])",
    "time.asctime": "int(__import__('time').asctime().split()[-1])",
}
"""What reads a clock no finer than days: two runs in the same minute, of a clock left
alone, would agree."""


@pytest.mark.sampled(5)
@pytest.mark.parametrize("expression", CLOCKS.values(), ids=CLOCKS)
def test_every_clock_is_turned(tmp_path: Path, expression: str) -> None:
    """A rule that turns on a clock is found, by whatever name it is read, and even if
    it is read on import."""
    on_import = "@hookimpl\ndef application_expiry():\n    return from_2023(READ)\n"
    with installed(
        tmp_path,
        Package(
            "gongji-odd",
            "odd",
            answering(expression, f"READ = {expression}") + on_import,
        ),
    ):
        found = varieties("gongji_odd")

    assert [
        (FindingKind.VARIES, hook) for hook in ("application_expiry", "giver_limit")
    ] == [(f.kind, f.hook) for f in found]


def test_no_run_sees_the_clock_of_the_machine(tmp_path: Path) -> None:
    """What is found is the same at whatever moment it is looked for: the two runs stand
    where it is written."""
    with installed(
        tmp_path, Package("gongji-odd", "odd", answering("date.today().year - 1"))
    ):
        (found,) = varieties("gongji_odd")

    assert f"givers={FIRST.year % 1000}" in found.figures
    assert f"givers={MOMENTS[0].year % 1000}" in found.figures


PARTS = {
    "weekday": (dt.datetime.weekday, range(7)),
    "month": (lambda at: at.month, range(1, 13)),
    "day of the month": (lambda at: at.day, range(1, 32)),
    "last day of its month": (
        lambda at: (at + dt.timedelta(1)).day == 1,
        (False, True),
    ),
    "last day of its year": (lambda at: (at.month, at.day) == (12, 31), (False, True)),
    "the day of a leap year": (lambda at: (at.month, at.day) == (2, 29), (False, True)),
    "leap year": (lambda at: isleap(at.year), (False, True)),
    "parity of the year": (lambda at: at.year % 2, range(2)),
    "hour": (lambda at: at.hour, range(24)),
    "minute": (lambda at: at.minute, range(60)),
    "second": (lambda at: at.second, range(60)),
    "parity of the microsecond": (lambda at: at.microsecond % 2, range(2)),
}
"""Parts of a moment on which a rule could turn, each with all the values it has."""


@pytest.mark.parametrize(("part", "values"), PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("ahead", [0, 14], ids=["in UTC", "in the second run's zone"])
def test_moments_leave_nothing_out(
    part: Callable[[dt.datetime], int], values: Iterable[int], ahead: int
) -> None:
    """The second run is asked at every value of every part, so a rule that is another
    at one of them varies."""
    zone = dt.timezone(dt.timedelta(hours=ahead))

    assert set(values) == {part(moment.astimezone(zone)) for moment in MOMENTS}


def test_the_first_run_is_before_all_others() -> None:
    """A rule from some day on is another between the runs, or among the second's moments."""
    assert min(MOMENTS) > FIRST
    assert max(MOMENTS).year > 2060


ENDINGS = {
    "never loads": ("raise RuntimeError('x')", "两次都是：RuntimeError: x"),
    "never answers": (
        answering("1 // 0"),
        "两次都是：ZeroDivisionError: integer division or modulo by zero",
    ),
    "ends the process with a good word": (
        "__import__('os')._exit(0)",
        "两次都是：没有回答就结束了",
    ),
    "ends the process with a bad one": (
        "__import__('os')._exit(3)",
        "两次都是：退出码 3",
    ),
    "is no Exception": ("class Odd(BaseException): ...\nraise Odd", "两次都是：Odd: "),
}
"""Plugins that end alike both times, with what is told of them."""


@pytest.mark.parametrize(("source", "told"), ENDINGS.values(), ids=ENDINGS)
def test_a_fault_in_both_runs(tmp_path: Path, source: str, told: str) -> None:
    """A plugin that fails alike both times is not let pass: nobody knows whether it varies."""
    with installed(tmp_path, Package("gongji-broken", "broken", source)):
        found = varieties("gongji_broken")

    assert [(FindingKind.FAILS, Severity.ERROR, told)] == [
        (f.kind, f.severity, f.figures) for f in found
    ][-1:]


def test_a_plugin_that_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that ends neither time."""
    monkeypatch.setattr(rerun, "PATIENCE_S", 1)
    with installed(tmp_path, Package("gongji-broken", "broken", "while True: pass")):
        assert [(FindingKind.FAILS, "两次都是：1 秒内没有结束")] == [
            (f.kind, f.figures) for f in varieties("gongji_broken")
        ]


def test_as_text() -> None:
    """Sets read alike in any order, mappings do not: people read them in the order they stand."""
    assert as_text(frozenset({"b", "a"})) == as_text(frozenset({"a", "b"}))
    assert as_text({"a": 1, "b": 2}) != as_text({"b": 2, "a": 1})
