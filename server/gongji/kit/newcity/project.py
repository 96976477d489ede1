"""A complete project of a new city, written into a folder of its own; an existing one
is never touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import gongji
from gongji.kit.newcity.answers import Answers
from gongji.kit.newcity.cases import cases_file
from gongji.kit.newcity.module import clauses_module, rules_module
from gongji.kit.newcity.policy import Policy, policy
from gongji.rules.phrases import in_words, topic

FOLDER: Final = "gongji-{}"

_PROVINCE = "其余从省级规则。"


class FolderTaken(FileExistsError):  # noqa: N818 - told to whoever asked for a project
    """The folder is there already; nothing was written."""


def write(answers: Answers, folder: Path) -> tuple[Path, ...]:
    """Writes the project; the paths written. FolderTaken, or AnswerFault before
    anything is written."""
    files = dict(contents(policy(answers)))
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise FolderTaken(
            f"{folder} 已经存在, 没有写入任何文件; 请用 --out 另选一个目录"
        ) from None
    written = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return tuple(written)


def contents(made: Policy) -> Iterator[tuple[str, str]]:
    """Every file of the project with its text."""
    told = _told(made)
    package = f"gongji_{made.answers.pinyin}"
    yield "pyproject.toml", _filled("pyproject.toml", told)
    yield "README.md", _filled("README.md", told)
    yield ".gitignore", _filled("gitignore", told)
    yield ".github/workflows/check.yml", _filled("check.yml", told)
    yield f"{package}/__init__.py", rules_module(made)
    if made.rules:
        yield f"{package}/clauses.py", clauses_module(made)
    yield f"{package}/cases.toml", cases_file(made)
    yield f"{package}/py.typed", ""


def _told(made: Policy) -> Mapping[str, str]:
    """What the templates are filled with."""
    answers = made.answers
    major, minor, *_ = gongji.__version__.split(".")
    rows = [
        (
            f"| {topic(rule.hook)} | {in_words(rule.value).replace('|', '、')} | "
            f"{'、'.join(c.id for c in rule.own)} |"
        )
        for rule in made.rules
    ]
    return {
        "name": answers.name,
        "pinyin": answers.pinyin,
        "area_code": answers.area_code,
        "since": str(answers.since),
        "source": answers.source,
        "floor": f"{major}.{minor}",
        "ceiling": f"{major}.{int(minor) + 1}" if major == "0" else str(int(major) + 1),
        "rows": "\n".join(rows) or f"| (无) | {_PROVINCE} | |",
    }


def _filled(name: str, told: Mapping[str, str]) -> str:
    text = (
        resources.files("gongji.kit.newcity")
        .joinpath("templates", f"{name}.txt")
        .read_text(encoding="utf-8")
    )
    return Template(text).substitute(told)
