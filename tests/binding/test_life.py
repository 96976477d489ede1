"""The life of a binding: every command in every state, who takes a place, and when an
application expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from gongji.binding.life import as_of
from gongji.binding.review import REVIEW_REASONS
from gongji.model.binding import Binding, BindingEvent
from gongji.model.commands import Query
from gongji.model.people import Person
from gongji.model.refusals import (
    BindingNotFound,
    IllegalTransition,
    MalformedField,
    NotEligible,
)
from gongji.rules.codes import OPEN_STATES, BindingState
from msgspec.structs import replace

from tests.binding.applying import Applicants

AWAITING, REVIEWED, ACTIVE = (
    BindingState.AWAITING_CONSENT,
    BindingState.UNDER_REVIEW,
    BindingState.ACTIVE,
)
REFUSED, EXPIRED, ENDED = BindingState.REFUSED, BindingState.EXPIRED, BindingState.ENDED
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


# --- every command in every state -----------------------------------------------------

COMMANDS: dict[str, Callable[[Applicants, str], Query[Binding]]] = {
    "consent": lambda world, number: world.record_consent(number),
    "approve": lambda world, number: world.review(number, approve=True),
    "refuse": lambda world, number: world.review(
        number, approve=False, reason_code="MATERIAL_MISSING"
    ),
    "unbind": lambda world, number: world.unbind(number),
}
TRANSITIONS = {
    ("consent", AWAITING): REVIEWED,
    ("approve", REVIEWED): ACTIVE,
    ("refuse", REVIEWED): REFUSED,
    ("unbind", ACTIVE): ENDED,
}
"""All that is allowed; through Anqing's mini-program, where nothing is at once."""


def in_state(world: Applicants, state: BindingState) -> Binding:
    """A binding through Anqing's mini-program, stored in a state."""
    applied = world.submit(world.application("minip_wechat", consent=None))
    world.add(binding := replace(applied, state=state))
    return binding


@pytest.mark.parametrize("state", BindingState)
@pytest.mark.parametrize("command", COMMANDS)
def test_state_machine(command: str, state: BindingState) -> None:
    """A command moves a binding on from the one state it starts from, and from no other."""
    world = Applicants("anqing")
    binding = in_state(world, state)
    query = COMMANDS[command](world, binding.binding_id)
    expected = TRANSITIONS.get((command, state))
    if expected is None:
        with pytest.raises(IllegalTransition) as refused:
            world.decide(query)
        assert state.name == refused.value.metadata["state"]
        return
    decision = world.decide(query)

    assert expected is decision.answer.state
    assert (decision.answer,) == decision.records
    assert (state, expected) == (
        decision.answer.history[-1].from_state,
        decision.answer.history[-1].to_state,
    )
    assert binding.history == decision.answer.history[:-1]
    assert (expected in OPEN_STATES) == (decision.answer.closed_at is None)


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_binding(command: str) -> None:
    """A binding nobody knows is refused by its number."""
    world = Applicants()
    with pytest.raises(BindingNotFound, match="B999"):
        world.decide(COMMANDS[command](world, "B999"))


# --- by the calendar ------------------------------------------------------------------


@pytest.mark.parametrize("state", BindingState)
def test_expiry(state: BindingState) -> None:
    """An unanswered application expires exactly at its hour, not an instant before;
    nothing else ever does."""
    binding = in_state(Applicants("anqing"), state)
    assert binding.expires_at is not None
    late = as_of(binding, binding.expires_at)

    assert binding == as_of(binding, binding.expires_at - INSTANT)
    if state not in {AWAITING, REVIEWED}:
        assert binding == late
        return
    event = BindingEvent(
        binding.expires_at, state, EXPIRED, "calendar", "", late.reason
    )
    assert (EXPIRED, binding.expires_at, event) == (
        late.state,
        late.closed_at,
        late.history[-1],
    )
    assert late == as_of(binding, binding.expires_at + 100 * DAY)


@pytest.mark.parametrize("command", ["consent", "approve", "refuse"])
def test_too_late(command: str) -> None:
    """At the hour of expiry nobody can answer an application any more; an instant
    before, he can."""
    world = Applicants("anqing")
    state = AWAITING if command == "consent" else REVIEWED
    binding = in_state(world, state)
    assert binding.expires_at is not None
    world.now = binding.expires_at - INSTANT
    assert (
        world.decide(COMMANDS[command](world, binding.binding_id)).answer.state
        is not state
    )

    world.now = binding.expires_at
    with pytest.raises(IllegalTransition, match="申请已失效"):
        world.decide(COMMANDS[command](world, binding.binding_id))


# --- reviewed -------------------------------------------------------------------------


