"""No figure depends on where and how the server runs: time zone, locale, hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SURROUNDINGS: dict[str, dict[str, str]] = {
    "Shanghai": {"TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
    "the line of dates, east": {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "1",
    },
    "the line of dates, west": {
        "TZ": "Etc/GMT+12",
        "LC_ALL": "zh_CN.UTF-8",
        "PYTHONHASHSEED": "42",
    },
    "a comma for a point": {
        "TZ": "Europe/Berlin",
        "LC_ALL": "de_DE.UTF-8",
        "PYTHONHASHSEED": "4294967295",
    },
    "a dotless i": {
        "TZ": "America/New_York",
        "LC_ALL": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "random",
    },
}


def _digest(surroundings: dict[str, str]) -> str:
    """Return the digest a process in those surroundings prints of the fixed bills."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.prove.fixed"],
        cwd=ROOT,
        env=dict(os.environ) | surroundings,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


@pytest.fixture(scope="module")
def at_home() -> str:
    """Return the digest in the surroundings of the tests."""
    digest = _digest({})
    assert len(digest) == 64
    return digest


@pytest.mark.sampled(2)
@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_no_figure_depends_on_them(at_home: str, surroundings: dict[str, str]) -> None:
    """The same bills come to the same figures, words and ids in any time zone, locale
    and order of hashes."""
    assert at_home == _digest(surroundings)
