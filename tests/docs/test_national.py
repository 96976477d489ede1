"""docs/national.md says what there is: every message, every option, a table that is read."""

from __future__ import annotations

import re
from pathlib import Path

from gongji.cli import main
from gongji.cli.config import options_of
from gongji.national.edition import edition_in
from gongji.national.shapes import SHAPES

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs" / "national.md").read_text("utf-8")


def test_the_page_names_every_message() -> None:
    """The table of messages has each that is answered, and no other."""
    rows = re.findall(r"^\| ((?:\d{4}[^|]*))\|", PAGE, re.MULTILINE)
    named = {number for row in rows for number in re.findall(r"\d{4}", row)}
    assert named == set(SHAPES)


def test_the_page_s_dialect_is_one() -> None:
    """The table of another province is read as it stands."""
    (table,) = [
        block
        for block in re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        if "fund_includes_account" in block
    ]
    assert "2207" == edition_in(table).messages["2207A"]


def test_the_page_has_the_command_s_options() -> None:
    """Each option of the command's own stands on the page."""
    command = main.commands["national"].commands["serve"]  # type: ignore[attr-defined]
    own = {option for one in options_of(command) for option in one.opts}
    shared = {"--target", "--ca", "--cert", "--key", "--server-name", "--data"}
    assert set() == {option for option in own - shared if option not in PAGE}
