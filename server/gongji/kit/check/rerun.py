"""Run a plugin twice, each time in a process of its own, and compare its answers: what
varies is no rule.

The second time everything around it is another: time zone, hash seed, locale,
environment, working folder, thread, order and number of questions; and it is loaded
and asked anew at each of many `MOMENTS`, while the first run stands at one. Neither
run sees the machine's clock. Both times whatever opens a file, a socket or a
process is noted.
"""

from __future__ import annotations

import calendar
import datetime as dt
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from importlib import metadata
from types import FrameType
from typing import Any

import time_machine

from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.purity import MEND, sources
from gongji.rules.hookspecs import PROJECT

HERE = {
    "TZ": "CST-8",
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
}
"""What the first run's environment is beside the caller's own."""

ELSEWHERE = {
    # As POSIX writes a zone 14 hours ahead: its name would be unknown where the system
    # has no zone files.
    "TZ": "<+14>-14",
    "PYTHONHASHSEED": "20220701",
    "LC_ALL": "C",
    "PYTHONUTF8": "1",
}
"""The whole environment of the second run."""


def _moment(number: int, zone: dt.tzinfo) -> dt.datetime:
    """Return one moment: every field of it moves on with the number, each at a pace of its own."""
    year, month = 2001 + number, 1 + number % 12
    day = min(1 + number % 31, calendar.monthrange(year, month)[1])
    hour, minute, second = number * 7 % 24, number * 11 % 60, number * 13 % 60
    return dt.datetime(
        year, month, day, hour, minute, second, number * 10_007, tzinfo=zone
    )


def _moments(zone: dt.tzinfo) -> Iterator[dt.datetime]:
    """Return moments whose fields, as that zone's clocks show them, leave no value out."""
    yield from (_moment(number, zone) for number in range(1, 61))
    yield dt.datetime(2028, 2, 29, tzinfo=zone)
    yield dt.datetime(2028, 12, 31, 23, 59, 59, tzinfo=zone)


# A plugin may ask for the time of UTC or for that of the second run's own zone.
MOMENTS = (*_moments(dt.UTC), *_moments(dt.timezone(dt.timedelta(hours=14))))
"""Where the second run's clock is set: every weekday, month, day, hour, minute and
second, leap years and others."""

FIRST = _moment(0, dt.UTC)
"""Where the first run's clock is set: before all of `MOMENTS`, so that a rule from some
day on varies."""

PATIENCE_S = 60
"""How long a run may take, in seconds; a plugin takes one."""

_EVENTS = {
    "open": FindingKind.FILES,
    "os.listdir": FindingKind.FILES,
    "os.scandir": FindingKind.FILES,
    "sqlite3.connect": FindingKind.FILES,
}

_FAMILIES = {
    "socket": FindingKind.NETWORK,
    "urllib": FindingKind.NETWORK,
    "http": FindingKind.NETWORK,
} | dict.fromkeys(("subprocess", "os", "ctypes"), FindingKind.MACHINE)

_SHOWN = 60

_WHERE = "另一时区、散列种子、语言环境、环境变量、目录、线程、日期、提问次序"


@dataclass(frozen=True, slots=True)
class _Run:
    """What one process printed: each hook's distinct answers as text, the fault that
    ended it, what it touched."""

    answers: Mapping[str, tuple[str, ...]]
    fault: str
    touched: tuple[tuple[str, str, str], ...]


def varieties(value: str) -> list[Finding]:
    """Return what two runs of a plugin show.

    It is named as its entry point names it: `gongji_wuhu` or `package.module:thing`.
    """
    here = _start(value, "here", {**os.environ, **HERE})
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = _start(value, "elsewhere", ELSEWHERE, folder)
        runs = [_ended(process) for process in (here, elsewhere)]
    touched = dict.fromkeys(touch for run in runs for touch in run.touched)
    findings = []
    for name, place, event in touched:
        kind = FindingKind[name]
        findings.append(Finding(kind, "", "", place, event, MEND[kind]))
    return findings + list(_differences(*runs))


