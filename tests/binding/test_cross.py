"""A pair of two cities (异地共济): each is asked about its own person, and both must agree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace as with_fields
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from gongji.binding.life import as_of
from gongji.binding.status import status_of
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.conditions import ConditionCode, StepAction
from gongji.model.people import Kin
from gongji.model.refusals import NotEligible
from gongji.rules.channels import (
    AtOnce,
)
from gongji.rules.codes import BindingState
from msgspec.structs import replace

from tests.binding.answers import HERE, THERE, Answers, accepted
from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
    answered,
    answering,
    cities,
)

# --- both agree, or both refuse -------------------------------------------------------


def agreed(holders: Answers, members: Answers) -> bool:
    """Whether both agree to two married employees, each bound to one other already."""
    holder_may = holders.employees_give and holders.places >= 2
    member_may = members.employees_use and members.givers >= 2
    pair_may = all(
        city.spouses and city.whole_province and city.wanshitong
        for city in (holders, members)
    )
    return holder_may and member_may and pair_may


def test_the_shipped_cities_agree() -> None:
    """Of every two shipped cities an application is accepted iff both agree."""
    found = {
        (here, there): _applied(cities(), here, there) is not None
        for here, there in permutations(PLACES, 2)
    }
    named = cities().named
    model = {
        (here, there): agreed(Answers.of(named(here)), Answers.of(named(there)))
        for here, there in found
    }
    assert model == found
    assert {("anqing", "huangshan"), ("huangshan", "anqing")} == {
        pair for pair, agree in found.items() if agree
    }


def random_pairs() -> Iterator[tuple[Answers, Answers]]:
    chance = random.Random(20250930)  # noqa: S311 - a test's chances
    for _ in range(20):
        yield Answers.any(chance), Answers.any(chance)


def test_any_two_cities_agree_or_both_refuse() -> None:
    """Under any two cities' rules it is accepted iff both agree; a city that refuses is
    named, and no other."""
    results = set()
    for here, there in random_pairs():
        binding = _applied(_served(here, there), HERE, THERE)
        assert agreed(here, there) is (binding is not None), (here, there)
        results.add(binding is not None)
    assert {True, False} == results


def _served(here: Answers, there: Answers) -> Cities:
    """Two cities with these answers."""
    changed = [
        answering(pinyin, **answers.values(pinyin)).named(pinyin)
        for pinyin, answers in ((HERE, here), (THERE, there))
    ]
    return Cities(tuple(changed))


def _applied(served: Cities, here: str, there: str) -> Binding | None:
    world = Applicants(here, member={"place": PLACES[there]})
    # As the shipped cities ask: with all that any of them does.
    application = world.application("wanshitong")
    for number, place in (("X", here), ("Y", there)):
        world.person(number, place=PLACES[place])
    world.bind("H", "Y", TUESDAY)
    world.bind("X", "M", TUESDAY)
    world.cities = served
    return accepted(world, application)


# --- what is told ---------------------------------------------------------------------


def refusal(world: Applicants, **changes: Any) -> NotEligible:
    """Why an application through Wanshitong is refused."""
    application = replace(world.application("wanshitong"), **changes)
    with pytest.raises(NotEligible) as refused:
        world.decide(world.submission(application))
    return refused.value


def test_the_city_that_refuses_is_named() -> None:
    """Chuzhou refuses Anqing's holder (C27): by code and name, with what would help."""
    told = refusal(Applicants("anqing", member={"place": "341102"}))
    (condition,) = told.conditions
    assert ("341100", ConditionCode.OUT_OF_SCOPE) == (condition.city, condition.code)
    assert "滁州市（341100）：" in told.message
    assert {"C27", "C28"} == {clause.id for clause in told.clauses}
    assert told.ways


def test_each_city_speaks_for_itself() -> None:
    """Two that refuse are named both, each with its own clause."""
    relation = {"relation": "97"}
    told = refusal(Applicants(HERE, member={"place": PLACES["chuzhou"]}), **relation)
    said = {(c.code.name, c.city) for c in told.conditions}
    refusing = {("RELATION_NOT_ADMITTED", c) for c in ("340800", "341100")}
    assert refusing | {("OUT_OF_SCOPE", "341100")} == said


FAR = {
    "another province": ("320100", ConditionCode.OUT_OF_SCOPE, ""),
    "a city that is not served": ("340100", ConditionCode.CITY_NOT_SERVED, "340100"),
    "a city that refuses": ("341102", ConditionCode.OUT_OF_SCOPE, "341100"),
}


