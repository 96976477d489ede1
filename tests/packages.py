"""Installs city plugins of a test: real distributions in a folder of their own, found
by entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scaffold.cities import shipped

PRELUDE = """
from dataclasses import replace
from datetime import date, datetime, time, timezone
from functools import partial
from types import SimpleNamespace
from gongji import *

C = Clause("W1", "最多7人。", "测试")
PLACE = Identity(area_code="340200", name="芜湖市")
LIMIT = FamilyLimit(people=7, counting_holder=True)
from_2023 = partial(ruled, since="2023-01-01", clauses=[C])
TABLE = Table(
    deductible_fen={1: 800_00, 2: 800_00, 3: 800_00},
    ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
    retired=BonusPoints(above_active_bp=5_00),
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 2000_00},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: NO_LIMIT},
    pharmacy=NoFund(C),
    covers=frozenset({VisitKind.OUTPATIENT}),
)

def table(**changes):
    return from_2023({Scheme.EMPLOYEE: replace(TABLE, **changes), Scheme.RESIDENT: NoFund(C)})
"""
"""What every plugin of a test may use."""

IDENTITY = """
@hookimpl
def identity():
    return PLACE
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution: its entry point's name and what its module says after the prelude."""

    distribution: str
    pinyin: str
    source: str
    version: str = "1.2.3"
    module: str = ""

    @property
    def label(self) -> str:
        """How it is called where it is refused."""
        return f"{self.distribution} {self.version}"


@contextmanager
def installed(folder: Path, *packages: Package) -> Iterator[None]:
    """The packages on the path, beside everything that is installed anyway."""
    shipped()  # is remembered without them
    modules = [_write(folder, package) for package in packages]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        try:
            yield
        finally:
            for module in modules:
                sys.modules.pop(module, None)


def _write(folder: Path, package: Package) -> str:
    module = package.module or package.distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(PRELUDE + package.source, encoding="utf-8")
    info = (
        folder / f"{package.distribution.replace('-', '_')}-{package.version}.dist-info"
    )
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package.distribution}\nVersion: {package.version}\n",
        encoding="utf-8",
    )
    (info / "entry_points.txt").write_text(
        f"[gongji.cities]\n{package.pinyin} = {module}\n", encoding="utf-8"
    )
    return module
