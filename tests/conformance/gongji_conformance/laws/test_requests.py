"""Request ids: the same again is answered the same again, anything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.v1 import account_pb2, binding_pb2, settlement_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

Call = tuple[Callable[[Any], Any], Any]
"""A method and a request it takes."""


def _submit(city: CityUnderTest) -> Call:
    application = city.application(*city.people.couple())
    return city.stubs.bindings.SubmitBinding, application


def _unbind(city: CityUnderTest) -> Call:
    binding = city.bind(*city.people.couple())
    request = binding_pb2.UnbindRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        channel=city.requirements.local_channel,
    )
    return city.stubs.bindings.Unbind, request


def _settle(city: CityUnderTest) -> Call:
    _, patient = city.family()
    return city.stubs.settlements.Settle, city.settling(patient)


def _reverse(city: CityUnderTest) -> Call:
    _, patient = city.family()
    number = city.settle(patient).settlement_id
    return city.stubs.settlements.Reverse, city.reversal(number)


def _credit(city: CityUnderTest) -> Call:
    request = account_pb2.CreditRequest(
        request_id=new_id(),
        person=ref(city.people.one().person_no),
        brought_forward_fen=12_34,
    )
    return city.stubs.accounts.Credit, request


CALLS = {
    "submit": _submit,
    "unbind": _unbind,
    "settle": _settle,
    "reverse": _reverse,
    "credit": _credit,
}


@law("CORE-REQUEST-001")
@pytest.mark.parametrize("call", CALLS)
def test_replay(gongji_city: CityUnderTest, call: str) -> None:
    """The same request again is answered byte for byte, marked as replayed."""
    send, request = CALLS[call](gongji_city)
    first = send(request)
    second = send(request)
    assert not first.receipt.replayed
    assert second.receipt.replayed
    second.receipt.replayed = False
    assert _bytes(first) == _bytes(second)


def _bytes(message: Any) -> Any:
    return message.SerializeToString(deterministic=True)


FAULT_KEY = "x-gongji-sandbox-fault"
"""The metadata by which one call orders what happens to it (sandbox.proto)."""


@law("CORE-FAULT-001")
@pytest.mark.parametrize("call", CALLS)
def test_a_lost_reply_is_found_again(gongji_city: CityUnderTest, call: str) -> None:
    """What was done before its reply was lost is answered to a retry, and not done again."""
    send, request = CALLS[call](gongji_city)
    lost = ask(_ordering("lost-reply", send), request)
    assert isinstance(lost, CallRefused), "答复没有丢失"
    # As if the connection had broken: nobody tells whether it was done.
    assert ("UNAVAILABLE", "") == (lost.code, lost.reason)
    retried = send(request)
    assert retried.receipt.replayed
    assert _bytes(retried) == _bytes(send(request))


@law("CORE-FAULT-002")
def test_a_lost_reply_charges_once(gongji_city: CityUnderTest) -> None:
    """A settlement whose reply was lost thrice is one, and charges each purse once."""
    giver, patient = gongji_city.family()
    request = gongji_city.settling(patient)
    settle = gongji_city.stubs.settlements.Settle
    for _ in range(3):
        ask(_ordering("lost-reply", settle), request)
    balances = gongji_city.balance(giver), gongji_city.balance(patient)
    settlement = settle(request).settlement
    listed = [row.settlement_id for row in gongji_city.settlements(patient)]
    assert [settlement.settlement_id] == listed
    moved = {move.purse: move.balance_after_fen for move in settlement.movements}
    assert (moved[giver.person_no], moved[patient.person_no]) == balances


@law("CORE-FAULT-003")
@pytest.mark.parametrize("call", CALLS)
def test_what_is_unavailable_is_not_done(gongji_city: CityUnderTest, call: str) -> None:
    """What the service could not do says so, and is done by the retry, not before."""
    send, request = CALLS[call](gongji_city)
    refused = ask(_ordering("unavailable", send), request)
    assert isinstance(refused, CallRefused), "照办了"
    assert ("UNAVAILABLE", "STORE_UNAVAILABLE") == (refused.code, refused.reason)
    assert not send(request).receipt.replayed


def _ordering(fault: str, send: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a call to which a fault happens."""
    return lambda request: send(request, metadata=[(FAULT_KEY, fault)])


@law("CORE-REQUEST-002")
def test_replay_charges_once(gongji_city: CityUnderTest) -> None:
    """A settlement sent three times is one settlement and charges each purse once."""
    giver, patient = gongji_city.family()
    request = gongji_city.settling(patient)
    settle = gongji_city.stubs.settlements.Settle
    settlement = settle(request).settlement
    for _ in range(2):
        settle(request)
    assert 1 == len(gongji_city.settlements(patient))
    balances = {move.purse: move.balance_after_fen for move in settlement.movements}
    assert balances[giver.person_no] == gongji_city.balance(giver)
    assert balances[patient.person_no] == gongji_city.balance(patient)


