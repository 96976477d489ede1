"""Verdicts: a closed set, and each exception stands for one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from gongji_conformance.city.world import WorldFault
from gongji_conformance.verdicts.items import Bench, Subject, chosen, result
from gongji_conformance.verdicts.known import Known
from gongji_conformance.verdicts.results import arrived, carried
from gongji_conformance.verdicts.verdict import NotApplicable, Verdict, verdict_of

SUBJECT = Subject("CORE-SETTLE-001/own", "chuzhou", "core@2025.1", "各行之和等于账单总额。", "I1", None, "family")
TODAY = date(2026, 11, 21)


def _raised(how: Callable[[], object]) -> BaseException:
    try:
        how()
    except BaseException as error:  # noqa: BLE001 - pytest's outcomes are no Exceptions
        return error
    raise AssertionError


ERRORS: dict[str, tuple[BaseException | None, Verdict]] = {
    "nothing": (None, Verdict.PASS),
    "a law that does not hold": (AssertionError(), Verdict.FAIL),
    "a case that comes out otherwise": (_raised(lambda: pytest.fail("不合")), Verdict.FAIL),
    "a capability the city has not": (NotApplicable("没有"), Verdict.NOT_APPLICABLE),
    "a bare skip": (_raised(lambda: pytest.skip("没空")), Verdict.SUITE_ERROR),
    "a fault of the suite": (KeyError("channels"), Verdict.SUITE_ERROR),
    "a server that does not take the invented people": (WorldFault("没有收下"), Verdict.SUITE_ERROR),
}


@pytest.mark.parametrize("what", ERRORS)
def test_each_has_its_verdict(what: str) -> None:
    """A finding is the city's, whatever else goes wrong is the suite's own."""
    error, expected = ERRORS[what]
    assert expected == verdict_of(error)


def test_outside_the_test_it_is_the_suite() -> None:
    """An assertion in setting up or tearing down is no finding about a city."""
    assert Verdict.SUITE_ERROR == result(SUBJECT, AssertionError(), "setup", None, _bench()).verdict


KNOWN = {
    "known and failing": (AssertionError(), date(2026, 12, 31), Verdict.KNOWN_FAIL, "等答复"),
    "known, failing, expired": (AssertionError(), date(2026, 11, 20), Verdict.FAIL, "到期"),
    "known and passing": (None, date(2026, 12, 31), Verdict.FAIL, "现已通过"),
    "known and not applicable": (NotApplicable("没有"), date(2026, 12, 31), Verdict.FAIL, "现已不适用"),
    "known, but the suite failed": (KeyError("x"), date(2026, 12, 31), Verdict.SUITE_ERROR, "套件出错"),
}


@pytest.mark.parametrize("what", KNOWN)
def test_known_failures(what: str) -> None:
    """What is known to fail may fail until its day; what passes, or fails longer, is red."""
    error, expires, expected, told = KNOWN[what]
    bench = _bench(Known(id="CORE-SETTLE-001", reason="等答复了", owner="王工", expires=expires))
    found = result(SUBJECT, error, "call", None, bench)
    assert expected == found.verdict
    assert told in found.why + found.failure


def test_failure_can_be_repeated() -> None:
    """A failure names id, sentence, basis, and the command that repeats it secrets left out."""
    values = {"gongji_target": "h:1", "gongji_ca": "ca.pem", "gongji_metadata": ["authorization=Bearer x"]}
    bench = Bench(values, (), TODAY, None, detailed=False)
    lines = result(SUBJECT, AssertionError(), "call", None, bench).failure.splitlines()
    assert "CORE-SETTLE-001/own 各行之和等于账单总额。" == lines[0]
    assert "  依据: I1" == lines[1]
    assert (
        "  重做: pytest --pyargs gongji_conformance --gongji-city chuzhou --gongji-target h:1 --gongji-ca=ca.pem"
        " --gongji-metadata 'authorization=***' -k CORE-SETTLE-001/own" == lines[-1]
    )


def test_results_travel() -> None:
    """A result is the same after it went from one process to another."""
    found = result(SUBJECT, AssertionError(), "call", None, _bench())
    assert found == arrived(carried(found))


def test_quick_takes_the_first_of_each_family() -> None:
    """A quick run has one item of every family; a profile that is not asked has none."""
    families = ["a", "a", "b", "c"]
    subjects = [Subject("X", "c", "core@2025.1" if f != "c" else "wallet@2025.1", "", "", None, f) for f in families]
    assert [True, False, True, False] == list(chosen(subjects, ["core@2025.1"], quick=True))


def _bench(*known: Known) -> Bench:
    return Bench({}, known, TODAY, None, detailed=False)
