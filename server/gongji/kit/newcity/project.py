"""Write a complete project of a new city into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import gongji
from gongji.kit.newcity.answers import Answers
from gongji.kit.newcity.cases import cases_file
from gongji.kit.newcity.code import in_one_line, toml_text
from gongji.kit.newcity.module import clauses_module, rules_module
from gongji.kit.newcity.policy import Policy, policy
from gongji.rules.phrases import in_words, topic

FOLDER: Final = "gongji-{}"

UNFORMATTED: Final = (
    "没有找到可用的 ruff，代码可以直接使用，只是没有排版；"
    "请 pip install 'gongji[kit]'，再在 {folder} 中运行 ruff format。"
)
"""What whoever asked for a project is told if its code could not be formatted."""

_PROVINCE = "其余从省级规则。"


class FolderTaken(FileExistsError):  # noqa: N818 - told to whoever asked for a project
    """The folder is there already; nothing was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a new project, and whether its code could be formatted."""

    paths: tuple[Path, ...]
    formatted: bool


def write(answers: Answers, folder: Path) -> Written:
    """Write the project and format its code.

    FolderTaken, or AnswerFault before anything is written.
    """
    files = dict(contents(policy(answers)))
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise FolderTaken(
            f"{folder} 已经存在，没有写入任何文件；请用 --out 另选一个目录"
        ) from None
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    modules = [path for path in paths if path.suffix == ".py"]
    return Written(tuple(paths), format_code(modules))


def format_code(modules: Iterable[Path]) -> bool:
    """Format modules as their project's pyproject.toml says; False if ruff cannot."""
    ruff = find_ruff()
    if ruff is None:
        return False
    # Files by name: a folder may lie below one that ruff excludes, such as build/.
    command = [
        ruff,
        "format",
        "--quiet",
        "--no-cache",
        *map(str, modules),
    ]
    # A ruff older than its formatter fails; the code is whole all the same.
    ran = subprocess.run(command, check=False)  # noqa: S603 - over our own files
    return ran.returncode == 0


def find_ruff() -> str | None:
    """Return the path of ruff: this environment's, else one on the command path."""
    # `python -m gongji` may run in an environment whose scripts are not on the path.
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    return shutil.which("ruff", path=os.pathsep.join(folders))


def contents(city: Policy) -> Iterator[tuple[str, str]]:
    """Yield every file of the project with its text."""
    values = _template_values(city)
    package = f"gongji_{city.answers.pinyin}"
    yield "pyproject.toml", _filled("pyproject.toml", values)
    yield "README.md", _filled("README.md", values)
    yield ".gitignore", _filled("gitignore", values)
    yield ".github/workflows/check.yml", _filled("check.yml", values)
    yield f"{package}/__init__.py", rules_module(city)
    if city.rules:
        yield f"{package}/clauses.py", clauses_module(city)
    yield f"{package}/cases.toml", cases_file(city)
    yield f"{package}/py.typed", ""


def _template_values(city: Policy) -> Mapping[str, str]:
    """Return what the templates are filled with."""
    answers = city.answers
    rows = []
    for rule in city.rules:
        value = in_one_line(in_words(rule.value)).replace("|", "、")
        clauses = "、".join(clause.id for clause in rule.own)
        rows.append(f"| {topic(rule.hook)} | {value} | {clauses} |")
    floor, ceiling = _versions()
    return {
        "name": in_one_line(answers.name),
        "description": toml_text(f"{answers.name}门诊共济与家庭共济的规则"),
        "pinyin": answers.pinyin,
        "area_code": answers.area_code,
        "since": str(answers.since),
        "source": in_one_line(answers.source),
        "floor": floor,
        "ceiling": ceiling,
        "rows": "\n".join(rows) or f"| （无） | {_PROVINCE} | |",
    }


def _versions() -> tuple[str, str]:
    """Return the first version of gongji the project works with, and the first it may not."""
    major, minor, *_ = gongji.__version__.split(".")
    # Below 1.0 a minor version may take something away, from then on a major one.
    ceiling = f"0.{int(minor) + 1}" if major == "0" else str(int(major) + 1)
    return f"{major}.{minor}", ceiling


def _filled(name: str, values: Mapping[str, str]) -> str:
    template = resources.files("gongji.kit.newcity").joinpath(
        "templates", f"{name}.txt"
    )
    return Template(template.read_text(encoding="utf-8")).substitute(values)
