"""`gongji check`: values, the proof and the purity of a city, with an exit code a CI can trust."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import Result
from gongji.cities.city import City
from gongji.cli.served import INSTALLED
from gongji.kit.check.findings import COLUMNS
from gongji.kit.check.situations import situations

from tests.cli.command import gongji, tables
from tests.packages import IDENTITY, Package, installed
from tests.scaffold.cities import shipped

EFFECTS = (
    "effects=Effects(order_fen=80_00, splitting_loses_fen=41, splitting_gains_fen=50)"
)
HOOK = "\n@hookimpl\ndef {name}():\n    return {answer}\n"


def table(changes: str) -> str:
    """A plugin whose table for employees is the prelude's with these changes."""
    covers = "covers=frozenset({VisitKind.OUTPATIENT})"
    return IDENTITY + HOOK.format(
        name="reimbursement", answer=f"table({covers}, {changes})"
    )


def run(folder: Path, source: str, *options: str) -> Result:
    """Check a plugin made of this source."""
    with installed(folder, Package("gongji-wuhu", "wuhu", source)):
        return gongji("--json", "check", "wuhu", *options)


@pytest.mark.parametrize("city", shipped().all, ids=lambda city: city.pinyin)
def test_shipped_cities_pass_strictly(city: City) -> None:
    """Every shipped city passes, warnings included, and says how much was proved."""
    result = gongji("--json", "check", city.name, "--strict")
    printed = tables(result)

    assert 0 == result.exit_code
    assert ["rules", "extremes", "proof", "findings"] == list(printed)
    assert [] == printed["findings"]
    (extent,) = printed["proof"]
    assert 0 == extent["situations"] % len(list(situations()))


REFUSED = {
    "a row is missing, so that it does not even load": (
        table("ratio_bp={1: 60_00, 2: 55_00}"),
        {
            "severity": "error",
            "kind": "gap",
            "hook": "reimbursement",
            "since": "2022-07-01",
        },
        "ratio_bp[3] = ?",
    ),
    "retired people get less": (
        table(f"retired={{1: 60_00, 2: 55_00, 3: 49_00}}, {EFFECTS}"),
        {"severity": "error", "kind": "retired_below", "since": "2023-01-01"},
        "支付比例（49%，三级在职50%）",
    ),
    "a clock": (
        f"import time\n{IDENTITY}",
        {"severity": "error", "kind": "clock", "figures": "time"},
        "请写成带施行日的时间线",
    ),
    "a float": (
        IDENTITY
        + HOOK.format(name="application_expiry", answer="from_2023(int(30.0))"),
        {
            "severity": "error",
            "kind": "float",
            "hook": "application_expiry",
            "figures": "30.0",
        },
        "除法用 //",
    ),
    "a file in a plugin that does not load": (
        f"open('nowhere')\n{IDENTITY}",
        {"severity": "error", "kind": "files", "figures": "open"},
        "请把数据写进模块",
    ),
}
"""Plugins that must not serve: a finding's columns, and words of what would mend it."""


@pytest.mark.parametrize(("source", "expected", "mend"), REFUSED.values(), ids=REFUSED)
def test_refused(
    tmp_path: Path, source: str, expected: Mapping[str, str], mend: str
) -> None:
    """A plugin at fault ends the check with 1, and a finding says what to write."""
    result = run(tmp_path, source)
    findings = tables(result)["findings"]
    matches = [row for row in findings if expected.items() <= row.items()]

    assert 1 == result.exit_code
    assert list(COLUMNS) == list(findings[0])
    assert any(mend in row["mend"] for row in matches), findings


def test_a_refused_plugin_is_not_run_here(tmp_path: Path) -> None:
    """A plugin that was refused is asked where it can do nothing, never in our process."""
    mark = tmp_path / "mark"
    source = f"{IDENTITY}\nfrom pathlib import Path\nPath({str(mark)!r}).touch()\n"
    result = run(tmp_path, source)

    assert 1 == result.exit_code
    assert "files" in {row["kind"] for row in tables(result)["findings"]}
    assert not mark.exists()


def test_a_sight_is_told_once(tmp_path: Path) -> None:
    """A finding in the source at a line is not repeated because running shows it too."""
    opened = IDENTITY + HOOK.format(name="scope", answer="open('/dev/null').close()")
    findings = tables(run(tmp_path, opened))["findings"]

    assert ["files"] == [row["kind"] for row in findings]


def test_warnings(tmp_path: Path) -> None:
    """A value that does nothing is reported and forbids nothing, but for `--strict`."""
    idle = table(f"deductible_year_max_fen=900_00, {EFFECTS}")
    (tmp_path / "strict").mkdir()
    result = run(tmp_path, idle)
    strictly = run(tmp_path / "strict", idle, "--strict")

    (finding,) = tables(result)["findings"]
    assert ("warning", "inert") == (finding["severity"], finding["kind"])
    assert (0, 1) == (result.exit_code, strictly.exit_code)


def test_for_people(tmp_path: Path) -> None:
    """People read findings in Chinese; without any, there is no empty table."""
    random = Package("gongji-wuhu", "wuhu", f"import random\n{IDENTITY}")
    with installed(tmp_path, random):
        faulty = gongji("check", "wuhu").output
    clean = gongji("check", "chuzhou").output

    assert "# 证明与查验所见\n等级\t类别\t规则" in faulty
    assert "错误\t取随机数" in faulty
    assert "# 证明范围" in clean
    assert INSTALLED in clean.splitlines()[0]
    assert "证明与查验所见" not in clean
