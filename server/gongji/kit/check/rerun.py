"""Runs a plugin twice, each time in a process of its own, and compares its answers:
what varies is no rule.

The second time everything around it is another: time zone, hash seed, locale,
environment, working folder, thread, day of the clock, order and number of questions.
Both times whatever opens a file, a socket or a process is noted.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from importlib import metadata
from types import FrameType
from typing import Any

from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.purity import MEND, sources
from gongji.rules.hookspecs import PROJECT

ELSEWHERE = {
    "TZ": "Pacific/Kiritimati",
    "PYTHONHASHSEED": "20220701",
    "LC_ALL": "C",
    "PYTHONUTF8": "1",
}
"""The whole environment of the second run."""

LATER = dt.timedelta(days=1011)
"""How far ahead the second run's clock is: no round number, and no whole weeks even
where the time zone turns a day."""

PATIENCE_S = 60

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


@dataclass(frozen=True, slots=True)
class _Run:
    """What one process said: the answers as text by hook, the fault that ended it, what
    it touched."""

    answers: Mapping[str, str]
    fault: str
    touched: tuple[tuple[str, str, str], ...]


def varieties(value: str) -> list[Finding]:
    """What two runs of a plugin show, named as its entry point names it: `gongji_wuhu`
    or `package.module:thing`."""
    here = _start(value, "here", {**os.environ, "PYTHONHASHSEED": "0"})
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = _start(value, "elsewhere", ELSEWHERE, folder)
        runs = [_ended(process) for process in (here, elsewhere)]
    touched = dict.fromkeys(touch for run in runs for touch in run.touched)
    found = [
        Finding(FindingKind[kind], "", "", where, what, MEND[FindingKind[kind]])
        for kind, where, what in touched
    ]
    return found + list(_differences(*runs))


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
        text=True,
        encoding="utf-8",
    )


def _ended(process: subprocess.Popen[str]) -> _Run:
    try:
        told, complaint = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return _Run({}, f"{PATIENCE_S} 秒内没有结束", ())
    if process.returncode:
        return _Run(
            {},
            (complaint.strip().splitlines() or [f"退出码 {process.returncode}"])[-1],
            (),
        )
    run = json.loads(told)
    return _Run(
        run["answers"], run["fault"], tuple((a, b, c) for a, b, c in run["touched"])
    )


def _differences(here: _Run, elsewhere: _Run) -> Iterator[Finding]:
    """Hooks that answered otherwise the second time, and a fault of one run that the
    other had not."""
    where = "另一时区、散列种子、语言环境、环境变量、目录、线程、日期、提问次序"
    if here.fault != elsewhere.fault:
        told = f"一次: {here.fault or '正常'}; 另一次: {elsewhere.fault or '正常'}"
        yield Finding(FindingKind.VARIES, "", "", where, told, MEND[FindingKind.VARIES])
        return
    for hook in sorted({*here.answers, *elsewhere.answers}):
        one, other = here.answers.get(hook, "无"), elsewhere.answers.get(hook, "无")
        if one != other:
            yield Finding(
                FindingKind.VARIES,
                hook,
                "",
                where,
                _first_difference(one, other),
                MEND[FindingKind.VARIES],
            )


def _first_difference(one: str, other: str) -> str:
    """Where two texts part, with what stands there in each."""
    at = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    start = max(0, at - _SHOWN // 3)
    return f"一次: …{one[start : at + _SHOWN]}…; 另一次: …{other[start : at + _SHOWN]}…"


def as_text(value: object) -> str:
    """A value as text that says everything of it: sets sorted, mappings as they stand,
    since people read them so."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        told = ", ".join(
            f"{f.name}={as_text(getattr(value, f.name))}" for f in fields(value)
        )
        return f"{type(value).__name__}({told})"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{as_text(k)}: {as_text(v)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(as_text(part) for part in value)) + "}"
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(as_text(part) for part in value) + ")"
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else repr(value)


# --- in the other process -------------------------------------------------------------


def main(value: str, setting: str) -> None:
    """Asks the plugin every hook it answers and prints answers, fault and what was
    touched, as one line of JSON."""
    touched: list[tuple[str, str, str]] = []
    _watch(value, touched)
    answers: dict[str, str] = {}
    faults: list[str] = []

    def ask() -> None:
        try:
            answers.update(_asked(value, again=setting == "elsewhere"))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is compared
            faults.append(f"{type(error).__name__}: {error}")

    with redirect_stdout(sys.stderr):
        if setting == "elsewhere":
            _turn_the_clock()
            thread = threading.Thread(target=ask, name="elsewhere")
            thread.start()
            thread.join()
        else:
            ask()
    told = {
        "answers": answers,
        "fault": "".join(faults),
        "touched": list(dict.fromkeys(touched)),
    }
    sys.stdout.write(json.dumps(told, ensure_ascii=False))


def _asked(value: str, *, again: bool) -> dict[str, str]:
    """The answers by hook; asked again, all of them, in the opposite order, and the
    last answers kept."""
    plugin = metadata.EntryPoint("plugin", value, "").load()
    hooks = [
        (n, f)
        for n, f in inspect.getmembers(plugin, callable)
        if hasattr(f, f"{PROJECT}_impl")
    ]
    rounds = [hooks, hooks[::-1]] if again else [hooks]
    return {name: as_text(function()) for asked in rounds for name, function in asked}


def _watch(value: str, touched: list[tuple[str, str, str]]) -> None:
    """From now on notes what the plugin's own lines open; what importing a module opens
    is not theirs."""
    names = {
        str(path): name
        for name, path in sources(value.partition(":")[0])
        if path.suffix == ".py"
    }

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        kind = _EVENTS.get(event) or _FAMILIES.get(event.partition(".")[0])
        if kind and (where := _line_of(names, sys._getframe(1))):  # noqa: SLF001 - an audit hook is given no frame
            detail = f"{event} {arguments[0]}" if arguments else event
            touched.append((kind.name, where, detail[:_SHOWN]))

    sys.addaudithook(audit)


def _line_of(names: Mapping[str, str], frame: FrameType | None) -> str:
    """File and line of the plugin that led here; empty where it was an import, or none
    of its lines."""
    while frame is not None:
        if (name := names.get(frame.f_code.co_filename)) is not None:
            return f"{name}:{frame.f_lineno}"
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return ""
        frame = frame.f_back
    return ""


def _turn_the_clock() -> None:
    """Sets every clock of this process ahead by `LATER`, also those reached by a name
    put together at run time."""

    class AsReal(type):
        """Its classes take every real date for one of theirs."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, cls.__mro__[1])

    class Date(dt.date, metaclass=AsReal):
        @classmethod
        def today(cls) -> Date:
            return cls.fromordinal(real_day.today().toordinal() + LATER.days)

    class Datetime(dt.datetime, metaclass=AsReal):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Datetime:
            return cls.combine((later := real.now(tz) + LATER).date(), later.timetz())

        @classmethod
        def utcnow(cls) -> Datetime:
            return cls.now()

        @classmethod
        def today(cls) -> Datetime:
            return cls.now()

    real, real_day, now = dt.datetime, dt.date, time.time
    turned: dict[str, Callable[..., object]] = {
        "time": lambda: now() + LATER.total_seconds(),
        "time_ns": lambda: int((now() + LATER.total_seconds()) * 1_000_000_000),
    }
    for name, function in turned.items():
        setattr(time, name, function)
    for name, kind in (("date", Date), ("datetime", Datetime)):
        setattr(dt, name, kind)


if __name__ == "__main__":
    main(*sys.argv[1:])
