"""The generated project: complete, never over another, and its code says exactly what
was answered."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.cli import main
from gongji.kit.check.extremes import problems_of_effects
from gongji.kit.newcity import answers, project
from gongji.kit.newcity.code import width
from gongji.kit.newcity.policy import policy
from gongji.kit.newcity.project import FolderTaken
from gongji.rules.benefits import Table
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import read as read_cases

from tests.kit.making import BIN, ROOT
from tests.kit.towns import TOWNS, WUHU, answered

WIDEST = 100
"""Columns of the settings of a generated project."""

FILES = {
    "pyproject.toml",
    "README.md",
    ".gitignore",
    ".github/workflows/check.yml",
    "gongji_wuhu/__init__.py",
    "gongji_wuhu/clauses.py",
    "gongji_wuhu/cases.toml",
    "gongji_wuhu/py.typed",
}


def _imported(folder: Path, package: str) -> ModuleType:
    """Import a generated package from its folder."""
    spec = util.spec_from_file_location(package, folder / package / "__init__.py")
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    sys.modules[package] = module
    try:
        spec.loader.exec_module(module)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
    return module


def _city(folder: Path, town: str) -> City:
    town_answers = answered(town)
    project.write(town_answers, folder / "made")
    return city_from(
        _imported(folder / "made", f"gongji_{town_answers.pinyin}"),
        pinyin=town_answers.pinyin,
    )


def _tree(path: Path) -> str:
    return ast.dump(ast.parse(path.read_text(encoding="utf-8")))


def test_complete(written: Path) -> None:
    """Every file a project needs is there, and no template's mark is left."""
    by_name = {
        str(path.relative_to(written)): path
        for path in written.rglob("*")
        if path.is_file()
    }

    assert FILES == by_name.keys()
    assert [] == [
        name
        for name, path in by_name.items()
        if "$" in path.read_text(encoding="utf-8").replace("${{ vars", "")
    ]


def test_entry_point(written: Path) -> None:
    """The project declares its city, and this gongji is one it was written for."""
    settings = tomllib.loads((written / "pyproject.toml").read_text(encoding="utf-8"))

    assert {"wuhu": "gongji_wuhu"} == settings["project"]["entry-points"][
        "gongji.cities"
    ]
    assert ["gongji>=0.1,<0.2"] == settings["project"]["dependencies"]


def test_never_over_another(tmp_path: Path) -> None:
    """A folder that is there is left as it is, whatever is in it."""
    (tmp_path / "mine").write_text("keep", encoding="utf-8")
    with pytest.raises(FolderTaken, match="已经存在，没有写入任何文件"):
        project.write(answers.read_file(WUHU), tmp_path)

    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("town", TOWNS)
def test_code_says_what_was_answered(town: str, tmp_path: Path) -> None:
    """The generated module, loaded, has the value of every answer from the first day
    on, under its clauses."""
    stated, city = policy(answered(town)), _city(tmp_path, town)

    assert tuple(rule.hook for rule in stated.rules) == city.overridden
    for rule in stated.rules:
        last = city.timelines[rule.hook][-1]
        assert (rule.value, stated.answers.since, rule.clauses) == (
            last.value,
            last.since,
            last.clauses,
        )


@pytest.mark.parametrize("town", TOWNS)
def test_effects_are_declared_right(town: str) -> None:
    """What order and splitting do to a table stands beside it as it is recomputed."""
    tables = [
        constant.value
        for rule in policy(answered(town)).rules
        for constant in rule.constants
    ]

    for table in tables:
        assert isinstance(table, Table)
        assert [] == list(problems_of_effects(table))