@pytest.mark.parametrize("code", REVIEW_REASONS)
def test_review_reason(code: str) -> None:
    """A reviewer refuses for a known reason, which the applicant reads with the remark."""
    world = Applicants("anqing")
    binding = in_state(world, REVIEWED)
    refused = world.do(
        world.review(
            binding.binding_id, approve=False, reason_code=code, remark="照片不清"
        )
    )

    assert (REFUSED, f"{REVIEW_REASONS[code]}：照片不清") == (
        refused.state,
        refused.reason,
    )
    assert ("审核员", world.now) == (refused.history[-1].who, refused.closed_at)


@pytest.mark.parametrize(
    ("code", "remark", "field"),
    [("", "", "reason_code"), ("BECAUSE", "x", "reason_code"), ("OTHER", "", "remark")],
    ids=["no reason", "an unknown one", "another one that is not said"],
)
def test_review_without_a_reason(code: str, remark: str, field: str) -> None:
    """Nobody is refused without a reason he can read."""
    world = Applicants("anqing")
    binding = in_state(world, REVIEWED)
    with pytest.raises(MalformedField) as refused:
        world.decide(
            world.review(
                binding.binding_id, approve=False, reason_code=code, remark=remark
            )
        )
    assert field == refused.value.field


# --- places in the family -------------------------------------------------------------


def family(
    world: Applicants, people: int, channel: str = "wanshitong"
) -> list[Binding]:
    """So many members bound, one after another."""
    bindings = []
    for n in range(people):
        world.person(f"M{n}", place=world.get("H").first_place, phone="10000000000")
        stepchild = world.application(channel, member=f"M{n}", relation="27")
        bindings.append(world.submit(stepchild))
    return bindings


def test_a_place_is_free_again() -> None:
    """Six members fit, the seventh is refused with C22; after an unbind he fits, and
    the unbound one no more."""
    world = Applicants()
    bindings = family(world, 6)
    seventh = world.application("wanshitong")
    with pytest.raises(NotEligible) as refused:
        world.decide(world.submission(seventh))
    assert [("family_limit", ("C22",))] == [
        (c.hook, c.clauses) for c in refused.value.conditions
    ]

    ended = world.do(world.unbind(bindings[2].binding_id, "minip_wechat"))
    assert (ENDED, world.now, "minip_wechat") == (
        ended.state,
        ended.closed_at,
        ended.history[-1].channel,
    )
    assert ACTIVE is world.submit(seventh).state
    with pytest.raises(NotEligible, match="C22"):
        world.decide(world.submission(world.application("wanshitong", member="M2")))


@pytest.mark.parametrize(
    ("state", "takes_place"),
    [(s, s in OPEN_STATES) for s in BindingState],
    ids=[s.name.lower() for s in BindingState],
)
def test_who_takes_a_place(state: BindingState, *, takes_place: bool) -> None:
    """A place is takes_place from submission until an application is refused or expired or a
    binding ended."""
    world = Applicants()
    for binding in family(world, 6)[:1]:
        world.add(replace(binding, state=state))
    try:
        world.decide(world.submission(world.application("wanshitong")))
    except NotEligible:
        assert takes_place
    else:
        assert not takes_place


def test_an_expired_application_takes_no_place() -> None:
    """What nobody answered in time frees its place and its pair without anybody writing it
    down; until then the pair is refused under the clause on pairs alone."""
    world = Applicants("anqing")
    world.submit(world.application("minip_wechat"))
    world.now += 30 * DAY - INSTANT
    with pytest.raises(NotEligible, match="该成员已绑定或正在办理") as refused:
        world.decide(world.submission(world.application("minip_wechat")))
    assert [("unbinding", ("T47",))] == [
        (c.hook, c.clauses) for c in refused.value.conditions
    ]

    world.now += INSTANT
    assert REVIEWED is world.submit(world.application("minip_wechat")).state


def test_two_submissions_of_one_pair() -> None:
    """Of two applications of one pair in one batch the first wins, and the second is
    told its number."""
    world = Applicants()
    first = world.submission(world.application("wanshitong"))
    second = world.submission(world.application("minip_wechat"))
    facts = world.facts([*first.needs(world.facts(())), *second.needs(world.facts(()))])
    won = first.decide(facts)
    facts.write(won.records)

    with pytest.raises(NotEligible, match=f"绑定编号 {won.answer.binding_id}"):
        second.decide(facts)


def test_pre_check() -> None:
    """A decision is pure: asked before and asked for good, on the same facts, it is the same."""
    world = Applicants("anqing")
    command = world.submission(world.application("minip_wechat"))
    before = world.decide(command)

    assert not world.all(Binding)
    assert before.answer == world.do(command)
    assert {"H", "M"} == {p.person_no for p in world.all(Person)}
