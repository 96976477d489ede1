"""Which settings servers over one database must have alike."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
import pytest
from gongji.cli.serve import serve_command
from gongji.serve.settings import Settings
from gongji.serve.terms import TERMS, Alike, option_of, rows, terms_of

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
SETTINGS = Settings(address="127.0.0.1:0", data=Path("var"))


def test_every_setting_has_a_term() -> None:
    """A setting that nobody has judged fails here, and so does an option without one."""
    assert {field.name for field in fields(Settings)} == set(TERMS)
    options = {
        option
        for parameter in serve_command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    # They say what is done once, or where the others, or a part of one, are read.
    once = {"--new", "--accept-rollback", "--config", "--password-file"}
    assert options - once == {option_of(name) for name in TERMS} - {""}


def test_what_is_compared_has_a_value() -> None:
    """What must be alike is compared by its value, but for what has another way: what is
    recorded, and the rules, which are compared by city."""
    without = {name for name, term in TERMS.items() if term.of is None}
    compared = {
        name for name, term in TERMS.items() if term.alike in {Alike.MUST, Alike.TOLD}
    }
    assert {"rules"} == compared & without
    assert not (set(TERMS) - compared - without)


def test_the_page_has_the_table() -> None:
    """docs/operate.md says of each option what it must be alike with."""
    assert "\n".join(rows()) in PAGE.read_text(encoding="utf-8")


CHANGES: dict[str, Any] = {
    "access_before_answer": True,
    "sandbox": True,
    "token_issuer": "https://issuer",
    "token_audience": "gongji",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_shows(name: str) -> None:
    """Another value of a setting has another digest, and no other setting's changes."""
    alike = TERMS[name].alike
    before = terms_of(SETTINGS, alike)
    after = terms_of(replace(SETTINGS, **{name: CHANGES[name]}), alike)
    assert {option_of(name)} == {key for key in after if after[key] != before[key]}


def test_operators_words_are_compared_whole() -> None:
    """Amounts and refusals of cities count, in whatever order they are given."""

    def parsed(*amounts: str, refused: tuple[str, ...] = ()) -> dict[str, str]:
        settings = Settings.parse(
            adopt=(),
            retired_credit=amounts,
            refuse_without_table=refused,
            address="127.0.0.1:0",
            data=Path("var"),
        )
        return terms_of(settings, Alike.MUST)

    one, two = "341100:70.00@2022-07-01", "340800:80.00@2022-07-01"
    assert parsed(one, two) == parsed(two, one)
    assert parsed(one) != parsed(two)
    assert parsed() != parsed(refused=("341100",))


def test_a_calendar_is_compared_by_its_days(tmp_path: Path) -> None:
    """Two files with the same days are alike however they are written; other days are
    not."""
    files = {
        "first": "[2027]\noff = [2027-02-09, 2027-02-10]\nwork = [2027-01-30]\n",
        "same": "# days\n[2027]\nwork = [2027-01-30]\noff = [2027-02-10, 2027-02-09]\n",
        "other": "[2027]\noff = [2027-02-09]\nwork = [2027-01-30]\n",
    }
    terms = {}
    for name, text in files.items():
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        terms[name] = terms_of(replace(SETTINGS, calendar=path), Alike.MUST)
    assert terms["first"] == terms["same"]
    assert terms["first"] != terms["other"]
    assert terms_of(SETTINGS, Alike.MUST) != terms["first"]


def test_a_policy_is_told_by_its_content(tmp_path: Path) -> None:
    """A file elsewhere with the same content is the same policy."""
    paths = [tmp_path / name for name in ("a.toml", "b.toml", "c.toml")]
    for path, text in zip(paths, ("x = 1", "x = 1", "x = 2"), strict=True):
        path.write_text(text, encoding="utf-8")
    first, same, other = (
        terms_of(replace(SETTINGS, policy=path), Alike.TOLD) for path in paths
    )
    assert first == same
    assert first != other
