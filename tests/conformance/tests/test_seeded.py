"""The suite of the suite: each seeded fault is found by the law or case that is meant to find it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji_conformance.cases.trial import Trial
from gongji_conformance.city.access import Access
from gongji_conformance.city.judged import NOW
from gongji_conformance.city.stage import Stage
from gongji_conformance.laws import matrix
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import law_of, register
from gongji_conformance.verdicts.verdict import Verdict, verdict_of
from seeded.faults import CITIES, CITY, SERVERS
from seeded.meddler import Meddler

TESTS = {law.id: test for test in matrix.tests() if (law := law_of(test)) is not None}
"""The test that holds each law."""


@pytest.fixture(scope="module")
def honest() -> Iterator[Stage]:
    """The installed cities on a server of our own."""
    stage = Stage()
    yield stage
    stage.close()


@pytest.mark.parametrize("fault", CITIES)
def test_bad_city_is_caught(fault: str) -> None:
    """A city with one wrong rule fails the case that is meant to notice."""
    bad = CITIES[fault]
    others = [city for city in load_cities().all if city.pinyin != CITY]
    stage = Stage(cities=Cities((*others, bad.city())))
    try:
        assert Verdict.FAIL in verdicts(stage, bad.caught_by)
    finally:
        stage.close()


@pytest.mark.parametrize("fault", SERVERS)
def test_bad_server_is_caught(honest: Stage, fault: str) -> None:
    """A server that meddles with its answers fails the law that is meant to notice."""
    bad = SERVERS[fault]
    with Meddler(honest.wire.target, bad.meddling) as meddler:
        stage = Stage(Access(target=meddler.address))
        assert Verdict.FAIL in verdicts(stage, bad.caught_by)
        stage.close()


@pytest.mark.parametrize(
    "number", sorted({*(bad.caught_by for bad in CITIES.values()), *(bad.caught_by for bad in SERVERS.values())})
)
def test_the_same_finds_no_fault_in_an_honest_city(honest: Stage, number: str) -> None:
    """What finds a seeded fault finds none where there is none, through an honest passer-on too."""
    with Meddler(honest.wire.target, {}) as passer_on:
        stage = Stage(Access(target=passer_on.address))
        assert {Verdict.PASS} == set(verdicts(stage, number))
        stage.close()


def verdicts(stage: Stage, number: str) -> list[Verdict]:
    """What a law, with each of its inputs, or a case comes out as in the city."""
    if number not in register():
        (case,) = [case for _, case in stage.cases([CITY]) if case.id == number]
        return [Verdict.FAIL if Trial(stage, CITY, case).failure() else Verdict.PASS]
    return [_verdict(stage, number, inputs) for inputs in _inputs(TESTS[number])]


def _verdict(stage: Stage, number: str, inputs: dict[str, Any]) -> Verdict:
    stage.wire.set_clock(NOW)
    city, needs = stage.judged(CITY), register()[number].needs
    try:
        if needs and not CAPABILITIES[needs].declared(city.asked):
            CAPABILITIES[needs].denied(city)
            return Verdict.NOT_APPLICABLE
        TESTS[number](city, **inputs)
    except Exception as error:  # noqa: BLE001 - which verdict it stands for is the question
        return verdict_of(error)
    return Verdict.PASS


def _inputs(test: Any) -> list[dict[str, Any]]:
    """Every combination of the values a test is parametrized with."""
    given = {mark.args[0]: list(mark.args[1]) for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"}
    return [dict(zip(given, values, strict=True)) for values in product(*given.values())]
