"""The purity of plugins: what a look at the source refuses, what it lets pass, and what
only running twice shows."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from gongji.kit.check.findings import FindingKind, Severity
from gongji.kit.check.purity import MEND, impurities, impurities_of_source
from gongji.kit.check.rerun import varieties

from tests.packages import PRELUDE
from tests.scaffold.cities import shipped

SHIPPED = [city.pinyin for city in shipped().all]

IMPURE = {
    "a clock's module": ("import time", FindingKind.CLOCK, 1, "time"),
    "a clock from its module": (
        "from time import monotonic",
        FindingKind.CLOCK,
        1,
        "time",
    ),
    "today": (
        "from datetime import date\nDAY = date.today()",
        FindingKind.CLOCK,
        2,
        "datetime.date.today",
    ),
    "now, under other names": (
        "import datetime as d\nDAY = d.datetime.now()",
        FindingKind.CLOCK,
        2,
        "datetime.datetime.now",
    ),
    "today, by a star": (
        "from datetime import *\nDAY = datetime.today()",
        FindingKind.CLOCK,
        2,
        "datetime.datetime.today",
    ),
    "now, not yet called": (
        "from datetime import datetime as t\nnow = t.utcnow",
        FindingKind.CLOCK,
        2,
        "datetime.datetime.utcnow",
    ),
    "the machine's zone": (
        "from datetime import date\nD = date.fromtimestamp(0)",
        FindingKind.CLOCK,
        2,
        "datetime.date.fromtimestamp",
    ),
    "time zones, which are files and change": (
        "from zoneinfo import ZoneInfo",
        FindingKind.CLOCK,
        1,
        "zoneinfo",
    ),
    "dice": ("import random", FindingKind.CHANCE, 1, "random"),
    "secrets": ("from secrets import token_hex", FindingKind.CHANCE, 1, "secrets"),
    "a new id each time": ("import uuid", FindingKind.CHANCE, 1, "uuid"),
    "a hash that is another in every process": (
        "N = hash('x')",
        FindingKind.CHANCE,
        1,
        "hash",
    ),
    "a file": ("DATA = open('data.txt')", FindingKind.FILES, 1, "open"),
    "a path": ("from pathlib import Path", FindingKind.FILES, 1, "pathlib"),
    "where the module lies": ("HERE = __file__", FindingKind.FILES, 1, "__file__"),
    "resources of a package": (
        "from importlib.resources import files",
        FindingKind.FILES,
        1,
        "importlib.resources",
    ),
    "a database": ("import sqlite3", FindingKind.FILES, 1, "sqlite3"),
    "a socket": ("import socket", FindingKind.NETWORK, 1, "socket"),
    "a page": (
        "from urllib.request import urlopen",
        FindingKind.NETWORK,
        1,
        "urllib.request",
    ),
    "a page by a library": ("import requests", FindingKind.NETWORK, 1, "requests"),
    "the environment": ("import os", FindingKind.MACHINE, 1, "os"),
    "arguments": ("from sys import argv", FindingKind.MACHINE, 1, "sys"),
    "another program": ("import subprocess", FindingKind.MACHINE, 1, "subprocess"),
    "a question to whoever sits there": (
        "NAME = input()",
        FindingKind.MACHINE,
        1,
        "input",
    ),
    "a module by its name": ("import importlib", FindingKind.DYNAMIC, 1, "importlib"),
    "a module without import": (
        "T = __import__('time')",
        FindingKind.DYNAMIC,
        1,
        "__import__",
    ),
    "text that is run": ("eval('1')", FindingKind.DYNAMIC, 1, "eval"),
    "statements that are run": ("exec('x = 1')", FindingKind.DYNAMIC, 1, "exec"),
    "a back door": (
        "object.__subclasses__()",
        FindingKind.DYNAMIC,
        1,
        "__subclasses__",
    ),
    "a float": ("RATIO = 0.6", FindingKind.FLOAT, 1, "0.6"),
    "a float in powers of ten": ("CAP = 2e5", FindingKind.FLOAT, 1, "200000.0"),
    "a number made a float": ("CAP = float('2000')", FindingKind.FLOAT, 1, "float"),
    "floats by the dozen": (
        "CAPS = list(map(float, ['1']))",
        FindingKind.FLOAT,
        1,
        "float",
    ),
    "a division": ("HALF = 2000_00 / 2", FindingKind.FLOAT, 1, "/"),
    "a division in place": ("HALF = 2000_00\nHALF /= 2", FindingKind.FLOAT, 2, "/"),
    "mathematics": ("import math", FindingKind.FLOAT, 1, "math"),
    "inside the core": (
        "from gongji.store import open_store",
        FindingKind.FOREIGN,
        1,
        "gongji.store",
    ),
    "a module of the core as a name": (
        "from gongji import cities",
        FindingKind.FOREIGN,
        1,
        "gongji.cities",
    ),
    "a module of the core through the core": (
        "import gongji\ngongji.serve.main()",
        FindingKind.FOREIGN,
        2,
        "gongji.serve",
    ),
    "somebody else's library": ("import attrs", FindingKind.FOREIGN, 1, "attrs"),
    "no Python": (
        "def (:",
        FindingKind.UNREADABLE,
        1,
        "invalid syntax (<unknown>, line 1)",
    ),
    "deep in a function, after a try": (
        "try:\n    pass\nfinally:\n    def f():\n        import random",
        FindingKind.CHANCE,
        5,
        "random",
    ),
}
"""Sources with one impurity: its kind, its line, and what is named."""

PURE = {
    "what every plugin of a test uses": PRELUDE,
    "days and hours": (
        "from datetime import date, time, timedelta\n"
        "D = date(2022, 7, 1) + timedelta(1)\nT = time(9)"
    ),
    "whole division": "HALF = 2000_00 // 2",
    "its own modules": (
        "from . import clauses\nfrom gongji_wuhu.revisions import R\n"
        "import gongji_wuhu.clauses"
    ),
    "names of its own": "def hash(x):\n    return x\nN = hash(1)\nfloat = int\nM = float('1')",
    "another's today": "class C:\n    today = 1\nT = C.today",
    "what only a type checker reads": (
        "from typing import TYPE_CHECKING\nimport typing\n"
        "if TYPE_CHECKING:\n    from pathlib import Path\n"
        "if typing.TYPE_CHECKING:\n    import os"
    ),
    "text that speaks of time": "WHY = 'time.time() 0.5 / 2'",
    "exact decimals": "from decimal import Decimal\nFEN = int(Decimal('800.00') * 100)",
}
"""Sources without any."""


@pytest.mark.parametrize(
    ("source", "kind", "line", "what"), IMPURE.values(), ids=IMPURE
)
def test_impure(source: str, kind: FindingKind, line: int, what: str) -> None:
    """Each impurity is found once, by kind, file, line and name, is an error, and says
    what to do."""
    found = list(impurities_of_source(source, "gongji_wuhu/__init__.py", "gongji_wuhu"))

    assert [(kind, f"gongji_wuhu/__init__.py:{line}", what)] == [
        (f.kind, f.situation, f.figures) for f in found
    ]
    assert [Severity.ERROR] == [f.severity for f in found]
    assert all(f.mend for f in found)


@pytest.mark.parametrize("source", PURE.values(), ids=PURE)
def test_pure(source: str) -> None:
    """What rules are written with is let pass."""
    assert [] == list(
        impurities_of_source(source, "gongji_wuhu/__init__.py", "gongji_wuhu")
    )


def test_every_impurity_has_its_cure() -> None:
    """Every kind of impurity says what to do, and each but those that running shows is
    sown above."""
    assert set(MEND) - {FindingKind.VARIES, FindingKind.FAILS} == {
        kind for _, kind, _, _ in IMPURE.values()
    }


def test_the_hook_is_named() -> None:
    """What stands in a hook is told under the hook."""
    source = "def scope():\n    import random\ndef helper():\n    import time"

    assert ["scope", ""] == [f.hook for f in impurities_of_source(source, "x.py", "x")]


@pytest.mark.parametrize("pinyin", SHIPPED)
def test_shipped_cities(pinyin: str) -> None:
    """A shipped city is pure to the eye and when run twice."""
    assert [] == [*impurities(f"gongji_{pinyin}"), *varieties(f"gongji_{pinyin}")]


def test_every_module_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file of a package is looked at, folders below included; what cannot be read
    is refused; nothing is run."""
    package = tmp_path / "gongji_deep"
    (package / "below").mkdir(parents=True)
    for name in ("__init__.py", "below/__init__.py"):
        (package / name).write_text("raise SystemExit\n", encoding="utf-8")
    (package / "below" / "figures.py").write_text("CAP = 0.5\n", encoding="utf-8")
    (package / f"native{EXTENSION_SUFFIXES[-1]}").write_bytes(b"\x7fELF")
    (package / "cases.toml").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = [(f.kind, f.situation) for f in impurities("gongji_deep")]

    assert [
        (FindingKind.FLOAT, "gongji_deep/below/figures.py:1"),
        (FindingKind.UNREADABLE, f"gongji_deep/native{EXTENSION_SUFFIXES[-1]}"),
    ] == found


def test_no_such_package() -> None:
    """A plugin that is not there is said to be not there."""
    assert [(FindingKind.UNREADABLE, "没有模块 gongji_nowhere")] == [
        (f.kind, f.figures) for f in impurities("gongji_nowhere")
    ]
