"""A screen built from DescribeForm alone leads to a binding, through every channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gongji.v1 import binding_pb2, types_pb2

from gongji_conformance.city import words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.form import Applicants, expected_state, filled
from gongji_conformance.city.population import Couple, InventedPerson
from gongji_conformance.city.stubs import CallRefused, ask
from gongji_conformance.laws.law import law

_ID_CARD = "01"

_NO_RELATIVE = "99"


def _pairs(city: CityUnderTest) -> Iterator[tuple[str, Couple, Applicants]]:
    """Yield for each channel two people whom it is for, and what they know."""
    for channel, declared in city.requirements.channels.items():
        across = declared["across"] == "only_across_areas"
        pair = city.apart() if across else city.people.couple()
        answers = {**_named("holder", pair[0]), **_named("member", pair[1])}
        details = {
            "member_details.name": pair[1].name,
            "member_details.phone": pair[1].phone,
        }
        known = Applicants(
            answers={**answers, **details}, now=NOW, on_record=not across
        )
        yield channel, pair, known


def _named(side: str, person: InventedPerson) -> dict[str, str]:
    return {
        f"{side}.certificate.type": _ID_CARD,
        f"{side}.certificate.number": person.certificate_number,
    }


def _described(city: CityUnderTest, channel: str, pair: Couple, relation: str) -> Any:
    request = binding_pb2.DescribeFormRequest(
        holder_city=pair[0].insured_place,
        member_city=pair[1].insured_place,
        channel=channel,
        relation=relation,
        purposes=[types_pb2.PURPOSE_VISIT],
    )
    return ask(city.stubs.bindings.DescribeForm, request)


@law("CORE-FORM-001")
def test_a_form_filled_in_binds(gongji_city: CityUnderTest) -> None:
    """An application filled in as the form says is accepted, and stands as foreseen."""
    for channel, pair, known in _pairs(gongji_city):
        form = _described(gongji_city, channel, pair, words.relation("配偶"))
        assert isinstance(form, binding_pb2.DescribeFormResponse)
        binding = gongji_city.submit(filled(form, known))
        assert (channel, expected_state(form, known)) == (channel, binding.state)


@law("CORE-FORM-002")
def test_no_form_for_what_is_refused(gongji_city: CityUnderTest) -> None:
    """A form is refused for conditions that the application is refused for too."""
    for channel, pair, _ in _pairs(gongji_city):
        refused = _described(gongji_city, channel, pair, _NO_RELATIVE)
        application = gongji_city.application(*pair, channel=channel)
        application.relation = _NO_RELATIVE
        application.validate_only = True
        too = ask(gongji_city.stubs.bindings.SubmitBinding, application)
        assert isinstance(refused, CallRefused)
        assert isinstance(too, CallRefused)
        assert refused.conditions
        assert {c.message for c in refused.conditions} <= {
            c.message for c in too.conditions
        }
