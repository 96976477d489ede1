"""Whether a relation nobody proved is active at once is the city's word."""

from __future__ import annotations

from gongji.model.people import Kin
from gongji.rules.clauses import ruled
from gongji.rules.codes import BindingState
from msgspec.structs import replace

from tests.binding.applying import Applicants, cities, with_values


def test_unproved_relations_reviewed_if_adopted() -> None:
    """With the candidate of Chuzhou an unproved relation waits; one on record does not."""
    (candidate,) = [
        c for c in cities().named("chuzhou").candidates if c.name == "REVIEW-UNPROVED"
    ]
    adopted = ruled(candidate.value, since="2025-01-01", clauses=candidate.clauses)
    served = with_values("chuzhou", {candidate.hook: adopted})
    world = Applicants(served=served)
    unproved = world.application("wanshitong")
    assert (
        BindingState.UNDER_REVIEW
        is world.decide(world.submission(unproved)).answer.state
    )
    world.add(replace(world.get("H"), kin=(Kin("M", "10", "民政"),)))
    assert BindingState.ACTIVE is world.decide(world.submission(unproved)).answer.state
    shipped = Applicants()
    unproved = shipped.application("wanshitong")
    assert (
        BindingState.ACTIVE is shipped.decide(shipped.submission(unproved)).answer.state
    )
