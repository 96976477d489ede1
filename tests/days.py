"""Runs the tests on other days, at other hours, in other surroundings and under load:
`make test-days`.

    python -m tests.days [--case NAME]… [pytest's arguments…]

A line a case, with how long it took; what pytest said stands in var/days. 1 if any case
fails, 2 if a tool is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

HERE = Path(__file__).parent
ROOT = HERE.parent
WRITTEN = ROOT / "var" / "days"
FAKETIME = "faketime/libfaketimeMT.so.1"
FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")

# It stands in the way of no other test: a file's time is the true one, and so its
# bytecode stays good.
FAKED = {"DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """When and where the tests are run: `at` in UTC, None at the true date; `busy`
    beside as many loops as cores."""

    at: datetime | None = None
    faked: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    busy: bool = False


def _at(text: str) -> Surroundings:
    return Surroundings(at=datetime.fromisoformat(text).replace(tzinfo=UTC), faked=True)


CASES = {
    # What fails here is the tool's fault, and no day's.
    "control": Surroundings(faked=True),
    "wednesday-03": _at("2026-10-14T03:00:00"),
    "wednesday-22": _at("2026-10-14T22:00:00"),
    "year-end": _at("2026-12-31T23:59:30"),
    "new-year": _at("2027-01-01T00:00:00"),
    "february-end": _at("2027-02-28T12:00:00"),
    "leap-day": _at("2028-02-29T12:00:00"),
    "later": _at("2030-06-30T12:00:00"),
    "kiritimati": Surroundings(environment={"TZ": "Pacific/Kiritimati"}),
    "posix": Surroundings(
        environment={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ),
    "gbk": Surroundings(environment={"PYTHONIOENCODING": "gbk"}),
    "busy": Surroundings(busy=True),
}


def main() -> int:
    """Run the cases that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.days", description=__doc__)
    parser.add_argument(
        "--case", action="append", choices=CASES, dest="cases", metavar="NAME"
    )
    asked, arguments = parser.parse_known_args()
    cases = {name: CASES[name] for name in asked.cases or CASES}
    try:
        preloaded = (
            preloaded_libraries() if any(case.faked for case in cases.values()) else ""
        )
    except FileNotFoundError as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    WRITTEN.mkdir(parents=True, exist_ok=True)
    red = [
        name
        for name, case in cases.items()
        if not _run(name, case, preloaded, arguments)
    ]
    return int(bool(red))


def _run(name: str, case: Surroundings, preloaded: str, arguments: list[str]) -> bool:
    """Run the tests once, tell how it went in a line, and return whether all passed."""
    log, began = WRITTEN / f"{name}.log", monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", *arguments]
    environment = {**os.environ, **case.environment, **_clock(case, preloaded)}
    with _busy() if case.busy else nullcontext(), log.open("wb") as out:
        run = subprocess.run(  # noqa: S603 - our own
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
        )
    seconds = monotonic() - began
    verdict = "RED" if run.returncode else "green"
    last = (
        log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
    )
    sys.stdout.write(f"{name:<14}{verdict:<7}{seconds:6.0f} s  {last}\n")
    sys.stdout.flush()
    return run.returncode == 0


def _clock(case: Surroundings, preloaded: str) -> Mapping[str, str]:
    """Return what has every process of a case see its date, which goes on from the
    moment it starts."""
    if not case.faked:
        return {}
    away = round((case.at - datetime.now(UTC)) / timedelta(seconds=1)) if case.at else 0
    return {**FAKED, "LD_PRELOAD": preloaded, "FAKETIME": f"{away:+d}"}


def preloaded_libraries() -> str:
    """Return the libraries to preload. FileNotFoundError says in Chinese what is missing."""
    found = [
        path
        for folder in FOLDERS
        for path in sorted(Path(folder).glob(f"**/{FAKETIME}"))
    ]
    if not found:
        raise FileNotFoundError(
            "找不到 libfaketime，换日子测试须用它：请安装，如 apt-get install faketime"
        )
    gcc = shutil.which("gcc")
    if gcc is None:
        raise FileNotFoundError(
            "找不到 gcc，换日子测试须当场编译 tests/days.c：请安装，"
            "如 apt-get install gcc libc6-dev"
        )
    WRITTEN.mkdir(parents=True, exist_ok=True)
    unfaked = WRITTEN / "unfaked.so"
    command = [
        gcc,
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-o",
        str(unfaked),
        str(HERE / "days.c"),
        "-ldl",
    ]
    subprocess.run(command, check=True)  # noqa: S603 - our own source
    return f"{unfaked}:{found[0]}"


@contextmanager
def _busy() -> Iterator[None]:
    """Keep every core at work."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]  # noqa: S603 - our own
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    sys.exit(main())
