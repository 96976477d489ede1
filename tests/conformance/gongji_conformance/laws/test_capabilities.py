"""What only some cities have: kept if declared, refused if not."""

from __future__ import annotations

from datetime import timedelta

from gongji.v1 import account_pb2, binding_pb2

from gongji_conformance.city import requests, words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.laws.capability import counters, reviewed
from gongji_conformance.laws.law import law

OPEN = {
    binding_pb2.BINDING_STATE_UNDER_REVIEW,
    binding_pb2.BINDING_STATE_ACTIVE,
}
HOLIDAY = NOW + timedelta(days=1)
"""National Day, when no counter is open; after NOW, so that the city is in force."""


@law("CORE-COUNTER-001")
def test_counters_close(gongji_city: CityUnderTest) -> None:
    """Outside its hours a counter takes nothing, and says when it opens next."""
    for channel in counters(gongji_city.requirements):
        couple = gongji_city.people.couple()
        application = gongji_city.application(*couple, channel=channel)
        gongji_city.stubs.set_clock(HOLIDAY)
        refused = ask(gongji_city.stubs.bindings.SubmitBinding, application)
        assert isinstance(refused, CallRefused)
        assert (channel, "COUNTER_CLOSED") == (channel, refused.reason)
        assert refused.metadata["next_opening"] > HOLIDAY.isoformat()


@law("CORE-COUNTER-002")
def test_banks_bind(gongji_city: CityUnderTest) -> None:
    """A bank's counter takes a faultless application while it is open."""
    couple = gongji_city.people.couple()
    application = gongji_city.application(*couple, channel="bank")
    assert gongji_city.submit(application).state in OPEN


@law("CORE-CONSENT-001")
def test_consent_is_waited_for(gongji_city: CityUnderTest) -> None:
    """Without the member's consent an application waits; with it, it goes on."""
    application = gongji_city.application(*gongji_city.people.couple())
    application.ClearField("consent")
    binding = gongji_city.submit(application)
    assert binding_pb2.BINDING_STATE_AWAITING_CONSENT == binding.state
    request = binding_pb2.RecordConsentRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        consent=requests.consent(NOW, "本人"),
    )
    agreed = gongji_city.stubs.bindings.RecordConsent(request).binding
    assert agreed.state in OPEN


@law("CORE-REVIEW-001")
def test_a_refused_review_is_final(gongji_city: CityUnderTest) -> None:
    """A reviewer's refusal ends an application with its reason, for good."""
    holder = gongji_city.people.one()
    member = gongji_city.people.one()
    channel = _local_and_reviewed(gongji_city)
    application = gongji_city.application(holder, member, channel=channel)
    binding = gongji_city.submit(application)
    assert binding_pb2.BINDING_STATE_UNDER_REVIEW == binding.state
    refusal = requests.review(
        binding.binding_id,
        binding_pb2.REVIEW_VERDICT_REFUSE,
        "RELATION_NOT_PROVED",
    )
    refused = gongji_city.stubs.bindings.ReviewBinding(refusal).binding
    assert binding_pb2.BINDING_STATE_REFUSED == refused.state
    assert refused.reason
    approval = requests.review(binding.binding_id, binding_pb2.REVIEW_VERDICT_APPROVE)
    answer = ask(gongji_city.stubs.bindings.ReviewBinding, approval)
    assert isinstance(answer, CallRefused)


def _local_and_reviewed(city: CityUnderTest) -> str:
    """Return a reviewed channel that takes pairs of one area."""
    channels = city.requirements.channels
    local = (
        key for key in reviewed(city.requirements) if channels[key]["across"] == "both"
    )
    return next(local)


@law("CORE-MEMBER-001")
def test_residents_are_members(gongji_city: CityUnderTest) -> None:
    """A relative of the resident scheme may be bound for visits."""
    holder = gongji_city.people.one()
    member = gongji_city.people.one("居民")
    application = gongji_city.application(holder, member)
    assert gongji_city.submit(application).state in OPEN


@law("CORE-PREMIUM-001")
def test_a_premium_is_paid_once(gongji_city: CityUnderTest) -> None:
    """A bound relative's premium is taken whole from the holder's purse, once a year."""
    holder = gongji_city.people.one(balance=1000)
    member = gongji_city.people.one("居民")
    application = gongji_city.application(holder, member)
    application.purposes[:] = [words.PURPOSES["居民医保缴费"]]
    gongji_city.approve(gongji_city.submit(application))
    pay = gongji_city.stubs.accounts.PayPremium
    paid = pay(gongji_city.premium(holder, member))
    assert -400_00 == paid.fen
    assert 600_00 == paid.balance_after_fen
    second = ask(pay, gongji_city.premium(holder, member))
    assert isinstance(second, CallRefused)
    assert 600_00 == gongji_city.balance(holder)


@law("CORE-PREMIUM-002")
def test_a_premium_is_refunded(gongji_city: CityUnderTest) -> None:
    """A premium comes back whole to the purse it came from, once; then its year is paid."""
    holder = gongji_city.people.one(balance=1000)
    member = gongji_city.people.one("居民")
    application = gongji_city.application(holder, member)
    application.purposes[:] = [words.PURPOSES["居民医保缴费"]]
    gongji_city.approve(gongji_city.submit(application))
    accounts = gongji_city.stubs.accounts
    payment = gongji_city.premium(holder, member)
    paid = accounts.PayPremium(payment)
    refund = account_pb2.RefundPremiumRequest(
        request_id=new_id(),
        premium_id=paid.premium_id,
        member=payment.member,
        year=payment.year,
    )
    refunded = accounts.RefundPremium(refund)
    assert (400_00, 1000_00) == (refunded.fen, refunded.balance_after_fen)
    refund.request_id = new_id()
    assert isinstance(ask(accounts.RefundPremium, refund), CallRefused)
    accounts.PayPremium(gongji_city.premium(holder, member))
    assert 600_00 == gongji_city.balance(holder)


@law("CORE-SETTLE-008")
def test_the_earlier_is_reversed(gongji_city: CityUnderTest) -> None:
    """The earlier of two settlements is taken back, the later stands."""
    patient = gongji_city.people.one(balance=300)
    first = gongji_city.settle(patient)
    second = gongji_city.settle(patient)
    reversal = gongji_city.reversal(first.settlement_id)
    gongji_city.stubs.settlements.Reverse(reversal)
    rows = gongji_city.settlements(patient)
    reversed_ = {row.settlement_id: row.reversed for row in rows}
    assert {
        first.settlement_id: True,
        second.settlement_id: False,
    } == reversed_
