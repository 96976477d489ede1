"""The guide's two forms: whole, self-contained, saying the same, and never taking a
clause for markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

from gongji import guide
from gongji.cities.city import City
from gongji.guide.page import citations, statements_in
from gongji.rules.channels import Note
from gongji.rules.clauses import Clause
from markdown_it import MarkdownIt

from tests.guide.towns import (
    DAY,
    every_city,
    newly,
    with_answers,
)


class Outline(HTMLParser):
    """What a page opens and closes, links to and names."""

    VOID = ("meta", "!doctype", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.unbalanced: list[str] = []
        self.links: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)

    @property
    def broken_links(self) -> list[str]:
        """The links that lead to no name of the page."""
        return [link for link in self.links if link.removeprefix("#") not in self.names]

    def handle_starttag(
        self,
        tag: str,
        attrs: list[tuple[str, str | None]],
    ) -> None:
        """Notes a tag and its attributes."""
        self.seen.append(tag)
        self.attributes += attrs
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.names += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Notes a tag closed out of order."""
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        """Notes text outside the style."""
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@every_city
def test_html_is_whole_and_self_contained(city: City) -> None:
    """Tags balance, every link has its anchor, anchors are unique, nothing is fetched,
    and no script runs but the calculator's."""
    text = guide.html(city, DAY)
    page = Outline(text)

    assert (page.open, page.unbalanced) == ([], [])
    assert page.broken_links == []
    assert len(set(page.names)) == len(page.names)
    assert not {"link", "img", "iframe"} & set(page.seen)
    assert page.seen.count("script") == 1
    assert not {"src", "action", "srcset"} & {name for name, _ in page.attributes}
    assert not re.search(r"fetch|import|XMLHttp|innerHTML|eval", _script(text))
    head, _, _ = text.partition("<body>")
    assert not re.search(r"https?://|url\(|@import|\son\w+=", head)
    assert ("lang", "zh-CN") in page.attributes


def _script(page: str) -> str:
    return page.partition("<script>")[2].partition("</script>")[0]


@every_city
def test_html_headings_descend_one_by_one(city: City) -> None:
    """Headings never skip an order, so that readers who listen find their way."""
    tags = Outline(guide.html(city, DAY)).seen
    orders = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]

    assert orders.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(orders))


@every_city
def test_html_says_what_markdown_says(city: City) -> None:
    """Both forms hold the same statements, letter by letter."""
    texts = Outline(guide.html(city, DAY)).text
    html = re.sub(r"\s", "", "".join(texts))
    for section in guide.page(city, DAY).sections:
        for statement in statements_in(section):
            assert re.sub(r"\s", "", statement.text) in html


HOSTILE = Clause(
    "Z-<1>",
    "费用 < 800元 | *全额* `报` \\ & <script>alert('x')</script>\n\n# 标题",
    '来源 <b> "引"',
)


def hostile_city() -> City:
    """A city with a clause that holds all that Markdown and HTML read as more than text."""
    notes = (Note(heading="<i>|#", clause=HOSTILE),)
    return with_answers(
        "anqing",
        notes=newly(notes, HOSTILE),
    )


def test_html_escapes_everything() -> None:
    """Text that looks like HTML stays text."""
    text = guide.html(hostile_city(), DAY)
    page = Outline(text)

    # The calculator's own.
    assert page.seen.count("script") == 1
    assert "i" not in page.seen
    assert "&lt;script&gt;" in text
    assert page.broken_links == []


def test_markdown_escapes_everything() -> None:
    """Text that looks like Markdown or HTML stays text, and no cell splits its row."""
    text = guide.markdown(hostile_city(), DAY)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    children = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *children)}
    inline = [child.content for child in children if child.type == "text"]

    assert not kinds & {
        "html_inline",
        "html_block",
        "code_inline",
        "em_open",
        "code_block",
        "fence",
    }
    assert any("<script>alert('x')</script> # 标题" in content for content in inline)


@every_city
def test_markdown_tables_are_tables(city: City) -> None:
    """Every table parses as one, each row as wide as its head."""
    text = guide.markdown(city, DAY)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    parsed = [token for token in tokens if token.type == "tr_open"]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [line for line in lines if "| --- |" not in line]

    assert len(rows) == len(parsed)
    assert "| --- |" not in "".join(token.content for token in tokens)


def test_runs_of_clauses_are_drawn_together() -> None:
    """Three and more in a row are written as a span; assumptions and lettered numbers never are."""
    clauses = [
        Clause(number, "", "")
        for number in ("C10", "C9", "C8", "C61b", "C61", "C62", "A1", "A2")
    ]
    drawn = []
    for citation in citations([*clauses, Clause.assumption("T1", "")]):
        last = citation.last and citation.last.id
        drawn.append((citation.first.id, last, citation.mark))

    assert drawn == [
        ("A1", None, ""),
        ("A2", None, ""),
        ("C8", "C10", ""),
        ("C61", None, ""),
        ("C61b", None, ""),
        ("C62", None, ""),
        ("T1", None, "〔推定〕"),
    ]


@every_city
def test_title(city: City) -> None:
    """Title, Markdown heading and HTML title are one, and name the city."""
    title = guide.title(city)

    assert city.name in title
    assert guide.markdown(city, DAY).startswith(f"# {title}\n")
    assert f"<title>{title}</title>" in guide.html(city, DAY)
