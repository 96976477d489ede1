"""CHANGELOG.md knows the version that is built."""

from __future__ import annotations

import re
from pathlib import Path

from gongji import __version__

HEADINGS = re.findall(
    r"^## (.+)$",
    (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_newest_release_is_this_version() -> None:
    """What is not released yet stands first, then this version with its day."""
    unreleased, newest, *_ = HEADINGS
    assert "未发布" == unreleased
    assert re.fullmatch(rf"{re.escape(__version__)} - 20\d\d-\d\d-\d\d", newest)