def _start(
    value: str, setting: str, environment: Mapping[str, str], folder: str | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "gongji.kit.check.rerun", value, setting]
    return subprocess.Popen(  # noqa: S603 - ourselves, over an installed plugin
        command,
        env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )


def _ended(process: subprocess.Popen[str]) -> _Run:
    """Wait for a run, at most PATIENCE_S; return what it printed."""
    try:
        printed, complaint = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return _Run({}, f"{PATIENCE_S} 秒内没有结束", ())
    if process.returncode:
        lines = complaint.strip().splitlines() or [f"退出码 {process.returncode}"]
        return _Run({}, lines[-1], ())
    if not printed:
        # A plugin can end the process with 0 before it is asked.
        return _Run({}, "没有回答就结束了", ())
    run = json.loads(printed)
    answers = {hook: tuple(texts) for hook, texts in run["answers"].items()}
    touched = tuple((kind, place, event) for kind, place, event in run["touched"])
    return _Run(answers, run["fault"], touched)


def _differences(here: _Run, elsewhere: _Run) -> Iterator[Finding]:
    """Yield hooks that answered otherwise the second time, or what kept a run from its end."""
    if here.fault != elsewhere.fault:
        first, second = here.fault or "正常", elsewhere.fault or "正常"
        yield _finding(FindingKind.VARIES, f"一次：{first}；另一次：{second}")
        return
    if here.fault:
        # Of a plugin that could not be asked nobody knows whether it varies.
        yield _finding(FindingKind.FAILS, f"两次都是：{here.fault}")
        return
    for hook in sorted({*here.answers, *elsewhere.answers}):
        first, second = _two_answers(hook, here, elsewhere)
        if first != second:
            difference = _first_difference(first, second)
            yield _finding(FindingKind.VARIES, difference, hook)


def _finding(kind: FindingKind, figures: str, hook: str = "") -> Finding:
    return Finding(kind, hook, "", _WHERE, figures, MEND[kind])


def _two_answers(hook: str, here: _Run, elsewhere: _Run) -> tuple[str, str]:
    """Return the first run's answer, and one that differs from it if there is any."""
    first, *later = (*here.answers.get(hook, ()), *elsewhere.answers.get(hook, ()))
    if hook not in here.answers or hook not in elsewhere.answers:
        return first, "无"
    return first, next((text for text in later if text != first), first)


