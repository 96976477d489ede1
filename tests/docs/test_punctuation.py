"""Chinese text is set in full-width punctuation (GB/T 15834)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docs.punctuation import VALUE, literals, marks, paragraphs

ROOT: Final = Path(__file__).parents[2]

WRITTEN: Final = (
    *("server/gongji", "plugins", "tests/conformance/gongji_conformance"),
    *("tests/bench", "examples"),
)
"""Where programs stand that speak to people."""

QUOTED: Final = (
    "server/gongji/cities/anhui/clauses.py",
    "server/gongji/cities/anhui/evidence.py",
    *(
        f"plugins/{city}/gongji_{city}/clauses.py"
        for city in ("anqing", "chuzhou", "huangshan")
    ),
    "plugins/anqing/gongji_anqing/channel_table.py",
)
"""Modules that quote documents, letter by letter."""

TYPED: Final = {
    "server/gongji/kit/newcity/reading.py": "patterns of what is typed, either way",
    "server/gongji/kit/check/lints.py": "code to be written",
    "server/gongji/kit/check/situations.py": "code to be written",
    "server/gongji/kit/check/tables.py": "code to be written",
    "server/gongji/kit/newcity/answers.py": "code to be written",
    "server/gongji/serve/national/gates.py": "what the national gateway answers",
}
"""Modules whose half-width marks are part of what a machine reads, and which."""


@pytest.mark.parametrize("folder", WRITTEN)
def test_the_strings_of_a_program_are_set_in_full_width(folder: str) -> None:
    """No string in Chinese holds a half-width mark beside a Chinese character."""
    modules = list(_modules(folder))
    assert modules
    assert [] == [broken for module in modules for broken in _broken(module)]


def test_every_page_is_set_in_full_width() -> None:
    """No paragraph in Chinese holds a half-width mark beside a Chinese character."""
    pages = [page for page in ROOT.rglob("*.md") if not _foreign(page)]
    broken = [
        f"{page.relative_to(ROOT)}:{line}: {mark}"
        for page in pages
        for line, text in paragraphs(page)
        for mark in marks(text)
    ]
    assert [] == broken


@pytest.mark.parametrize(
    "text",
    [
        "甲, 乙",
        "金额: 3 元",
        "见下(附表)",
        "只测这些.",
        "共 3 个; 其余不计",
        "`a`, 乙",
        "扣款;S38",
        "减为三个,B",
        "gongji,甲乙",
        f"甲{VALUE},乙{VALUE}",
        f"{VALUE}({VALUE})：甲",
        f"{VALUE}(甲{VALUE})",
        f"《甲》（2021年） {VALUE}",
        "真的?",
        "; `须推得",
        "由 a 与 b(c)推得",
        "元旦、劳动节：month and day.",
        "A counter（窗口）.",
        "A counter (窗口)。",
    ],
)
def test_each_kind_of_half_width_mark_is_found(text: str) -> None:
    """A comma, colon, semicolon, bracket, full stop or question mark is found, and each
    that is Chinese in an English sentence."""
    assert marks(text)


@pytest.mark.parametrize(
    "text",
    [
        "甲，乙",
        "1,000 元",
        "a, b",
        "`甲, 乙`",
        "09:00 至 17:00",
        "见 a.b(c)",
        "令牌写作 token=…;object=… 这样",
        "Purses of people (个人账户).",
        "元旦、劳动节: month and day.",
        'A phrase of rules: "甲，乙".',
    ],
)
def test_what_is_set_well_or_foreign_is_left(text: str) -> None:
    """Figures, code and sentences in English keep their marks."""
    assert not marks(text)


def _modules(folder: str) -> Iterator[str]:
    """Yield the modules of a folder that are ours to write."""
    for module in (ROOT / folder).rglob("*.py"):
        name = module.relative_to(ROOT).as_posix()
        if not (_foreign(module) or name in QUOTED or name in TYPED):
            yield name


def _broken(module: str) -> Iterator[str]:
    for line, text in literals(ROOT / module):
        for mark in marks(text):
            yield f"{module}:{line}: {mark}"


def _foreign(path: Path) -> bool:
    """Return whether a file is not ours: generated, or installed."""
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") for part in parts) or bool(
        {"v1", "var", "node_modules", "dist", "target"} & set(parts)
    )
