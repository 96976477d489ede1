"""Every channel a city declares, used as its rules say, each demand left out in turn."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.v1 import binding_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.laws.law import law

OPEN = {
    binding_pb2.BINDING_STATE_UNDER_REVIEW,
    binding_pb2.BINDING_STATE_ACTIVE,
}


def _applications(
    city: CityUnderTest,
) -> Iterator[tuple[str, binding_pb2.SubmitBindingRequest]]:
    """Yield a faultless application through each channel, of people it is for."""
    for channel, declared in city.requirements.channels.items():
        if declared["across"] == "only_across_areas":
            holder = city.people.one()
            member = city.people.one(insured=city.other_area)
        else:
            holder, member = city.people.couple()
        yield channel, city.application(holder, member, channel=channel)


@law("CORE-CHANNEL-001")
def test_every_channel_binds(gongji_city: CityUnderTest) -> None:
    """Every declared channel takes a faultless application: at once, or due later."""
    for channel, application in _applications(gongji_city):
        binding = gongji_city.submit(application)
        assert (channel, True) == (channel, binding.state in OPEN)
        waits = binding.state == binding_pb2.BINDING_STATE_UNDER_REVIEW
        assert (channel, waits) == (channel, binding.HasField("review_due_at"))
        due = binding.review_due_at
        submitted = binding.submitted_at
        assert not waits or due.ToDatetime() > submitted.ToDatetime()


@law("CORE-CHANNEL-002")
def test_every_identity_check_is_demanded(gongji_city: CityUnderTest) -> None:
    """Without any one of a channel's identity checks an application is refused for it."""
    for channel, application in _applications(gongji_city):
        for check in gongji_city.requirements.checks(channel):
            without = _copy(application)
            without.identity_checks.remove(check)
            hooks = _hooks(gongji_city, without)
            assert (channel, check, {"identity_checks"}) == (
                channel,
                check,
                hooks,
            )


@law("CORE-CHANNEL-003")
def test_every_agreement_is_demanded(gongji_city: CityUnderTest) -> None:
    """Without the agreement no channel takes an application."""
    for channel, application in _applications(gongji_city):
        without = _copy(application)
        without.ClearField("agreement")
        assert (channel, {"agreement"}) == (
            channel,
            _hooks(gongji_city, without),
        )


@law("CORE-CHANNEL-004")
def test_the_pre_check_is_the_same_decision(
    gongji_city: CityUnderTest,
) -> None:
    """validate_only foresees what the submission answers, but for ids and receipt."""
    for channel, application in _applications(gongji_city):
        checked = _copy(application)
        checked.validate_only = True
        foreseen = gongji_city.submit(checked)
        happened = gongji_city.submit(application)
        assert (channel, happened) == (channel, foreseen)


@law("CORE-CHANNEL-005")
def test_a_place_is_free_again_after_unbinding(
    gongji_city: CityUnderTest,
) -> None:
    """A pair in force cannot be bound again; unbound, it can."""
    holder, member = gongji_city.people.couple()
    binding = gongji_city.bind(holder, member)
    second = gongji_city.application(holder, member)
    assert "unbinding" in _hooks(gongji_city, second)
    request = binding_pb2.UnbindRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        channel=second.channel,
    )
    gongji_city.stubs.bindings.Unbind(request)
    assert holder.person_no == gongji_city.bind(holder, member).holder


def _copy(
    application: binding_pb2.SubmitBindingRequest,
) -> binding_pb2.SubmitBindingRequest:
    copy = binding_pb2.SubmitBindingRequest()
    copy.CopyFrom(application)
    return copy


def _hooks(
    city: CityUnderTest, application: binding_pb2.SubmitBindingRequest
) -> set[str]:
    """Return the hooks an application is refused by, without keeping it."""
    # Only validated, its id stays free for the same application without a fault.
    application.validate_only = True
    refused = ask(city.stubs.bindings.SubmitBinding, application)
    application.validate_only = False
    assert isinstance(refused, CallRefused)
    assert "NOT_ELIGIBLE" == refused.reason
    return {condition.hook for condition in refused.conditions}
