"""Guide and report as Chromium shows them: on a phone and on a desk, light and dark, printed.

It needs Chromium.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pypdfium2 as pdfium
import pytest
from gongji import guide
from gongji.cities.loading import load_cities
from playwright.sync_api import Page

from tests.examples.chromium import browser_page
from tests.guide.towns import DAY

WIDTHS: Final = (390, 1280)
"""Of a common phone and of a common desk, in pixels."""

SCHEMES: Final = ("light", "dark")

UNFOLD: Final = "document.querySelectorAll('details').forEach(d => d.open = true)"

CONTRAST: Final = 4.5
"""The least contrast of text of any size (WCAG 2.2, 1.4.3)."""

A4: Final = (595, 842)
"""In points."""

OVERFLOWING: Final = """() => {
  const wide = document.documentElement.clientWidth;
  const framed = (e) => getComputedStyle(e).overflowX !== 'visible';
  const scrolls = (e) => e && (framed(e) || scrolls(e.parentElement));
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > wide + 1 && !scrolls(e.parentElement))
    .map((e) => e.tagName + ' ' + e.textContent.trim().slice(0, 30));
}"""
"""What stands beyond the right edge, and in no frame of its own that scrolls."""

FAINT: Final = """(least) => {
  const read = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    const [r, g, b, a = 1] = numbers;
    return [r * scale, g * scale, b * scale, a];
  };
  const over = (top, below) => {
    const a = top[3];
    return [0, 1, 2].map((i) => top[i] * a + below[i] * (1 - a)).concat(1);
  };
  const ground = (e) => {
    const own = read(getComputedStyle(e).backgroundColor);
    const below = e.parentElement ? ground(e.parentElement) : [255, 255, 255, 1];
    return over(own, below);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => {
      const part = c / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Set();
  for (const e of document.querySelectorAll('body *:not(svg *)')) {
    const says = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!says || !e.checkVisibility()) continue;
    const below = ground(e);
    const own = over(read(getComputedStyle(e).color), below);
    const [high, low] = [light(own), light(below)].sort((x, y) => y - x);
    if ((high + 0.05) / (low + 0.05) < least) faint.add(e.className + ' ' + e.tagName);
  }
  return [...faint];
}"""
"""Kinds of elements whose text does not stand out from its ground."""

BROKEN: Final = """() => [...document.querySelectorAll('a[href^="#"]')]
  .map((a) => decodeURIComponent(a.hash.slice(1)))
  .filter((name) => !document.getElementById(name))"""
"""Links that lead nowhere."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The guide of each city, and the report of a short run; of one city unless asked."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    every = os.environ.get("GONGJI_PAGES") == "1"
    for city in load_cities().all if every else load_cities().all[-1:]:
        made[city.pinyin] = folder / f"{city.pinyin}.html"
        made[city.pinyin].write_text(guide.html(city, DAY), encoding="utf-8")
    gongji = Path(sys.executable).with_name("gongji")
    command = [str(gongji), "conformance", "chuzhou", "--quick", "--report", "report"]
    # It fails on no machine that is merely slow: what it finds is another test's matter.
    subprocess.run(command, cwd=folder, check=False, capture_output=True)  # noqa: S603 - our own
    return made | {"report": folder / "report" / "report.html"}


@pytest.fixture
def page() -> Iterator[Page]:
    """An open page."""
    with browser_page() as opened:
        yield opened


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_cut_or_faint(
    pages: dict[str, Path], page: Page, scheme: Literal["light", "dark"]
) -> None:
    """At each width nothing leaves the page sideways, folded or not, and every text
    stands out from its ground."""
    page.emulate_media(color_scheme=scheme)
    for name, path in pages.items():
        page.goto(path.as_uri())
        for act in ("null", UNFOLD):
            page.evaluate(act)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 844})
                scrolled = page.evaluate("document.documentElement.scrollWidth")
                assert (width, []) == (scrolled, page.evaluate(OVERFLOWING)), name
        assert [] == page.evaluate(FAINT, CONTRAST), name


def test_every_link_leads_somewhere(pages: dict[str, Path], page: Page) -> None:
    """Each link within a page names something on it; what is folded unfolds for it."""
    for path in pages.values():
        page.goto(path.as_uri())
        assert [] == page.evaluate(BROKEN)
        first = page.locator('a[href*="clause-"]:visible').first
        assert not page.locator("details:has(tr:target)").count()
        first.click()
        assert page.locator("tr:target").is_visible()


def test_a_table_shows_that_it_scrolls(pages: dict[str, Path], page: Page) -> None:
    """Over each table that scrolls stands how many columns it has; on a desk, where none
    does, nothing; what only clerks need is folded."""
    for name, path in pages.items():
        if name == "report":
            continue
        page.goto(path.as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            scrolls = page.evaluate(
                "[...document.querySelectorAll('.wide')].map(e => e.scrollWidth > e.clientWidth)"
            )
            hinted = [hint.is_visible() for hint in page.locator(".swipe").all()]
            assert scrolls == hinted
        assert 0 == page.locator("details[open]").count()


def test_a_page_is_printed_on_a4(
    pages: dict[str, Path], page: Page, tmp_path: Path
) -> None:
    """Printed, each page is A4 and holds text."""
    for name, path in pages.items():
        page.goto(path.as_uri())
        page.pdf(path=tmp_path / f"{name}.pdf", prefer_css_page_size=True)
        with pdfium.PdfDocument(tmp_path / f"{name}.pdf") as printed:
            for sheet in printed:
                assert tuple(round(side) for side in sheet.get_size()) == A4
                assert sheet.get_textpage().get_text_range().strip()