@pytest.mark.parametrize("named", FAR)
def test_the_wallet_serves_instead(named: str) -> None:
    """Whoever is too far, or in a city that cannot be asked, is told of the wallet; not
    if the two are no relatives, between whom nothing is transferred."""
    place, code, city = FAR[named]
    world = Applicants(HERE, member={"place": place})
    told = refusal(world)
    (condition,) = told.conditions
    assert (code, city) == (condition.code, condition.city)
    assert [StepAction.OPEN_WALLET, StepAction.TRANSFER] == [
        step.action for step in condition.instead
    ]
    assert "医保钱包" in told.metadata["help"]
    strangers = refusal(world, relation="97")
    assert not any(c.instead for c in strangers.conditions)


def test_a_strangers_city_is_not_told() -> None:
    """What the member's city says is told to whoever names the member right, else only
    that the details are wrong or missing."""
    world = Applicants(HERE, member={"place": PLACES["chuzhou"]})
    details = world.application("wanshitong").member_details
    for wrong in (replace(details, name="某某某"), replace(details, name="")):
        told = refusal(world, member_details=wrong)
        assert "滁州" not in told.message
        assert {"fields_asked"} == {c.hook for c in told.conditions}


# --- the life of a binding of two cities ----------------------------------------------


def test_a_review_is_due_on_the_later_day() -> None:
    """It is reviewed if either city asks for it, once, and due on the later of both days."""
    at_once = {
        key: with_fields(latency, at_once=AtOnce.ALWAYS, working_days=0)
        for key, latency in answered(THERE, "review_latency").items()
    }
    kin = (Kin("M", "10", "登记"),)
    for served, state, days in (
        (cities(), BindingState.UNDER_REVIEW, 3),
        (answering(THERE, review_latency=at_once), BindingState.ACTIVE, 0),
    ):
        world = Applicants(
            HERE, holder={"kin": kin}, member={"place": PLACES[THERE]}, served=served
        )
        binding = world.submit(world.application("wanshitong"))
        assert state is binding.state
        expected = (
            world.workdays.due(TUESDAY, days, answered(THERE, "deadlines")).at
            if days
            else None
        )
        assert expected == binding.review_due_at


def test_what_one_city_ends_has_ended_in_both() -> None:
    """Refused, expired and unbound, it is one binding: both see it closed."""
    for end in (_refused, _expired, _unbound):
        world = Applicants(HERE, member={"place": PLACES[THERE]})
        binding = world.submit(world.application("wanshitong"))
        assert ("340800", "341000") == binding.areas
        stands = end(world, binding)
        assert stands.state in {
            BindingState.REFUSED,
            BindingState.EXPIRED,
            BindingState.ENDED,
        }
        assert ("340800", "341000") == stands.areas
        again = replace(world.application("wanshitong"), relation="10")
        assert accepted(world, again) is not None


def _refused(world: Applicants, binding: Binding) -> Binding:
    return world.do(
        world.review(
            binding.binding_id, approve=False, reason_code="RELATION_NOT_PROVED"
        )
    )


def _expired(world: Applicants, binding: Binding) -> Binding:
    assert binding.expires_at is not None
    world.now = binding.expires_at + timedelta(seconds=1)
    return as_of(binding, world.now)


def _unbound(world: Applicants, binding: Binding) -> Binding:
    world.do(world.review(binding.binding_id, approve=True))
    return world.do(world.unbind(binding.binding_id))


def test_either_city_lets_a_binding_go() -> None:
    """A move that one of the two cities refuses ends it, one to a city that is not served
    suspends it; one that the holder's city alone accepted, once, goes on as that says."""
    for place, state in (
        ("340200", BindingState.SUSPENDED),
        ("341102", BindingState.ENDED),
        ("340803", BindingState.ACTIVE),
    ):
        world = Applicants(HERE, member={"place": PLACES[THERE]})
        binding = world.submit(world.application("wanshitong"))
        active = world.do(world.review(binding.binding_id, approve=True))
        moved = replace(world.get("M"), first_place=place)
        pair = (world.get("H"), moved, cities(), world.now.date())
        assert state is status_of(active, *pair).state, place
        of_once = replace(active, asked_both=False)
        assert BindingState.ACTIVE is status_of(of_once, *pair).state
