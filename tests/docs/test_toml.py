"""TOML shown on a page can be typed as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

PAGES: Final = (
    "docs/national.md",
    "docs/operate.md",
    "plugins/README.md",
    "tests/conformance/README.md",
)

_FENCED: Final = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)

_INDENTED: Final = re.compile(
    r"(?:^    (?=# \S+\.toml|\[).*\n)(?:^    .*\n)*", re.MULTILINE
)


def blocks(page: str) -> list[str]:
    """Return what a page shows as TOML, in a fence or indented."""
    text = (ROOT / page).read_text("utf-8")
    bare = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [*_FENCED.findall(text), *map(dedent, _INDENTED.findall(bare))]


@pytest.mark.parametrize("page", PAGES)
def test_toml_on_a_page_is_toml(page: str) -> None:
    """Every example of a file can be read as it is shown; there is one on each page."""
    shown = blocks(page)
    assert shown
    for block in shown:
        tomllib.loads(block)
