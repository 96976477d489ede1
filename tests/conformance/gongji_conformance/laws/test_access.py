"""Who may do what: each kind of caller does its own and is refused the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gongji.v1 import settlement_pb2

from gongji_conformance.city.callers import (
    KINDS,
    CallerUnderTest,
    Kind,
    NoSuchCaller,
)
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import new_id
from gongji_conformance.laws.answered import only_answer
from gongji_conformance.laws.asking import ask_as
from gongji_conformance.laws.law import law
from gongji_conformance.laws.rights import PATHS, WORK
from gongji_conformance.laws.work import CallersWork

UNANSWERED = {"UNAUTHENTICATED", "UNAVAILABLE"}
"""A call that shows nothing is refused, or no connection is made at all."""
SHUT_OUT = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
NOBODY = "GC000000000000"
NO_SETTLEMENT = "S0000000000000000000000000"
NO_BINDING = "B0000000000000000000000000"

each_kind = pytest.mark.parametrize("kind", KINDS)


@law("ACCESS-CALLER-001")
def test_who_shows_nothing_gets_nothing(gongji_city: CityUnderTest) -> None:
    """No method answers a caller without a credential."""
    nobody = gongji_city.callers.nobody()
    answers = {method: nobody.ask_anything(path) for method, path in PATHS.items()}
    answered = {
        method
        for method, answer in answers.items()
        if answer is None or answer.code not in UNANSWERED
    }
    assert set() == answered


@law("ACCESS-KIND-001")
@each_kind
def test_the_rest_is_refused(gongji_city: CityUnderTest, kind: Kind) -> None:
    """What is not a kind's work is refused to it, whatever it says, before all else."""
    caller = gongji_city.callers.one(kind, gongji_city.area_code)
    answers = {
        (method, said): caller.stubs.ask_anything(PATHS[method], [said])
        for method in sorted(set(PATHS) - WORK[kind])
        for said in (b"", b"\xff\xff\xff")
    }
    refused = dict.fromkeys(answers, ("PERMISSION_DENIED", "NOT_PERMITTED"))
    assert refused == {
        asked: (answer.code, answer.reason) if answer else ("OK", "")
        for asked, answer in answers.items()
    }


@law("ACCESS-KIND-002")
@each_kind
def test_its_own_work_is_let_in(gongji_city: CityUnderTest, kind: Kind) -> None:
    """Whatever comes of it, a caller is let in to its own work."""
    caller = gongji_city.callers.one(kind, gongji_city.area_code)
    shut_out = {}
    for method in CallersWork(gongji_city, caller).methods():
        # New people each: what one method did must not stop the next.
        work = CallersWork(gongji_city, caller)
        answer = ask_as(caller, method, work.call(method))
        if answer and answer.code in SHUT_OUT:
            shut_out[method] = answer
    assert {} == shut_out


@law("ACCESS-INSTITUTION-001")
@pytest.mark.parametrize("kind", ["hospital", "pharmacy"])
def test_bills_of_another_institution(gongji_city: CityUnderTest, kind: Kind) -> None:
    """An institution neither settles nor compares as another."""
    caller = gongji_city.callers.within("institutions", kind, gongji_city.area_code)
    work = CallersWork(gongji_city, caller)
    work.institution = _other_institution(gongji_city, caller)
    methods = ("Quote", "Settle", "ReconcileTotals", "ReconcileDetails")
    answer = only_answer(
        ask_as(caller, method, work.call(method))
        for method in (*methods, "GetInstitution")
    )
    assert "NOT_PERMITTED" == answer.reason


@law("ACCESS-INSTITUTION-002")
@pytest.mark.parametrize("method", ["GetSettlement", "Reverse"])
def test_another_institution_is_told_nothing(
    gongji_city: CityUnderTest, method: str
) -> None:
    """What another institution settled is refused like what nobody settled."""
    area = gongji_city.area_code
    caller = gongji_city.callers.within("institutions", "hospital", area)
    work = CallersWork(gongji_city, caller)
    work.institution = _other_institution(gongji_city, caller)
    of_another = ask_as(caller, method, work.call(method))
    work.settlement_id = NO_SETTLEMENT
    of_nobody = ask_as(caller, method, work.call(method))
    answer = only_answer([of_another, of_nobody])
    assert "NOT_PERMITTED" == answer.reason


def _other_institution(city: CityUnderTest, caller: CallerUnderTest) -> str:
    """Return an institution of the city that is not the caller's."""
    places = (city.people.institution(place) for place in ("三级", "一级"))
    return next(code for code in places if code not in caller.stated.institutions)


