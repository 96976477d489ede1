"""Verdicts: a closed set, and each exception stands for one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from gongji_conformance.city.population import PopulationFault
from gongji_conformance.verdicts.items import (
    ItemEnd,
    JudgedItem,
    VerdictContext,
    chosen,
    result,
)
from gongji_conformance.verdicts.known import Known
from gongji_conformance.verdicts.results import arrived, carried
from gongji_conformance.verdicts.verdict import NotApplicable, Verdict, verdict_of

ITEM = JudgedItem(
    "CORE-SETTLE-001/own",
    "chuzhou",
    "core@2025.1",
    "各行之和等于账单总额。",
    "I1",
    None,
    "family",
)
TODAY = date(2026, 11, 21)
FAILED = ItemEnd(AssertionError(), "call")


def _raised(how: Callable[[], object]) -> BaseException:
    try:
        how()
    except BaseException as error:  # noqa: BLE001 - pytest's outcomes are no Exceptions
        return error
    raise AssertionError


ERRORS: dict[str, tuple[BaseException | None, Verdict]] = {
    "nothing": (None, Verdict.PASS),
    "a law that does not hold": (AssertionError(), Verdict.FAIL),
    "a case that comes out otherwise": (
        _raised(lambda: pytest.fail("不合")),
        Verdict.FAIL,
    ),
    "a capability the city has not": (NotApplicable("没有"), Verdict.NOT_APPLICABLE),
    "a bare skip": (_raised(lambda: pytest.skip("没空")), Verdict.SUITE_ERROR),
    "a fault of the suite": (KeyError("channels"), Verdict.SUITE_ERROR),
    "a server that does not take the invented people": (
        PopulationFault("没有收下"),
        Verdict.SUITE_ERROR,
    ),
}


@pytest.mark.parametrize("what", ERRORS)
def test_each_has_its_verdict(what: str) -> None:
    """A finding is the city's, whatever else goes wrong is the suite's own."""
    error, expected = ERRORS[what]
    assert expected == verdict_of(error)


def test_outside_the_test_it_is_the_suite() -> None:
    """An assertion in setting up or tearing down is no finding about a city."""
    in_setup = ItemEnd(AssertionError(), "setup")
    assert Verdict.SUITE_ERROR == result(ITEM, in_setup, _context()).verdict


KNOWN = {
    "known and failing": (
        AssertionError(),
        date(2026, 12, 31),
        Verdict.KNOWN_FAIL,
        "等答复",
    ),
    "known, failing, expired": (
        AssertionError(),
        date(2026, 11, 20),
        Verdict.FAIL,
        "到期",
    ),
    "known and passing": (None, date(2026, 12, 31), Verdict.FAIL, "现已通过"),
    "known and not applicable": (
        NotApplicable("没有"),
        date(2026, 12, 31),
        Verdict.FAIL,
        "现已不适用",
    ),
    "known, but the suite failed": (
        KeyError("x"),
        date(2026, 12, 31),
        Verdict.SUITE_ERROR,
        "套件出错",
    ),
}


@pytest.mark.parametrize("what", KNOWN)
def test_known_failures(what: str) -> None:
    """What is known to fail may fail until its day; what passes is red."""
    error, expires, expected, words = KNOWN[what]
    known = Known(
        id="CORE-SETTLE-001", reason="等答复了", owner="王工", expires=expires
    )
    judged = result(ITEM, ItemEnd(error, "call"), _context(known))
    assert expected == judged.verdict
    assert words in judged.why + judged.failure


def test_failure_can_be_repeated() -> None:
    """A failure names id, sentence, basis, and a command without its secrets."""
    values = {
        "gongji_target": "h:1",
        "gongji_ca": "ca.pem",
        "gongji_metadata": ["authorization=Bearer x"],
    }
    context = VerdictContext(values, (), TODAY, None, detailed=False)
    lines = result(ITEM, FAILED, context).failure.splitlines()
    assert "CORE-SETTLE-001/own 各行之和等于账单总额。" == lines[0]
    assert "  依据：I1" == lines[1]
    assert (
        "  重做：pytest --pyargs gongji_conformance --gongji-city chuzhou"
        " --gongji-target h:1 --gongji-ca=ca.pem"
        " --gongji-metadata 'authorization=***' -k CORE-SETTLE-001/own" == lines[-1]
    )


def test_results_travel() -> None:
    """A result is the same after it went from one process to another."""
    judged = result(ITEM, FAILED, _context())
    assert judged == arrived(carried(judged))


def test_quick_takes_the_first_of_each_family() -> None:
    """A quick run has one item of each family, none of a profile not chosen."""
    items = [
        _item("core@2025.1", "a"),
        _item("core@2025.1", "a"),
        _item("core@2025.1", "b"),
        _item("wallet@2025.1", "c"),
    ]
    quick = chosen(items, ["core@2025.1"], quick=True)
    assert [True, False, True, False] == list(quick)


def _item(profile: str, family: str) -> JudgedItem:
    return replace(ITEM, profile=profile, family=family)


def _context(*known: Known) -> VerdictContext:
    return VerdictContext({}, known, TODAY, None, detailed=False)
