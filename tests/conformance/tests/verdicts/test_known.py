"""What is known to fail: read strictly, for a while, and of what exactly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from gongji_conformance.verdicts.known import Known, KnownFault, covering, read, strange

GOOD = """
[[known-fail]]
id = "CORE-SETTLE-001"
reason = "等核心修复"
owner = "王工"
expires = 2026-12-31
"""

FAULTS = {
    "no reason": ('reason = "等核心修复"\n', "", "reason"),
    "no owner": ('owner = "王工"\n', "", "owner"),
    "no expiry": ("expires = 2026-12-31", "", "expires"),
    "an expiry that is no day": ("2026-12-31", '"明年"', "expires"),
    "a misspelt key": ("owner", "woner", "woner"),
    "something beside the entries": ("[[known-fail]]", "[a]\n[[known-fail]]", "a"),
    "no toml": ("[[known-fail]]", "[[known-fail]", "known.toml"),
}
KNOWN = Known(
    id="CORE-SETTLE-001", reason="等核心修复", owner="王工", expires=date(2026, 12, 31)
)


def test_good_file(tmp_path: Path) -> None:
    """An entry reads as it is written."""
    assert (KNOWN,) == read(_file(tmp_path, GOOD))


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(tmp_path: Path, fault: str) -> None:
    """What is wrong in a file is refused with its key."""
    right, wrong, named = FAULTS[fault]
    assert right in GOOD
    with pytest.raises(KnownFault, match=named):
        read(_file(tmp_path, GOOD.replace(right, wrong, 1)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is refused by name, in no word of the system's."""
    missing = tmp_path / "none.toml"
    with pytest.raises(KnownFault) as refused:
        read(missing)

    assert str(refused.value) == f"{missing} 不能读取：请核对路径与权限"


@pytest.mark.parametrize(
    ("number", "city", "expected"),
    [
        ("CORE-SETTLE-001", "chuzhou", True),
        ("CORE-SETTLE-001/own", "chuzhou", True),
        ("CORE-SETTLE-001", "anqing", False),
        ("CORE-SETTLE-0012", "chuzhou", False),
    ],
)
def test_covers(number: str, city: str, *, expected: bool) -> None:
    """An entry speaks of its id, with any input, in its city."""
    entry = Known(
        id="CORE-SETTLE-001",
        reason="等核心修复",
        owner="王工",
        expires=KNOWN.expires,
        city="chuzhou",
    )
    assert expected == (covering([entry], number, city) is entry)


def test_last_day_counts() -> None:
    """Patience lasts to the end of its last day."""
    assert (False, True) == (
        KNOWN.expired(date(2026, 12, 31)),
        KNOWN.expired(date(2027, 1, 1)),
    )


def test_strange_ids_are_found() -> None:
    """An id nobody has is told, so that a typing error is not a tolerated failure of nothing."""
    assert [] == strange([KNOWN], ["CORE-SETTLE-001"])
    assert ["CORE-SETTLE-001"] == strange([KNOWN], ["CORE-SETTLE-002"])


def _file(folder: Path, text: str) -> Path:
    path = folder / "known.toml"
    path.write_text(text, encoding="utf-8")
    return path