@law("CORE-REQUEST-003")
def test_replay_outlives_a_reversal(gongji_city: CityUnderTest) -> None:
    """A settlement that was reversed since is answered again as it was at first."""
    settle, request = _settle(gongji_city)
    first = settle(request).settlement
    reversal = gongji_city.reversal(first.settlement_id)
    gongji_city.stubs.settlements.Reverse(reversal)
    assert first == settle(request).settlement


@law("CORE-REQUEST-004")
def test_reused_for_another_bill(gongji_city: CityUnderTest) -> None:
    """A request id with another bill is refused, names the field, settles nothing."""
    settle, request = _settle(gongji_city)
    settle(request)
    request.bill.msgid = "OTHER"
    refused = _reused(settle, request)
    assert "bill.msgid" == refused.metadata["differing"]
    patient = request.bill.patient.person_no
    listing = settlement_pb2.ListSettlementsRequest(patient=ref(patient))
    rows = gongji_city.stubs.settlements.ListSettlements(listing).rows
    assert 1 == len(rows)


@law("CORE-REQUEST-005")
def test_reused_for_another_call(gongji_city: CityUnderTest) -> None:
    """A request id of one method is refused by another."""
    settle, settling = _settle(gongji_city)
    settle(settling)
    credit, crediting = _credit(gongji_city)
    crediting.request_id = settling.request_id
    refused = _reused(credit, crediting)
    assert "method" in refused.metadata["differing"]


def _reused(send: Callable[[Any], Any], request: Any) -> CallRefused:
    """Return the refusal of a request whose id was used before."""
    refused = ask(send, request)
    assert isinstance(refused, CallRefused)
    assert "ALREADY_EXISTS" == refused.code
    assert "REQUEST_ID_REUSED" == refused.reason
    return refused


@law("CORE-REQUEST-009")
def test_a_message_settles_once(gongji_city: CityUnderTest) -> None:
    """A message under another request id is the first answer; with another bill refused."""
    settle, request = _settle(gongji_city)
    request.bill.msgid = f"M-{request.request_id[:8]}"
    first = settle(request)
    request.request_id = new_id()
    again = settle(request)
    assert (True, first.settlement) == (again.receipt.replayed, again.settlement)
    request.request_id = new_id()
    request.bill.total_fen += 1
    request.bill.in_scope_fen += 1
    refused = ask(settle, request)
    assert isinstance(refused, CallRefused)
    assert "ALREADY_EXISTS MESSAGE_ID_REUSED" == f"{refused.code} {refused.reason}"
    assert first.settlement.settlement_id == refused.metadata["settlement_id"]


@law("CORE-REQUEST-006")
def test_refusal_is_replayed(gongji_city: CityUnderTest) -> None:
    """A final refusal is answered again in the same words."""
    holder = gongji_city.people.one()
    request = gongji_city.application(holder, holder)
    submit = gongji_city.stubs.bindings.SubmitBinding
    first = ask(submit, request)
    second = ask(submit, request)
    assert isinstance(first, CallRefused)
    assert "NOT_ELIGIBLE" == first.reason
    assert first == second


@law("CORE-REQUEST-007")
def test_validate_only_uses_nothing_up(gongji_city: CityUnderTest) -> None:
    """A validated application says what would come of it, and its id stays free."""
    holder, member = gongji_city.people.couple()
    request = gongji_city.application(holder, member)
    request.validate_only = True
    would = gongji_city.submit(request).state
    assert [] == gongji_city.bindings(holder)
    request.validate_only = False
    answer = gongji_city.stubs.bindings.SubmitBinding(request)
    assert would == answer.binding.state
    assert not answer.receipt.replayed


@law("CORE-REQUEST-008")
def test_a_late_original_is_refused(gongji_city: CityUnderTest) -> None:
    """A settlement reversed before it arrived is refused when it does, uncharged."""
    giver, patient = gongji_city.people.couple(
        giver=200,
        member=150,
    )
    request = gongji_city.settling(patient)
    reversal = settlement_pb2.ReverseRequest(
        request_id=new_id(),
        settle_request_id=request.request_id,
    )
    early = ask(gongji_city.stubs.settlements.Reverse, reversal)
    late = ask(gongji_city.stubs.settlements.Settle, request)
    assert isinstance(early, CallRefused)
    assert isinstance(late, CallRefused)
    assert "NOT_FOUND" == early.code
    assert "ORIGINAL_REVERSED" == late.reason
    assert 200_00 == gongji_city.balance(giver)
    assert 150_00 == gongji_city.balance(patient)
