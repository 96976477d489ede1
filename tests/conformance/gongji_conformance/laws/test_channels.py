"""Every channel a city declares, used as its rules say and with each demand left out in turn."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.v1 import binding_pb2

from gongji_conformance.city import requests
from gongji_conformance.city.judged import EVERY_PROOF, NOW, Judged
from gongji_conformance.city.wire import Refused, ask
from gongji_conformance.city.world import Someone
from gongji_conformance.laws.law import law

OPEN = {binding_pb2.BINDING_STATE_UNDER_REVIEW, binding_pb2.BINDING_STATE_ACTIVE}


def _applications(city: Judged) -> Iterator[tuple[str, binding_pb2.SubmitBindingRequest]]:
    """A faultless spouse's application through each channel, between people the channel is for."""
    for channel, declared in city.asked.channels.items():
        holder, member = city.world.couple()
        if declared["across"] == "only_across_areas":
            member = city.world.one(insured=_elsewhere(city))
        yield channel, _application(city, holder, member, channel)


def _application(city: Judged, holder: Someone, member: Someone, channel: str) -> binding_pb2.SubmitBindingRequest:
    return requests.application(
        city.asked, holder, member, "配偶", channel, now=NOW, materials=EVERY_PROOF, consent="本人"
    )


def _elsewhere(city: Judged) -> str:
    """Another pooling area of the province."""
    return "340800" if city.area_code != "340800" else "341000"


@law("CORE-CHANNEL-001")
def test_every_channel_binds(gongji_city: Judged) -> None:
    """Through every declared channel a faultless application is taken: in force at once, or due on a later day."""
    for channel, application in _applications(gongji_city):
        binding = gongji_city.wire.bindings.SubmitBinding(application).binding
        assert (channel, True) == (channel, binding.state in OPEN)
        waits = binding.state == binding_pb2.BINDING_STATE_UNDER_REVIEW
        assert (channel, waits) == (channel, binding.HasField("review_due_at"))
        assert not waits or binding.review_due_at.ToDatetime() > binding.submitted_at.ToDatetime()


@law("CORE-CHANNEL-002")
def test_every_identity_check_is_demanded(gongji_city: Judged) -> None:
    """Without any one of the identity checks a channel must do, an application is refused for that."""
    for channel, application in _applications(gongji_city):
        for check in gongji_city.asked.checks(channel):
            lacking = _copy(application)
            lacking.identity_checks.remove(check)
            assert (channel, check, {"identity_checks"}) == (channel, check, _hooks(gongji_city, lacking))


@law("CORE-CHANNEL-003")
def test_every_agreement_is_demanded(gongji_city: Judged) -> None:
    """Without the agreement no channel takes an application."""
    for channel, application in _applications(gongji_city):
        lacking = _copy(application)
        lacking.ClearField("agreement")
        assert (channel, {"agreement"}) == (channel, _hooks(gongji_city, lacking))


@law("CORE-CHANNEL-004")
def test_the_pre_check_is_the_same_decision(gongji_city: Judged) -> None:
    """validate_only foresees what the submission then answers, but for ids and receipt."""
    for channel, application in _applications(gongji_city):
        asked = _copy(application)
        asked.validate_only = True
        foreseen = gongji_city.wire.bindings.SubmitBinding(asked).binding
        happened = gongji_city.wire.bindings.SubmitBinding(application).binding
        assert (channel, happened) == (channel, foreseen)


@law("CORE-CHANNEL-005")
def test_a_place_is_free_again_after_unbinding(gongji_city: Judged) -> None:
    """A pair in force cannot be bound again; unbound, it can."""
    holder, member = gongji_city.world.couple()
    binding = gongji_city.bind(holder, member)
    again = gongji_city.application(holder, member)
    assert "family_limit" in _hooks(gongji_city, again)
    gongji_city.wire.bindings.Unbind(
        binding_pb2.UnbindRequest(
            request_id=again.request_id[:-4] + "0000", binding_id=binding.binding_id, channel=again.channel
        )
    )
    assert holder.person_no == gongji_city.bind(holder, member).holder


def _copy(application: binding_pb2.SubmitBindingRequest) -> binding_pb2.SubmitBindingRequest:
    copy = binding_pb2.SubmitBindingRequest()
    copy.CopyFrom(application)
    return copy


def _hooks(city: Judged, application: binding_pb2.SubmitBindingRequest) -> set[str]:
    """The hooks an application is refused by; nothing of it is kept, and its id stays free where it is only asked."""
    application.validate_only = True
    refused = ask(city.wire.bindings.SubmitBinding, application)
    application.validate_only = False
    assert isinstance(refused, Refused)
    assert "NOT_ELIGIBLE" == refused.reason
    return {condition.hook for condition in refused.conditions}