@law("ACCESS-CHANNEL-001")
@pytest.mark.parametrize("kind", ["app", "counter", "bank"])
def test_a_channel_of_another(gongji_city: CityUnderTest, kind: Kind) -> None:
    """An application through a channel of another is refused like one through none."""
    caller = gongji_city.callers.within("channels", kind, gongji_city.area_code)
    work = CallersWork(gongji_city, caller)
    own, there = caller.stated.channels, gongji_city.requirements.channels
    answers = []
    for channel in (*[name for name in there if name not in own], "no_such_channel"):
        work.channel = channel
        answers.append(ask_as(caller, "SubmitBinding", work.call("SubmitBinding")))
    answer = only_answer(answers)
    assert "NOT_PERMITTED" == answer.reason


@law("ACCESS-CITY-001")
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("reviewer", "ListBindings"),
        ("auditor", "GetPerson"),
        ("auditor", "ListEntries"),
        ("operator", "GetAccount"),
        ("operator", "Credit"),
    ],
)
def test_people_of_another_city(
    gongji_city: CityUnderTest, kind: Kind, method: str
) -> None:
    """Of another city's people a caller learns as little as of people there are not."""
    caller = gongji_city.callers.within("cities", kind, gongji_city.area_code)
    work = CallersWork(gongji_city, caller)
    stranger = gongji_city.people.one(insured=gongji_city.other_area)
    answers = []
    for person in (stranger, replace(stranger, person_no=NOBODY)):
        work.family = (person, person)
        answers.append(ask_as(caller, method, work.call(method)))
    answer = only_answer(answers)
    assert "NOT_PERMITTED" == answer.reason


@law("ACCESS-SUBJECT-001")
@pytest.mark.parametrize("kind", ["app", "counter", "bank"])
def test_for_whom(gongji_city: CityUnderTest, kind: Kind) -> None:
    """A channel acts for a person who was identified, and who has a part in it."""
    caller = gongji_city.callers.one(kind, gongji_city.area_code)
    work = CallersWork(gongji_city, caller)
    stranger = gongji_city.people.one()
    reasons = {}
    for method in ("GetBinding", "GetAccount", "GetSettlement", "GetPerson"):
        call = work.call(method)
        without = ask_as(caller, method, call._replace(subject=None))
        another = ask_as(caller, method, call._replace(subject=stranger))
        reasons[method] = (
            only_answer([without]).reason,
            only_answer([another]).reason,
        )
    expected = ("SUBJECT_REQUIRED", "SUBJECT_NOT_PARTY")
    assert dict.fromkeys(reasons, expected) == reasons


@law("ACCESS-SUBJECT-002")
@pytest.mark.parametrize("method", ["GetBinding", "GetSettlement", "GetAccount"])
def test_a_stranger_learns_nothing(gongji_city: CityUnderTest, method: str) -> None:
    """For a stranger, what is another's and what is not there are one answer."""
    caller = gongji_city.callers.one("app", gongji_city.area_code)
    stranger = gongji_city.people.one()
    work = CallersWork(gongji_city, caller)
    of_another = work.call(method)._replace(subject=stranger)
    nothing = CallersWork(gongji_city, caller)
    nothing.binding_id, nothing.settlement_id = NO_BINDING, NO_SETTLEMENT
    nobody = replace(stranger, person_no=NOBODY)
    nothing.family = (nobody, nobody)
    of_nobody = nothing.call(method)._replace(subject=stranger)
    answers = [ask_as(caller, method, call) for call in (of_another, of_nobody)]
    assert only_answer(answers).code in SHUT_OUT


@law("ACCESS-REQUEST-001")
def test_a_request_id_is_its_callers(gongji_city: CityUnderTest) -> None:
    """A request id that another has used is free, and tells nothing of the other."""
    hospitals = gongji_city.callers.all_of("hospital", gongji_city.area_code)
    if len(hospitals) == 1:
        raise NoSuchCaller("没有给出本市第二家医院的凭据（--callers FILE）")
    number = new_id()
    settled = [
        caller.stubs.settlements.Settle(
            settlement_pb2.SettleRequest(
                request_id=number, bill=CallersWork(gongji_city, caller).bill()
            )
        )
        for caller in hospitals[:2]
    ]
    replayed = [answer.receipt.replayed for answer in settled]
    numbers = {answer.settlement.settlement_id for answer in settled}
    assert ([False, False], 2) == (replayed, len(numbers))
