"""Request ids: the same again is answered the same again, something else is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.v1 import account_pb2, binding_pb2, settlement_pb2

from gongji_conformance.city.judged import Judged
from gongji_conformance.city.wire import Refused, ask, new_id
from gongji_conformance.city.wire import person as ref
from gongji_conformance.laws.law import law

Asking = tuple[Callable[[Any], Any], Any]
"""A call and a request it takes."""


def _submit(city: Judged) -> Asking:
    return city.wire.bindings.SubmitBinding, city.application(*city.world.couple())


def _unbind(city: Judged) -> Asking:
    binding = city.bind(*city.world.couple())
    request = binding_pb2.UnbindRequest(
        request_id=new_id(), binding_id=binding.binding_id, channel=city.asked.local_channel
    )
    return city.wire.bindings.Unbind, request


def _settle(city: Judged) -> Asking:
    giver, patient = city.world.couple(giver=200, member=150)
    city.bind(giver, patient)
    return city.wire.settlements.Settle, city.settling(patient)


def _reverse(city: Judged) -> Asking:
    settle, request = _settle(city)
    number = settle(request).settlement.settlement_id
    return city.wire.settlements.Reverse, settlement_pb2.ReverseRequest(request_id=new_id(), settlement_id=number)


def _credit(city: Judged) -> Asking:
    request = account_pb2.CreditRequest(
        request_id=new_id(), person=ref(city.world.one().person_no), brought_forward_fen=12_34
    )
    return city.wire.accounts.Credit, request


CALLS = {"submit": _submit, "unbind": _unbind, "settle": _settle, "reverse": _reverse, "credit": _credit}


@law("CORE-REQUEST-001")
@pytest.mark.parametrize("call", CALLS)
def test_replay(gongji_city: Judged, call: str) -> None:
    """The same request again answers the first reply byte for byte, marked as replayed, and moves nothing."""
    send, request = CALLS[call](gongji_city)
    first, again = send(request), send(request)
    assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
    again.receipt.replayed = False
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


@law("CORE-REQUEST-002")
def test_replay_charges_once(gongji_city: Judged) -> None:
    """A settlement sent three times is one settlement and charges each purse once."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    gongji_city.bind(giver, patient)
    request = gongji_city.settling(patient)
    settled = gongji_city.wire.settlements.Settle(request).settlement
    for _ in range(2):
        gongji_city.wire.settlements.Settle(request)
    assert 1 == len(gongji_city.settlements(patient))
    left = {m.purse: m.balance_after_fen for m in settled.movements}
    assert left[giver.person_no] == gongji_city.balance(giver)
    assert left[patient.person_no] == gongji_city.balance(patient)


@law("CORE-REQUEST-003")
def test_replay_outlives_a_reversal(gongji_city: Judged) -> None:
    """A settlement that was reversed since is answered again as it was at first."""
    settle, request = _settle(gongji_city)
    first = settle(request).settlement
    gongji_city.wire.settlements.Reverse(
        settlement_pb2.ReverseRequest(request_id=new_id(), settlement_id=first.settlement_id)
    )
    assert first == settle(request).settlement


@law("CORE-REQUEST-004")
def test_reused_for_another_bill(gongji_city: Judged) -> None:
    """A request id with another bill is refused, names the field that differs, and settles nothing."""
    settle, request = _settle(gongji_city)
    settle(request)
    request.bill.msgid = "OTHER"
    patient = request.bill.patient.person_no
    refused = ask(settle, request)
    assert isinstance(refused, Refused)
    assert ("ALREADY_EXISTS", "REQUEST_ID_REUSED") == (refused.code, refused.reason)
    assert "bill" == refused.metadata["differing"]
    rows = gongji_city.wire.settlements.ListSettlements(
        settlement_pb2.ListSettlementsRequest(patient=ref(patient))
    ).rows
    assert 1 == len(rows)


@law("CORE-REQUEST-005")
def test_reused_for_another_call(gongji_city: Judged) -> None:
    """A request id of one method is refused by another."""
    settle, request = _settle(gongji_city)
    settle(request)
    credit, crediting = _credit(gongji_city)
    crediting.request_id = request.request_id
    refused = ask(credit, crediting)
    assert isinstance(refused, Refused)
    assert ("ALREADY_EXISTS", "REQUEST_ID_REUSED") == (refused.code, refused.reason)
    assert "method" in refused.metadata["differing"]


@law("CORE-REQUEST-006")
def test_refusal_is_replayed(gongji_city: Judged) -> None:
    """A final refusal is answered again in the same words."""
    holder = gongji_city.world.one()
    request = gongji_city.application(holder, holder)
    first, again = (ask(gongji_city.wire.bindings.SubmitBinding, request) for _ in range(2))
    assert isinstance(first, Refused)
    assert "NOT_ELIGIBLE" == first.reason
    assert first == again


@law("CORE-REQUEST-007")
def test_validate_only_uses_nothing_up(gongji_city: Judged) -> None:
    """An application that is only to be validated says what would come of it, and its request id is still free."""
    holder, member = gongji_city.world.couple()
    request = gongji_city.application(holder, member)
    request.validate_only = True
    would = gongji_city.wire.bindings.SubmitBinding(request).binding.state
    assert [] == gongji_city.bindings(holder)
    request.validate_only = False
    answer = gongji_city.wire.bindings.SubmitBinding(request)
    assert (would, False) == (answer.binding.state, answer.receipt.replayed)


@law("CORE-REQUEST-008")
def test_a_late_original_is_refused(gongji_city: Judged) -> None:
    """A settlement reversed before it arrived is refused when it does, and nothing is charged."""
    giver, patient = gongji_city.world.couple(giver=200, member=150)
    request = gongji_city.settling(patient)
    unknown = ask(
        gongji_city.wire.settlements.Reverse,
        settlement_pb2.ReverseRequest(request_id=new_id(), settle_request_id=request.request_id),
    )
    late = ask(gongji_city.wire.settlements.Settle, request)
    assert isinstance(unknown, Refused)
    assert isinstance(late, Refused)
    assert ("NOT_FOUND", "ORIGINAL_REVERSED") == (unknown.code, late.reason)
    assert (200_00, 150_00) == (gongji_city.balance(giver), gongji_city.balance(patient))
