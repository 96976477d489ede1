"""The suite of the suite: each seeded fault is found by the law or case meant to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji_conformance.cases.trial import Trial, of_cities
from gongji_conformance.city.access import Access
from gongji_conformance.city.city import NOW
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.laws import matrix
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import register
from gongji_conformance.verdicts.verdict import Verdict, verdict_of
from seeded.faults import CITIES, CITY, SERVERS
from seeded.meddler import Meddler

TESTS = matrix.tests_of_laws()
"""The test that holds each law."""


@pytest.fixture(scope="module")
def honest() -> Iterator[ServerUnderTest]:
    """The installed cities on a server of our own."""
    server = ServerUnderTest()
    yield server
    server.close()


@pytest.mark.sampled(12)
@pytest.mark.parametrize("fault", CITIES)
def test_bad_city_is_caught(fault: str) -> None:
    """A city with one wrong rule fails the case that is meant to notice."""
    bad = CITIES[fault]
    others = [city for city in load_cities().all if city.pinyin != CITY]
    server = ServerUnderTest(cities=Cities((*others, bad.city())))
    try:
        assert Verdict.FAIL in verdicts(server, bad.caught_by)
    finally:
        server.close()


@pytest.mark.parametrize("fault", SERVERS)
def test_bad_server_is_caught(honest: ServerUnderTest, fault: str) -> None:
    """A server that meddles with its answers fails the law that is meant to notice."""
    bad = SERVERS[fault]
    with Meddler(honest.stubs.target, bad.meddling) as meddler:
        server = ServerUnderTest(Access(target=meddler.address))
        assert Verdict.FAIL in verdicts(server, bad.caught_by)
        server.close()


FINDERS = sorted(
    {bad.caught_by for bad in CITIES.values()}
    | {bad.caught_by for bad in SERVERS.values()}
)
"""The laws and cases that find the seeded faults."""


@pytest.mark.sampled(15)
@pytest.mark.parametrize("number", FINDERS)
def test_the_same_finds_no_fault_in_an_honest_city(
    honest: ServerUnderTest, number: str
) -> None:
    """What finds a seeded fault finds none in an honest city, through a proxy too."""
    with Meddler(honest.stubs.target, {}) as passer_on:
        server = ServerUnderTest(Access(target=passer_on.address))
        assert {Verdict.PASS} == set(verdicts(server, number))
        server.close()


def verdicts(server: ServerUnderTest, number: str) -> list[Verdict]:
    """Return what a law, with each of its inputs, or a case comes out as."""
    if number not in register():
        return [_verdict_of_case(server, number)]
    return [_verdict(server, number, inputs) for inputs in _inputs(TESTS[number])]


def _verdict_of_case(server: ServerUnderTest, number: str) -> Verdict:
    (case,) = [case for _, case in of_cities(server, [CITY]) if case.id == number]
    failure = Trial(server, CITY, case).failure()
    return Verdict.FAIL if failure else Verdict.PASS


def _verdict(server: ServerUnderTest, number: str, inputs: dict[str, Any]) -> Verdict:
    server.stubs.set_clock(NOW)
    city, needs = server.city(CITY), register()[number].needs
    try:
        if needs and not CAPABILITIES[needs].declared(city.requirements):
            CAPABILITIES[needs].denied(city)
            return Verdict.NOT_APPLICABLE
        TESTS[number](city, **inputs)
    # Which verdict it stands for is the question.
    except Exception as error:  # noqa: BLE001
        return verdict_of(error)
    return Verdict.PASS


def _inputs(test: Any) -> list[dict[str, Any]]:
    """Return every combination of the values a test is parametrized with."""
    marks = getattr(test, "pytestmark", [])
    parametrized = [mark.args for mark in marks if mark.name == "parametrize"]
    names = [name for name, *_ in parametrized]
    values = [list(choices) for _, choices, *_ in parametrized]
    combinations = product(*values)
    return [dict(zip(names, inputs, strict=True)) for inputs in combinations]
