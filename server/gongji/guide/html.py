"""Writes a guide as one self-contained HTML page; its form stands in page.html.jinja."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gongji.guide import curves
from gongji.guide.calculator import Calculator
from gongji.guide.page import (
    PROVINCIAL,
    Block,
    Grid,
    GuidePage,
    LineList,
    citations,
)

if TYPE_CHECKING:
    from jinja2 import Environment

_PAGE = "page.html.jinja"


def to_html(page: GuidePage, calculator: Calculator) -> str:
    """Return the whole document; autoescape keeps every text a text."""
    template = _environment().get_template(_PAGE)
    return template.render(page=page, calculator=calculator, frame=curves)


def _kind_of(block: Block) -> str:
    match block:
        case LineList():
            return "list"
        case Grid():
            return "table"
        case _:
            return "statement"


def _anchor(number: str) -> str:
    """Return the name of a clause's row, safe in an attribute and in a link."""
    safe = [char if char.isalnum() else f"-{ord(char)}-" for char in number]
    return f"clause-{''.join(safe)}"


# Made once: it keeps the template compiled.
@cache
def _environment() -> Environment:
    # A server starts without it: few ask it for a guide, and its library takes time.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        # The template lies beside this module.
        loader=PackageLoader("gongji.guide", package_path=""),
        autoescape=True,
        # A name misspelt in the template is an error, not an empty text.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["anchor"] = _anchor
    environment.filters["citations"] = citations
    environment.filters["kind"] = _kind_of
    environment.globals["provincial"] = PROVINCIAL
    return environment
