"""What only some cities have: kept by those that declare it, refused by those that do not."""

from __future__ import annotations

from datetime import timedelta

from gongji.v1 import binding_pb2

from gongji_conformance.city import requests, words
from gongji_conformance.city.judged import NOW, Judged
from gongji_conformance.city.wire import Refused, ask, new_id
from gongji_conformance.laws.capability import counters
from gongji_conformance.laws.law import law

OPEN = {binding_pb2.BINDING_STATE_UNDER_REVIEW, binding_pb2.BINDING_STATE_ACTIVE}
HOLIDAY = NOW + timedelta(days=1)
"""National Day: no counter is open on it. It lies after NOW, so that a city in force on NOW still is."""


@law("CORE-COUNTER-001")
def test_counters_close(gongji_city: Judged) -> None:
    """Outside its hours a counter takes nothing, and says when it opens next."""
    for channel in counters(gongji_city.asked):
        application = gongji_city.application(*gongji_city.world.couple(), channel=channel)
        gongji_city.wire.set_clock(HOLIDAY)
        refused = ask(gongji_city.wire.bindings.SubmitBinding, application)
        assert isinstance(refused, Refused)
        assert (channel, "COUNTER_CLOSED") == (channel, refused.reason)
        assert refused.metadata["next_opening"] > HOLIDAY.isoformat()


@law("CORE-COUNTER-002")
def test_banks_bind(gongji_city: Judged) -> None:
    """A bank's counter takes a faultless application while it is open."""
    application = gongji_city.application(*gongji_city.world.couple(), channel="bank")
    assert gongji_city.wire.bindings.SubmitBinding(application).binding.state in OPEN


@law("CORE-CONSENT-001")
def test_consent_is_waited_for(gongji_city: Judged) -> None:
    """Without the member's consent an application waits; with it, it goes on."""
    application = gongji_city.application(*gongji_city.world.couple())
    application.ClearField("consent")
    waiting = gongji_city.wire.bindings.SubmitBinding(application).binding
    assert binding_pb2.BINDING_STATE_AWAITING_CONSENT == waiting.state
    consent = binding_pb2.RecordConsentRequest(
        request_id=new_id(), binding_id=waiting.binding_id, consent=requests.consented(NOW, "本人")
    )
    assert gongji_city.wire.bindings.RecordConsent(consent).binding.state in OPEN


@law("CORE-REVIEW-001")
def test_a_refused_review_is_final(gongji_city: Judged) -> None:
    """A reviewer's refusal ends an application with its reason; it cannot be approved afterwards."""
    holder, member = gongji_city.world.one(), gongji_city.world.one()
    reviewed = [
        key for key, review in gongji_city.asked.rule("review_latency").items() if review["at_once"] != "always"
    ]
    local = [key for key in reviewed if gongji_city.asked.channels[key]["across"] == "both"]
    application = gongji_city.application(holder, member, channel=local[0])
    waiting = gongji_city.wire.bindings.SubmitBinding(application).binding
    assert binding_pb2.BINDING_STATE_UNDER_REVIEW == waiting.state
    refused = gongji_city.wire.bindings.ReviewBinding(
        _verdict(waiting, binding_pb2.REVIEW_VERDICT_REFUSE, "RELATION_NOT_PROVED")
    ).binding
    assert binding_pb2.BINDING_STATE_REFUSED == refused.state
    assert refused.reason
    approval = _verdict(waiting, binding_pb2.REVIEW_VERDICT_APPROVE)
    assert isinstance(ask(gongji_city.wire.bindings.ReviewBinding, approval), Refused)


@law("CORE-MEMBER-001")
def test_residents_are_members(gongji_city: Judged) -> None:
    """A relative of the resident scheme may be bound for visits."""
    application = gongji_city.application(gongji_city.world.one(), gongji_city.world.one("居民"))
    assert gongji_city.wire.bindings.SubmitBinding(application).binding.state in OPEN


@law("CORE-PREMIUM-001")
def test_a_premium_is_paid_once(gongji_city: Judged) -> None:
    """A bound relative's premium is taken whole from the holder's purse, and not a second time for the year."""
    holder, member = gongji_city.world.one(balance=1000), gongji_city.world.one("居民")
    application = gongji_city.application(holder, member)
    application.purposes[:] = [words.PURPOSES["居民医保缴费"]]
    gongji_city.approved(gongji_city.wire.bindings.SubmitBinding(application).binding)
    paid = gongji_city.wire.accounts.PayPremium(gongji_city.premium(holder, member))
    assert (-400_00, 600_00) == (paid.fen, paid.balance_after_fen)
    again = ask(gongji_city.wire.accounts.PayPremium, gongji_city.premium(holder, member))
    assert isinstance(again, Refused)
    assert 600_00 == gongji_city.balance(holder)


@law("CORE-SETTLE-008")
def test_the_earlier_is_reversed(gongji_city: Judged) -> None:
    """The earlier of two settlements is taken back, the later stands."""
    patient = gongji_city.world.one(balance=300)
    first, second = (gongji_city.wire.settlements.Settle(gongji_city.settling(patient)).settlement for _ in range(2))
    gongji_city.wire.settlements.Reverse(gongji_city.reversal(first))
    standing = {row.settlement_id: row.reversed for row in gongji_city.settlements(patient)}
    assert {first.settlement_id: True, second.settlement_id: False} == standing


def _verdict(
    binding: binding_pb2.Binding, verdict: binding_pb2.ReviewVerdict.ValueType, reason_code: str = ""
) -> binding_pb2.ReviewBindingRequest:
    return binding_pb2.ReviewBindingRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        reviewer="conformance",
        verdict=verdict,
        reason_code=reason_code,
    )
