"""`gongji doctor`: what is installed and not loaded, or cannot be opened, is found,
with why and what to do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import gongji
import pytest
from click.testing import CliRunner
from gongji.binding.workdays import Workdays
from gongji.cli import main
from gongji.kit.doctor import Diagnosis, findings
from gongji.rules.codes import SHANGHAI
from gongji.store import open_store

from tests.kit.making import every_year
from tests.packages import IDENTITY, Package, installed

NOW = datetime(2025, 9, 30, 10, tzinfo=SHANGHAI)
PLACE = 'Identity(area_code="340200", name="芜湖市")'
RULES = "from gongji import Identity, hookimpl\n" + IDENTITY.replace("PLACE", PLACE)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path where distributions are installed; what was imported from it
    is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for module in [path.stem for path in folder.glob("*.py")]:
        sys.modules.pop(module, None)


def _installed(
    site: Path,
    *,
    requires: str = "gongji>=0.1",
    entry: str = "",
    source: str = RULES,
    name: str = "gongji-wuhu",
) -> None:
    """One distribution of a module, with what it requires and its entry points as they
    stand in the file."""
    (site / f"{name.replace('-', '_')}.py").write_text(source, encoding="utf-8")
    info = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    requirement = f"Requires-Dist: {requires}\n" if requires else ""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n{requirement}"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    if entry:
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")


def _found(data: Path, now: datetime = NOW) -> list[Diagnosis]:
    return list(findings(data, Workdays(), now))


def test_nothing_wrong(tmp_path: Path) -> None:
    """What is installed here is in order, and the command says so."""
    calendar = str(every_year(tmp_path))
    result = CliRunner().invoke(
        main, ["doctor", "--data", str(tmp_path / "var"), "--calendar", calendar]
    )

    assert [] == _found(tmp_path / "var")
    assert 0 == result.exit_code
    assert "一切正常" in result.output
    assert "滁州市（gongji-chuzhou" in result.output


def test_no_entry_point(site: Path, tmp_path: Path) -> None:
    """A distribution with rules and no entry point is found, with the lines to write."""
    _installed(site)
    (diagnosis,) = _found(tmp_path)

    assert (
        "gongji-wuhu 0.1.0",
        "模块 gongji_wuhu 里有规则，但没有声明入口点，所以不会被加载",
    ) == (
        diagnosis.subject,
        diagnosis.problem,
    )
    assert (
        '[project.entry-points."gongji.cities"] 与 wuhu = "gongji_wuhu"'
        in diagnosis.remedy
    )


def test_misspelt_group(site: Path, tmp_path: Path) -> None:
    """An entry point in a group of nearly the right name is named."""
    _installed(site, entry="[gongji.city]\nwuhu = gongji_wuhu\n")
    (diagnosis,) = _found(tmp_path)

    assert "声明的入口点组是 'gongji.city'" in diagnosis.problem


def test_module_of_no_distribution(site: Path, tmp_path: Path) -> None:
    """A module with rules that was copied and never installed is found."""
    (site / "gongji_wuhu.py").write_text(RULES, encoding="utf-8")
    (diagnosis,) = _found(tmp_path)

    assert "gongji_wuhu" == diagnosis.subject
    assert "没有声明入口点" in diagnosis.problem


def test_a_tool_is_no_city(site: Path, tmp_path: Path) -> None:
    """What requires gongji and has no rules is nobody's fault."""
    _installed(site, source="import gongji\n", name="gongji-report")

    assert [] == _found(tmp_path)


def test_missing_module(site: Path, tmp_path: Path) -> None:
    """An entry point that leads nowhere is told once, by its module."""
    _installed(site, entry="[gongji.cities]\nwuhu = gongji_whu\n", source="")
    (diagnosis,) = _found(tmp_path)

    assert ("gongji-wuhu 0.1.0 (wuhu)", "入口点 wuhu 指向的模块 gongji_whu 不存在") == (
        diagnosis.subject,
        diagnosis.problem,
    )


def test_another_version(site: Path, tmp_path: Path) -> None:
    """A plugin written for another gongji is named with both versions."""
    _installed(
        site, requires="gongji>=9.0,<10", entry="[gongji.cities]\nwuhu = gongji_wuhu\n"
    )
    (diagnosis,) = _found(tmp_path)

    assert (
        f"要求 gongji<10,>=9.0，而已安装的是 {gongji.__version__}" == diagnosis.problem
    )


def test_refused(tmp_path: Path) -> None:
    """A plugin that is refused is there with every problem, each as a finding."""
    (tmp_path / "site").mkdir()
    faulty = Package(
        "gongji-wuhu",
        "wuhu",
        IDENTITY + "def scope(): ...\n@hookimpl\ndef famly_limit(): ...\n",
    )
    with installed(tmp_path / "site", faulty):
        diagnoses = _found(tmp_path)

    assert {"gongji-wuhu 1.2.3 (wuhu)"} == {
        diagnosis.subject for diagnosis in diagnoses
    }
    assert ["famly_limit：没有这个钩子", "scope：忘记写 @hookimpl"] == [
        diagnosis.problem[: diagnosis.problem.index("，")] for diagnosis in diagnoses
    ]
    assert all(
        "gongji hooks wuhu --trace" in diagnosis.remedy for diagnosis in diagnoses
    )


def test_data_and_key(tmp_path: Path) -> None:
    """A database opens with its key; with none, or with another's, it is named with what to do."""

    async def made() -> None:
        await open_store(
            tmp_path / "gongji.sqlite3", lambda: NOW, tmp_path / "gongji.key"
        ).close()

    asyncio.run(made())
    before = _found(tmp_path)
    key = tmp_path / "gongji.key"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    (others_key,) = _found(tmp_path)
    key.unlink()
    (none,) = _found(tmp_path)

    assert [] == before
    assert "密钥文件与该数据库不符" in others_key.problem
    assert "找不到密钥文件" in none.problem
    assert "只能从备份恢复" in none.remedy


def test_unknown_calendar(tmp_path: Path) -> None:
    """A year whose holidays nobody has published is named, and makes the command end with 1."""
    (diagnosis,) = _found(tmp_path, NOW.replace(year=2091))

    assert "2091 年" == diagnosis.subject
    assert "--calendar" in diagnosis.remedy


def test_exit_code(site: Path, tmp_path: Path) -> None:
    """Something wrong ends the command with 1 and is printed with its remedy."""
    _installed(site)
    result = CliRunner().invoke(main, ["doctor", "--data", str(tmp_path)])

    assert 1 == result.exit_code
    assert "没有声明入口点" in result.output
