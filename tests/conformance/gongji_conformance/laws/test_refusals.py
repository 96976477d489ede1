"""A refusal is told to programs: what is not met, where, and ways that lead to a binding."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.v1 import binding_pb2, types_pb2

from gongji_conformance.city import words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.following import OF_REQUEST, Follower
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import CallRefused, ask, new_id, stamp
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law


def _bare(
    city: CityUnderTest,
) -> Iterator[tuple[binding_pb2.SubmitBindingRequest, InventedPerson]]:
    """Yield applications through each channel that say who and what for, no more."""
    for channel, declared in city.requirements.channels.items():
        across = declared["across"] == "only_across_areas"
        holder, member = city.apart() if across else city.people.couple()
        application = binding_pb2.SubmitBindingRequest(
            request_id=new_id(),
            holder=ref(holder.person_no),
            member=ref(member.person_no),
            relation=words.relation("配偶"),
            purposes=[types_pb2.PURPOSE_VISIT],
            channel=channel,
        )
        yield application, member


def _tried(
    city: CityUnderTest, application: binding_pb2.SubmitBindingRequest
) -> binding_pb2.SubmitBindingResponse:
    """Return what would come of an application, explained."""
    tried = binding_pb2.SubmitBindingRequest()
    tried.CopyFrom(application)
    tried.validate_only = tried.explain = True
    return city.stubs.bindings.SubmitBinding(tried)


def _told(explanation: binding_pb2.Explanation) -> list[tuple[object, ...]]:
    """Return what a program is told of each condition."""
    return [
        (unmet.code, [f.path for f in unmet.fields], list(unmet.clauses))
        for unmet in explanation.conditions
    ]


@law("CORE-REFUSAL-001")
def test_a_way_followed_binds(gongji_city: CityUnderTest) -> None:
    """Each condition has code, fields and clauses, and who follows a way by its fields
    alone would be bound."""
    for application, member in _bare(gongji_city):
        known = {
            "member_details.name": member.name,
            "member_details.certificate_number": member.certificate_number,
            "member_details.phone": member.phone,
            "member_details.insured_place": member.insured_place,
        }
        unmet = _tried(gongji_city, application).unmet
        assert (application.channel, True) == (application.channel, bool(unmet.ways))
        assert all(all(told) for told in _told(unmet))
        for way in unmet.ways:
            assert {step.action for step in way.steps} <= OF_REQUEST
            followed = Follower(known, stamp(NOW)).follow(way.steps, application)
            reply = _tried(gongji_city, followed)
            assert (application.channel, []) == (
                application.channel,
                _told(reply.unmet),
            )
            assert reply.HasField("binding")


@law("CORE-REFUSAL-002")
def test_a_refusal_is_explained(gongji_city: CityUnderTest) -> None:
    """What refuses an application is told before, when tried, and after, on asking."""
    for application, _ in _bare(gongji_city):
        foreseen = _tried(gongji_city, application).unmet
        refused = ask(gongji_city.stubs.bindings.SubmitBinding, application)
        assert isinstance(refused, CallRefused)
        asked = binding_pb2.ExplainRefusalRequest(request_id=application.request_id)
        reply = gongji_city.stubs.bindings.ExplainRefusal(asked)
        assert ("SubmitBinding", foreseen) == (reply.method, reply.explanation)
        hooks = [condition.hook for condition in refused.conditions]
        assert hooks == [condition.hook for condition in foreseen.conditions]
