"""`cities`, `guide` and `check` of a running service, and whose answers they say it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from click.testing import Result
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.cli.served import INSTALLED
from gongji.serve.settings import Settings

from tests.cli.command import gongji, tables
from tests.scaffold.running import running

ADOPTED = "V2@2025-01-01"


@pytest.fixture(scope="module")
def decided() -> Cities:
    """The three cities, for which an operator has adopted a revision and set a figure."""
    settings = Settings.parse(
        adopt=[f"341100:{ADOPTED}"],
        retired_credit=["341100:70.00@2022-07-01"],
        address="",
        data=None,
    )
    return load_cities(settings.adopt, settings.retired_credits)


@pytest.fixture(scope="module")
def address(decided: Cities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service of these cities answers."""
    data = tmp_path_factory.mktemp("served")
    settings = Settings(address="127.0.0.1:0", data=data, sandbox=True)
    with running(settings, decided) as served:
        yield served


def asked(command: str, *arguments: str) -> Result:
    result = gongji(*command.split(), *arguments)
    assert 0 == result.exit_code, result.output
    return result


@pytest.mark.parametrize(
    "command", ["cities", "guide chuzhou", "guide 341102", "check 滁州"]
)
def test_first_it_says_whose_answer_it_is(address: str, command: str) -> None:
    """The first line names the service, and what its operator has adopted and set."""
    first, *_ = asked(command, "--target", address).stdout.splitlines()
    assert f"服务 {address} 于 " in first
    assert ADOPTED in first
    assert "70.00" in first


@pytest.mark.parametrize("command", ["cities", "guide chuzhou"])
def test_without_a_service_it_says_so(command: str) -> None:
    """Without a target the first line says that these are the installed plugins alone."""
    first, *_ = gongji(*command.split()).stdout.splitlines()
    assert INSTALLED in first


def test_a_guide_is_the_services_own(address: str) -> None:
    """What is printed behind the first line is what the service says, adoptions included;
    a page is printed alone."""
    plain = gongji("guide", "chuzhou", "--day", "2025-09-30").stdout
    told = asked("guide chuzhou", "--day", "2025-09-30", "--target", address).stdout
    assert plain.split("\n", 1)[1] != told.split("\n", 1)[1]
    page = asked("guide chuzhou", "--html", "--target", address)
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert address in page.stderr


def test_rules_are_those_of_the_day(address: str, decided: Cities) -> None:
    """Each rule in force on the day stands there with its words and clauses."""
    for day in ("2024-12-31", "2025-01-01"):
        printed = tables(
            asked("--json check chuzhou", "--day", day, "--target", address)
        )
        rules = decided.named("chuzhou").rules(date.fromisoformat(day))
        expected = {
            (hook, str(ruled.since)): [clause.id for clause in ruled.clauses]
            for hook, ruled in rules.all()
        }
        shown = {
            (row["hook"].partition(" ")[0], row["since"]): row["clauses"].split("、")
            for row in printed["rules"]
            if row["layer"] != "候选"
        }
        assert set(expected) == set(shown)
        for key, clauses in expected.items():
            assert set(clauses) <= set(shown[key]) | {""}


def test_json_says_whose_answer_it_is(address: str) -> None:
    """A document of its own comes first; without a service there is none."""
    first, *_ = asked("--json cities", "--target", address).stdout.splitlines()
    told = json.loads(first)["answered_by"]
    assert address == told["server"]
    assert ADOPTED in told["operator"]
    assert ["cities"] == list(tables(asked("--json cities")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cities", "--pin", "--target", "127.0.0.1:1"], "--pin"),
        (["check", "chuzhou", "--day", "2025-09-30"], "--target"),
        (["guide", "nowhere"], "没有城市 nowhere"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], said: str) -> None:
    """Options that mean nothing together, and cities that are not there, are told."""
    result = gongji(*arguments)
    assert result.exit_code
    assert said in result.output


def test_an_unknown_city_of_a_service(address: str) -> None:
    """A city that the service does not serve is refused with those it serves."""
    result = gongji("guide", "nowhere", "--target", address)
    assert 1 == result.exit_code
    assert "服务没有城市 nowhere" in result.output
    assert "chuzhou" in result.output