def _first_difference(first: str, second: str) -> str:
    """Return the part from which two texts differ, of each."""
    shorter = min(len(first), len(second))
    places = (i for i in range(shorter) if first[i] != second[i])
    place = next(places, shorter)
    start, end = max(0, place - _SHOWN // 3), place + _SHOWN
    return f"一次：…{first[start:end]}…；另一次：…{second[start:end]}…"


def as_text(value: object) -> str:
    """Return a value as text that says everything of it.

    Sets are sorted; mappings stay in their order, in which people read them.
    """
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case Mapping():
            return _in("{}", (f"{as_text(k)}: {as_text(v)}" for k, v in value.items()))
        case set() | frozenset():
            return _in("{}", sorted(map(as_text, value)))
        case tuple() | list():
            return _in("()", map(as_text, value))
    if is_dataclass(value) and not isinstance(value, type):
        parts = (f"{f.name}={as_text(getattr(value, f.name))}" for f in fields(value))
        return type(value).__name__ + _in("()", parts)
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else repr(value)


def _in(brackets: str, parts: Iterable[str]) -> str:
    return f"{brackets[0]}{', '.join(parts)}{brackets[1]}"


# --- in the other process -------------------------------------------------------------


def main(value: str, setting: str) -> None:
    """Ask the plugin every hook it answers; print one line of JSON.

    It has the answers, the fault that ended the run, and what was touched.
    """
    touched: list[tuple[str, str, str]] = []
    _watch(value, touched)
    _turn_what_the_library_leaves()
    inquiry = _Inquiry(value)
    # What a plugin prints must not stand in the line that is read.
    with redirect_stdout(sys.stderr):
        if setting == "elsewhere":
            thread = threading.Thread(target=inquiry.at_many, name="elsewhere")
            thread.start()
            thread.join()
        else:
            inquiry.at((FIRST,), repeated=False)
    run = {
        "answers": {hook: list(texts) for hook, texts in inquiry.answers.items()},
        "fault": inquiry.fault,
        "touched": list(dict.fromkeys(touched)),
    }
    sys.stdout.write(json.dumps(run, ensure_ascii=False))


class _Inquiry:
    """A plugin's distinct answers by hook, and the fault that ended the asking."""

    def __init__(self, value: str) -> None:
        self._value = value
        # A dict for its order: each distinct answer once, at however many moments.
        self.answers: dict[str, dict[str, None]] = {}
        self.fault = ""

    def at_many(self) -> None:
        """Ask at each of `MOMENTS`, every hook more than once."""
        self.at(MOMENTS, repeated=True)

    def at(self, moments: Iterable[dt.datetime], *, repeated: bool) -> None:
        """Load the plugin and ask it at each moment."""
        try:
            for moment in moments:
                # The clock stands: only so are both runs the same on every machine.
                with time_machine.travel(moment, tick=False):
                    answers = _asked(self._value, repeated=repeated)
                for hook, answer in answers.items():
                    self.answers.setdefault(hook, {})[answer] = None
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises is compared
            self.fault = f"{type(error).__name__}: {error}"


def _asked(value: str, *, repeated: bool) -> dict[str, str]:
    """Return the answers by hook of the plugin loaded anew.

    Repeated, all are asked again in the opposite order, and the last answers count.
    """
    _forget(value)
    plugin = metadata.EntryPoint("plugin", value, "").load()
    members = inspect.getmembers(plugin, callable)
    hooks = [(n, hook) for n, hook in members if hasattr(hook, f"{PROJECT}_impl")]
    if repeated:
        hooks += hooks[::-1]
    return {name: as_text(hook()) for name, hook in hooks}


def _forget(value: str) -> None:
    """Unload the plugin's modules, so that what they read when they are imported is read anew."""
    top = value.partition(":")[0].partition(".")[0]
    for module in [name for name in sys.modules if name.partition(".")[0] == top]:
        del sys.modules[module]


def _watch(value: str, touched: list[tuple[str, str, str]]) -> None:
    """Note from now on what the plugin's own lines open, not what importing opens."""
    names = {
        str(path): name
        for name, path in sources(value.partition(":")[0])
        if path.suffix == ".py"
    }

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        kind = _EVENTS.get(event) or _FAMILIES.get(event.partition(".")[0])
        if kind is None:
            return
        place = _line_of(names, sys._getframe(1))  # noqa: SLF001 - an audit hook is given no frame
        if place:
            detail = f"{event} {arguments[0]}" if arguments else event
            touched.append((kind.name, place, detail[:_SHOWN]))

    sys.addaudithook(audit)


def _line_of(names: Mapping[str, str], frame: FrameType | None) -> str:
    """Return file and line of the plugin that led here; empty if an import did, or none."""
    while frame is not None:
        name = names.get(frame.f_code.co_filename)
        if name is not None:
            return f"{name}:{frame.f_lineno}"
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return ""
        frame = frame.f_back
    return ""


def _turn_what_the_library_leaves() -> None:
    """Have `time.ctime` and `time.asctime` read the clock that time-machine turns: it
    leaves them the machine's."""
    ctime, asctime = time.ctime, time.asctime
    time.ctime = lambda seconds=None: ctime(time.time() if seconds is None else seconds)
    time.asctime = lambda day=None: asctime(time.localtime() if day is None else day)


if __name__ == "__main__":
    main(*sys.argv[1:])