def test_every_figure_stands_under_its_clause(written: Path) -> None:
    """Above each figure of a table its own clause is written out, word for word."""
    lines = (
        (written / "gongji_wuhu" / "__init__.py")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    texts = {
        c.id: c.text
        for answer in answers.read_file(WUHU).by_key.values()
        for c in answer.clauses
    }
    figures = {
        "deductible_fen={1: 200_00, 2: 400_00, 3: 800_00},": "WH1",
        "deductible_year_max_fen=600_00,": "WH2",
        "ratio_bp={1: 70_00, 2: 62_50, 3: 55_00},": "WH3",
        "retired=BonusPoints(above_active_bp=8_00),": "WH4",
        "cap_fen={Standing.ACTIVE: 2500_00, Standing.RETIRED: 3200_00},": "WH5",
        "pharmacy=1,": "WH6",
        "deductible_fen={1: 0, 2: 0, 3: 0},": "WH7",
        "ratio_bp={1: 55_00, 2: 50_00, 3: 40_00},": "WH8",
        "visit_cap_fen={1: 40_00, 2: 60_00, 3: 80_50},": "WH9",
        "cap_fen={Standing.ACTIVE: 300_00, Standing.RETIRED: 300_00},": "WH10",
        "return _wuhu(FamilyLimit(people=5, counting_holder=False), clauses=[c.WH13])": "WH13",
    }
    above = {
        line.strip(): lines[number - 1].strip()
        for number, line in enumerate(lines)
        if number
    }

    assert {
        figure: f"# {number} {texts[number]}" for figure, number in figures.items()
    } == {figure: above.get(figure) for figure in figures}


@pytest.mark.parametrize("town", TOWNS)
def test_cases_can_be_read(town: str, tmp_path: Path) -> None:
    """Every generated case is one the conformance suite understands."""
    town_answers = answered(town)
    project.write(town_answers, tmp_path / "made")
    text = (
        tmp_path / "made" / f"gongji_{town_answers.pinyin}" / "cases.toml"
    ).read_text(encoding="utf-8")
    cases = read_cases(text, town_answers.pinyin)

    assert [] == [case for case in cases if not isinstance(case, CityCase)]
    assert len(cases) > 5
    assert all(case.id.startswith(town_answers.pinyin.upper()) for case in cases)


@pytest.mark.parametrize("town", TOWNS)
def test_clean(town: str, tmp_path: Path) -> None:
    """Ruff and mypy --strict have nothing to say of generated code under this
    repository's settings."""
    town_answers = answered(town)
    folder = tmp_path / "plugins" / "made"
    project.write(town_answers, folder)
    package = folder / f"gongji_{town_answers.pinyin}"
    settings = ("--config", ROOT / "pyproject.toml", "--no-cache")
    commands: list[tuple[str | Path, ...]] = [
        ("ruff", "check", *settings, package),
        ("ruff", "format", "--check", *settings, package),
        ("mypy", "--strict", "--cache-dir", ROOT / ".mypy_cache" / "kit", package),
    ]
    for program, *arguments in commands:
        ran = subprocess.run(  # noqa: S603 - our own tools
            [str(BIN / program), *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert 0 == ran.returncode, ran.stdout


def test_lines_fit(written: Path) -> None:
    """No line of generated code is wider than the settings allow; Chinese characters
    take two columns."""
    lines = [
        line
        for path in (*written.rglob("*.py"), *written.rglob("pyproject.toml"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]

    assert [] == [line for line in lines if width(line) > WIDEST]


@pytest.mark.parametrize("town", TOWNS)
def test_without_ruff(
    town: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ruff the same code is written, unformatted."""
    town_answers = answered(town)
    formatted = project.write(town_answers, tmp_path / "formatted")
    monkeypatch.setattr(project, "find_ruff", lambda: None)
    plain = project.write(town_answers, tmp_path / "plain")

    assert (True, False) == (formatted.formatted, plain.formatted)
    assert [_tree(path) for path in formatted.paths if path.suffix == ".py"] == [
        _tree(path) for path in plain.paths if path.suffix == ".py"
    ]


def test_told_of_a_missing_ruff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says which extra formats the code, beside its output, and ends well."""
    folder = tmp_path / "made"
    command = ["new-city", "--answers", str(WUHU), "--out", str(folder)]
    monkeypatch.setattr(project, "find_ruff", lambda: None)
    result = CliRunner().invoke(main, command)

    assert 0 == result.exit_code
    assert "没有找到可用的 ruff" in result.stderr
    assert "gongji[kit]" in result.stderr
    assert "没有找到" not in result.stdout
    assert (folder / "gongji_wuhu" / "clauses.py").exists()


def test_a_ruff_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ruff that cannot format leaves the code as it was written."""
    broken = tmp_path / "ruff"
    broken.write_text("#!/bin/sh\nexit 2\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(project, "find_ruff", lambda: str(broken))

    assert not project.write(answers.read_file(WUHU), tmp_path / "made").formatted
