"""Every relative link of the project's own Markdown leads to something that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(r"[a-z]+:")
NOT_OURS = {".venv", "node_modules", "dist", "var"}
PAGES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if not NOT_OURS & set(path.relative_to(ROOT).parts)
    and not path.relative_to(ROOT).parts[0].startswith(".")
)


def links(page: Path) -> Iterator[str]:
    """Yield where the links and pictures of a page lead."""
    for block in (
        MarkdownIt().enable("table").parse((ROOT / page).read_text(encoding="utf-8"))
    ):
        for token in block.children or ():
            target = token.attrs.get("href", token.attrs.get("src"))
            if target is not None:
                yield str(target)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made of their text as is usual."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """Links to files of this repository are relative and right."""
    broken = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if ELSEWHERE.match(link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert [] == broken


def test_there_are_pages() -> None:
    """The pages people begin with are among those looked at."""
    begin = {
        Path("README.md"),
        Path("docs/architecture.md"),
        Path("protos/README.md"),
        Path("CONTRIBUTING.md"),
    }
    assert begin <= set(PAGES)
