"""Each seeded fault of permission is found by the law that is meant to find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from gongji.access.callers import Kind
from gongji.access.rights import AccessScope, Right, right_of
from gongji.rpc import permission
from gongji.serve.authentication import AnybodyAuthenticator
from gongji_conformance.city import local
from gongji_conformance.city.city import NOW
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.laws import matrix
from gongji_conformance.verdicts.verdict import Verdict, verdict_of

CITY: Final = "chuzhou"
TESTS: Final = matrix.tests_of_laws()

Judging = Callable[[tuple[str, Kind], Right | None], Right | None]


def _more(who: tuple[str, Kind], right: Right | None) -> Right | None:
    """A hospital may credit purses."""
    if who == ("Credit", Kind.HOSPITAL):
        return frozenset()
    return right


def _less(who: tuple[str, Kind], right: Right | None) -> Right | None:
    """A hospital may not quote."""
    return None if who == ("Quote", Kind.HOSPITAL) else right


def _without(scope: AccessScope) -> Judging:
    """Return a judgement that does not ask for a scope."""

    def judge(_: tuple[str, Kind], right: Right | None) -> Right | None:
        return None if right is None else right - {scope}

    return judge


FAULTS: Final[dict[str, tuple[Judging, str, dict[str, str]]]] = {
    "too much": (_more, "ACCESS-KIND-001", {"kind": "hospital"}),
    "too little": (_less, "ACCESS-KIND-002", {"kind": "hospital"}),
    "any institution": (
        _without(AccessScope.INSTITUTION),
        "ACCESS-INSTITUTION-001",
        {"kind": "hospital"},
    ),
    "any institution's bill": (
        _without(AccessScope.INSTITUTION),
        "ACCESS-INSTITUTION-002",
        {"method": "GetSettlement"},
    ),
    "any channel": (
        _without(AccessScope.CHANNEL),
        "ACCESS-CHANNEL-001",
        {"kind": "app"},
    ),
    "any city": (
        _without(AccessScope.CITY),
        "ACCESS-CITY-001",
        {"kind": "auditor", "method": "GetPerson"},
    ),
    "for anybody": (
        _without(AccessScope.SUBJECT),
        "ACCESS-SUBJECT-001",
        {"kind": "app"},
    ),
    "to strangers": (
        _without(AccessScope.SUBJECT),
        "ACCESS-SUBJECT-002",
        {"method": "GetAccount"},
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_right_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose rights are wrong in one way fails the law about that."""
    judge, number, inputs = FAULTS[name]

    def seeded(method: str, kind: Kind, **how: bool) -> Right | None:
        return judge((method, kind), right_of(method, kind, **how))

    assert Verdict.PASS is _verdict(number, inputs)
    monkeypatch.setattr(permission, "right_of", seeded)
    assert Verdict.FAIL is _verdict(number, inputs)


def test_an_open_door_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that admits whoever shows nothing fails the law about that."""
    assert Verdict.PASS is _verdict("ACCESS-CALLER-001", {})
    monkeypatch.setattr(local, "_StatedCallers", AnybodyAuthenticator)
    assert Verdict.FAIL is _verdict("ACCESS-CALLER-001", {})


def _verdict(number: str, inputs: dict[str, Any]) -> Verdict:
    """Return what a law comes out as on a server of our own."""
    server = ServerUnderTest()
    try:
        server.stubs.set_clock(NOW)
        TESTS[number](server.city(CITY), **inputs)
    # Which verdict it stands for is the question.
    except Exception as error:  # noqa: BLE001
        return verdict_of(error)
    finally:
        server.close()
    return Verdict.PASS
