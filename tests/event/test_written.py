"""What a leaf's rows tell of the call that wrote it, whatever was written over them since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest
from gongji.event.written import LeafRows, events_of
from gongji.model.binding import Binding, BindingEvent
from gongji.model.event import BindingChange
from gongji.rules.codes import BindingState
from msgspec.structs import replace

from tests.claim.test_claim import town, use
from tests.scaffold.people import NOW, binding
from tests.scaffold.world import NewWorld

AWAITING, REVIEW, ACTIVE, REFUSED, ENDED = (
    BindingState.AWAITING_CONSENT,
    BindingState.UNDER_REVIEW,
    BindingState.ACTIVE,
    BindingState.REFUSED,
    BindingState.ENDED,
)

Life = tuple[BindingState, ...]

CALLS: Final = {
    None: ("SubmitBinding", "BINDING_SUBMITTED"),
    AWAITING: ("RecordConsent", "BINDING_CONSENTED"),
    REVIEW: ("ReviewBinding", "BINDING_REVIEWED"),
    ACTIVE: ("Unbind", "BINDING_ENDED"),
}
"""The call that moves a binding on from a state, and as what it is told."""

LIVES: Final[list[Life]] = [
    (ACTIVE, ENDED),
    (REVIEW, ACTIVE, ENDED),
    (REVIEW, REFUSED),
    (AWAITING, REVIEW, ACTIVE, ENDED),
    (AWAITING, ACTIVE),
    (AWAITING, REVIEW, REFUSED),
]


def lived(life: Life, times: list[datetime], who: str = "app") -> Binding:
    """Return a binding that has gone through these states."""
    history = tuple(
        BindingEvent(at, before, after, who, "window", "")
        for before, after, at in zip([None, *life[:-1]], life, times, strict=True)
    )
    bound = binding("H", "M", NOW)
    return replace(bound, state=life[-1], history=history)


def told(what: str, at: datetime, of: Binding) -> list[tuple[str, BindingState]]:
    """Return what the leaf of a call tells of a binding."""
    found = []
    for event in events_of(LeafRows(what, at, "", bindings=(of,))):
        assert isinstance(event.what, BindingChange)
        assert ("H", "M") == event.people
        found.append((event.kind.name, event.what.to_state))
    return found


@pytest.mark.parametrize("life", LIVES, ids=lambda life: "-".join(s.name for s in life))
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)])
def test_each_call_tells_its_own_step(life: Life, apart: timedelta) -> None:
    """Over the whole history each call tells the step it made, in one instant or apart."""
    times = [NOW + apart * number for number in range(len(life))]
    whole = lived(life, times)
    for before, after, at in zip([None, *life], life, times, strict=False):
        what, kind = CALLS[before]
        assert [(kind, after)] == told(what, at, whole)


def test_a_new_binding_ends_what_a_fact_had_ended() -> None:
    """The end of an earlier binding of the pair is told by the call that made the new one."""
    former = lived((ACTIVE, ENDED), [NOW - timedelta(days=9), NOW], who="registry")
    assert [("BINDING_ENDED", ENDED)] == told("ReviewBinding", NOW, former)


@pytest.mark.parametrize("what", ["Write", "Settle", "ImportPersons"])
def test_other_jobs_tell_nothing_of_it(what: str) -> None:
    """A job that writes a binding as it is has not moved it."""
    assert [] == told(what, NOW, lived((ACTIVE, ENDED), [NOW, NOW]))


@pytest.mark.parametrize("way", ["settle", "pay"])
def test_a_claim_is_no_event_of_its_institution(new_world: NewWorld, way: str) -> None:
    """What paid a claim is told to the patient, not to the institution of its bill."""
    world = town(new_world)
    reversed_one = world.reverse(use(world, "1", way)).settlement
    (event,) = events_of(LeafRows("Reverse", NOW, "", settlements=(reversed_one,)))
    assert ("P1",) == event.people
    hospital = reversed_one.bill.institution_code
    assert (hospital if way == "settle" else "") == event.institution_code
