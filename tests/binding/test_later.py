"""Consent and approval ask again, on the facts of the moment, whatever can have changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import chain

import pytest
from gongji.binding.eligibility import CONDITIONS
from gongji.binding.submission import OF_SUBMISSION
from gongji.model.binding import Binding
from gongji.model.commands import Command
from gongji.model.conditions import FieldRef, StepAction, WayStep
from gongji.model.people import Kin, Person
from gongji.model.refusals import NotEligible
from gongji.rules.binding import FamilyLimit, GiverLimit
from gongji.rules.clauses import Clause, ruled
from gongji.rules.codes import BindingState, ConsentMethod
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants, with_values
from tests.scaffold.people import identity_number

TEST = Clause("W1", "测试的条款。", "测试")
SERVED = with_values(
    "anqing",
    {
        "family_limit": ruled(
            FamilyLimit(people=1, counting_holder=False),
            since="2022-07-01",
            clauses=[TEST],
        ),
        "giver_limit": ruled(GiverLimit(givers=1), since="2022-07-01", clauses=[TEST]),
    },
)
"""Anqing with one member a holder and one holder a member."""


Change = Callable[[Applicants, Binding], None]
"""Changes something after the submission."""


def person(**changes: object) -> Change:
    """Change the member; with `holder` the holder."""
    number = "H" if changes.pop("holder", False) else "M"
    return lambda world, _: world.add(replace(world.get(number), **changes))


def binding(**changes: object) -> Change:
    """Change what the binding keeps of the application."""
    return lambda world, stored: world.add(replace(stored, **changes))


def another(holder: str, member: str) -> Change:
    """Bind two people meanwhile."""
    return lambda world, _: world.add(world.bind(holder, member, TUESDAY))


def another_spouse(holder: str) -> Change:
    """Marry the member to another meanwhile."""
    return lambda world, _: world.add(
        world.bind("M", holder, TUESDAY, relation="10", binding_id="BZ")
    )


def reported(check: str) -> Change:
    """Report an identity check of the member that the city does not take."""

    def change(world: Applicants, stored: Binding) -> None:
        world.member_checks = frozenset({check})
        if stored.consent is not None:
            world.add(replace(stored, consent=world.consent()))

    return change


def both(first: Change, second: Change) -> Change:
    """Change two things."""

    def change(world: Applicants, stored: Binding) -> None:
        first(world, stored)
        second(world, stored)

    return change


CHILD = replace(
    Applicants().get("M").certificate, number=identity_number(1, born="20100101")
)

OLD = replace(CHILD, number=identity_number(1, born="19500101"))
YOUNG = replace(CHILD, number=identity_number(2, born="20060101"))

LATER: dict[str, tuple[Change, str]] = {
    "same_person": (binding(member="H"), "relations"),
    "alive": (person(died_on=TUESDAY.date() - timedelta(days=1)), "member_terms"),
    "holder_enrolled": (person(holder=True, enrolments=()), "holder_terms"),
    "member_enrolled": (person(enrolments=()), "member_terms"),
    "related": (person(holder=True, kin=(Kin("M", "20", "户籍"),)), "relations"),
    "born_in_order": (
        both(binding(relation="20"), person(certificate=OLD)),
        "relations",
    ),
    "one_spouse": (another_spouse("Z"), "marriage"),
    "of_marriage_age": (person(certificate=YOUNG), "marriage"),
    "in_scope": (person(first_place="320100"), "scope"),
    "room_in_family": (another("H", "X"), "family_limit"),
    "room_with_member": (another("Y", "M"), "giver_limit"),
    "not_bound_yet": (another("H", "M"), "unbinding"),
    "channel_fits": (binding(channel="national_app"), ""),
    "identity_checked": (binding(channel="wanshitong"), ""),
    "details_right": (person(name="改名", phone="13800000009"), ""),
    "materials_complete": (binding(materials=()), ""),
    "agreement_accepted": (binding(agreement=None), ""),
    "guardian_consented": (person(certificate=CHILD), "consent"),
    "member_identified": (reported("face"), "consent"),
}
"""What changes after the submission, by condition, and the hook that refuses it then."""


def test_the_table_has_every_condition() -> None:
    """Each condition stands in the table; those not asked again are of the submission."""
    assert [check.__name__ for check in CONDITIONS] == list(LATER)
    unasked = {name for name, (_, hook) in LATER.items() if not hook}
    assert {check.__name__ for check in OF_SUBMISSION} == unasked


def waiting(world: Applicants, state: BindingState, relation: str = "10") -> Binding:
    """Return an application through the mini-program, stored in a state."""
    applied = world.submit(
        world.application("minip_wechat", consent=None, relation=relation)
    )
    consent = world.consent() if state is BindingState.UNDER_REVIEW else None
    stored = replace(applied, state=state, consent=consent)
    world.add(stored)
    return stored


STEPS: dict[str, tuple[BindingState, Callable[[Applicants, str], Command[Binding]]]] = {
    "consent": (
        BindingState.AWAITING_CONSENT,
        lambda world, number: world.record_consent(number),
    ),
    "approval": (
        BindingState.UNDER_REVIEW,
        lambda world, number: world.review(number, approve=True),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("condition", LATER)
def test_asked_again(condition: str, step: str) -> None:
    """A condition is asked again unless only the submission can meet it."""
    change, hook = LATER[condition]
    state, command = STEPS[step]
    world = Applicants("anqing", served=SERVED)
    stored = waiting(world, state)
    change(world, stored)
    query = command(world, stored.binding_id)
    if not hook:
        moved_on = world.decide(query).answer
        assert state is not moved_on.state
        return
    with pytest.raises(NotEligible) as refused:
        world.decide(query)
    assert hook in [condition.hook for condition in refused.value.conditions]
    assert refused.value.clauses
    for done in chain.from_iterable(refused.value.ways):
        assert can_be_done(done, step)


def can_be_done(done: WayStep, step: str) -> bool:
    """Whether a step leaves alone what was submitted: of facts, or of the consent asked for."""
    if done.action in {StepAction.REGISTER, StepAction.UNBIND}:
        return True
    paths = [field.path for field in done.fields]
    return step == "consent" and all(path.startswith("consent.") for path in paths)


def test_a_consent_given_as_the_way_says() -> None:
    """A consent that is refused tells how it would count, and so given it does."""
    world = Applicants("anqing", member={"certificate": CHILD})
    stored = waiting(world, BindingState.AWAITING_CONSENT, relation="20")
    with pytest.raises(NotEligible) as refused:
        world.decide(world.record_consent(stored.binding_id))
    ((step,),) = refused.value.ways
    assert (FieldRef("consent.method", "CONSENT_METHOD_GUARDIAN"),) == step.fields
    given = world.consent(ConsentMethod.GUARDIAN)
    consented = world.decide(world.record_consent(stored.binding_id, given)).answer
    assert BindingState.AWAITING_CONSENT is not consented.state


@pytest.mark.parametrize("step", STEPS)
def test_unchanged_passes(step: str) -> None:
    """Without any change nothing stands in the way, its own place least of all."""
    state, command = STEPS[step]
    world = Applicants("anqing", served=SERVED)
    stored = waiting(world, state)
    assert state is not world.decide(command(world, stored.binding_id)).answer.state


def test_anything_may_be_refused() -> None:
    """A reviewer refuses also what no longer meets a condition."""
    world = Applicants("anqing", served=SERVED)
    stored = waiting(world, BindingState.UNDER_REVIEW)
    world.add(replace(world.get("H"), enrolments=(), first_place="999999"))
    command = world.review(
        stored.binding_id, approve=False, reason_code="MEMBER_NOT_INSURED"
    )
    assert BindingState.REFUSED is world.decide(command).answer.state


def test_a_guardian_of_then_suffices() -> None:
    """A consent counts by the age of its day: a birthday before the approval changes nothing."""
    world = Applicants("anqing", member={"certificate": CHILD})
    stored = waiting(world, BindingState.UNDER_REVIEW, relation="20")
    by_guardian = world.consent(ConsentMethod.GUARDIAN)
    grown = replace(CHILD, number=identity_number(1, born="20071003"))
    world.add(
        replace(world.record(Person, "M"), certificate=grown),
        replace(stored, consent=by_guardian),
    )
    world.now += timedelta(days=5)
    command = world.review(stored.binding_id, approve=True)
    assert BindingState.ACTIVE is world.decide(command).answer.state
