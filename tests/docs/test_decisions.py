"""Decisions have one form, and the index lists each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
# Every file but the index: one without a number is a decision that nobody finds.
DECISIONS = sorted(set(FOLDER.glob("*.md")) - {FOLDER / "README.md"})
FORM = re.compile(
    r"# (?P<number>\d+)\. (?P<title>[^\n]+)\n\n"
    r"- Date: (?P<date>20\d\d-\d\d-\d\d)\n"
    r"- Status: (?:accepted|replaced by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\))\n\n"
    r"## Context\n\n.+\n\n## Decision\n\n.+\n\n## Measurement\n\n.+\n\n## Consequences\n\n.+\n",
    re.DOTALL,
)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_the_form(path: Path) -> None:
    """Number, title, date and status, then context, decision, measurement, consequences."""
    form = FORM.fullmatch(path.read_text(encoding="utf-8"))
    assert form, "not in the form of docs/decisions/README.md"
    assert path.stem[:4] == f"{int(form['number']):04d}"


def test_the_index_lists_every_decision() -> None:
    """One row each, in order, with its date and its title."""
    forms = [FORM.fullmatch(path.read_text(encoding="utf-8")) for path in DECISIONS]
    expected = [
        f"| [{path.stem[:4]}]({path.name}) | {form['date']} | {form['title']} |"
        for path, form in zip(DECISIONS, forms, strict=True)
        if form
    ]
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert expected == [line for line in index.splitlines() if line.startswith("| [")]


def test_numbers_have_no_gaps() -> None:
    """Decisions are numbered from 1, each number once."""
    assert list(range(1, len(DECISIONS) + 1)) == [
        int(path.stem[:4]) for path in DECISIONS
    ]
