"""Profile out-of-area: care and relatives in another pooling area of the province."""

from __future__ import annotations

from typing import Final

from gongji.v1 import binding_pb2, settlement_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.laws.capability import across_only, hooks_of
from gongji_conformance.laws.law import law

_ANOTHER_PROVINCE: Final = "320100"


@law("OUT-OF-AREA-SETTLE-001")
def test_elsewhere_needs_a_filing(gongji_city: CityUnderTest) -> None:
    """A bill from elsewhere needs a filing; with one the fund pays as at home."""
    patient = gongji_city.people.one()
    quote = gongji_city.stubs.settlements.Quote
    refused = ask(quote, gongji_city.quoting_elsewhere(patient))
    assert isinstance(refused, CallRefused)
    assert "FILING_REQUIRED" == refused.reason
    filed = gongji_city.quoting_elsewhere(patient, filing=gongji_city.file(patient))
    local = settlement_pb2.QuoteRequest(bill=filed.bill)
    local.bill.institution_code = gongji_city.people.institution("三级")
    local.bill.filing_no = ""
    away = quote(filed).settlement
    home = quote(local).settlement
    assert home.deductible_fen == away.deductible_fen
    assert home.fund_fen == away.fund_fen


@law("OUT-OF-AREA-FILING-001")
def test_a_bill_is_held_to_its_filing(gongji_city: CityUnderTest) -> None:
    """A number that no filing has, and another's filing, are refused by name."""
    patient, other = gongji_city.people.one(), gongji_city.people.one()
    quote = gongji_city.stubs.settlements.Quote
    for filing, reason in (
        ("BA20250930001", "FILING_NOT_FOUND"),
        (gongji_city.file(other), "FILING_OF_ANOTHER"),
    ):
        refused = ask(quote, gongji_city.quoting_elsewhere(patient, filing=filing))
        assert isinstance(refused, CallRefused)
        assert reason == refused.reason


@law("OUT-OF-AREA-BIND-001")
def test_relatives_elsewhere(gongji_city: CityUnderTest) -> None:
    """A pair of two areas is bound like any other, if the member's city can be asked."""
    holder, member = gongji_city.apart()
    if not gongji_city.serves(gongji_city.other_area):
        application = gongji_city.application(holder, member)
        answer = ask(gongji_city.stubs.bindings.SubmitBinding, application)
        assert {"scope"} == hooks_of(answer)
        return
    gongji_city.bind(holder, member)
    members = [binding.member for binding in gongji_city.bindings(holder)]
    assert [member.person_no] == members


@law("OUT-OF-AREA-BIND-002")
def test_relatives_of_another_province(gongji_city: CityUnderTest) -> None:
    """A member of another province is refused by scope alone, and told of the wallet."""
    holder = gongji_city.people.one(balance=300)
    member = gongji_city.people.one(insured=_ANOTHER_PROVINCE)
    application = gongji_city.application(holder, member)
    answer = ask(gongji_city.stubs.bindings.SubmitBinding, application)
    assert {"scope"} == hooks_of(answer)
    assert [] == gongji_city.bindings(holder)
    application.request_id = new_id()
    application.validate_only = application.explain = True
    reply = gongji_city.stubs.bindings.SubmitBinding(application)
    (condition,) = reply.unmet.conditions
    assert [
        binding_pb2.STEP_ACTION_OPEN_WALLET,
        binding_pb2.STEP_ACTION_TRANSFER,
    ] == [step.action for step in condition.instead.steps]


@law("OUT-OF-AREA-CHANNEL-001")
def test_channels_for_elsewhere_only(gongji_city: CityUnderTest) -> None:
    """A channel that is for two areas refuses a pair of one."""
    for channel in across_only(gongji_city.requirements):
        couple = gongji_city.people.couple()
        application = gongji_city.application(*couple, channel=channel)
        answer = ask(gongji_city.stubs.bindings.SubmitBinding, application)
        assert (channel, {"channels"}) == (channel, hooks_of(answer))


@law("OUT-OF-AREA-GUIDE-001")
def test_guide_tells_care_elsewhere(gongji_city: CityUnderTest) -> None:
    """The guide tells every step of being treated in another area."""
    guide = gongji_city.guide().text
    steps = gongji_city.requirements.rule("out_of_area")["procedure"]["steps"]
    assert steps
    assert [] == [step["text"] for step in steps if step["text"] not in guide]
