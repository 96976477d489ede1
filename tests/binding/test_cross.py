"""A pair of two cities (异地共济): each is asked about its own person, and both must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace as with_fields
from datetime import time, timedelta
from itertools import permutations
from typing import Any, NamedTuple

import pytest
from gongji.binding.asked import ASKED_OF, BOTH, Side
from gongji.binding.life import as_of
from gongji.binding.status import status_of
from gongji.cities.city import Cities, City, periods_of
from gongji.model.binding import Application, Binding
from gongji.model.conditions import ConditionCode, StepAction
from gongji.model.people import Kin
from gongji.model.refusals import NotEligible, UnknownChannel
from gongji.rules.binding import (
    DIRECT,
    NO_LIMIT,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    LapsedPlaces,
    NotOffered,
    RelationSet,
    Scope,
)
from gongji.rules.channels import (
    AtOnce,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import BindingState, EnrolmentStatus, Purpose, Scheme
from gongji.rules.hookspecs import DATED_HOOKS, CityRules
from msgspec.structs import replace

from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
    cities,
    enrolled,
)

HERE, THERE = "anqing", "huangshan"
"""The holder's and the member's city: they agree to each other's people."""

KEYED = ("channels", "identity_checks", "fields_asked", "materials", "review_latency")
"""The hooks that answer by channel."""


def answered(pinyin: str, hook: str) -> Any:
    """What a city answers on the day."""
    rules = cities().named(pinyin).rules(TUESDAY.date())
    return rules.value(getattr(CityRules, hook))


def other(pinyin: str, **values: Any) -> Cities:
    """The installed cities, one of them with other values, its clauses as they are."""
    city = cities().named(pinyin)
    rules = city.rules(TUESDAY.date())
    ruled = {hook: rules.answer(getattr(CityRules, hook)) for hook in values}
    changed = {hook: (with_fields(ruled[hook], value=v),) for hook, v in values.items()}
    timelines = {**city.timelines, **changed}
    # As `city_from` would load it, but many times faster.
    periods = periods_of(timelines, lambda *_: False)
    another = with_fields(city, timelines=timelines, _periods=periods)
    return Cities(tuple(another if c is city else c for c in cities().all))


def by_channel(value: Any) -> Callable[[str], dict[str, Any]]:
    """The same value for each of a city's channels."""
    return lambda pinyin: dict.fromkeys(answered(pinyin, "channels"), value)


def terms(*schemes: Scheme) -> EnrolmentTerms:
    return EnrolmentTerms(schemes=frozenset(schemes))


class Other(NamedTuple):
    """Another answer of a hook, and of whom it is asked; `also` are further hooks of it."""

    value: Callable[[str], Any]
    sides: frozenset[Side]
    also: Mapping[str, Callable[[str], Any]] = {}
    bound: bool = False
    faulty: bool = False


def fixed(value: Any) -> Callable[[str], Any]:
    return lambda _: value


HOLDERS, MEMBERS = frozenset({Side.HOLDER}), frozenset({Side.MEMBER})


def without_wanshitong(hook: str) -> Callable[[str], Any]:
    def left(pinyin: str) -> Any:
        declared = answered(pinyin, hook)
        return {key: value for key, value in declared.items() if key != "wanshitong"}

    return left


def _a_clause() -> Clause:
    return cities().named(HERE).clause("A9")


def _refused_note(pinyin: str) -> Any:
    return tuple(with_fields(n, when_refused=True) for n in answered(pinyin, "notes"))


OTHERS: dict[str, Other] = {
    "holder_terms": Other(fixed(terms(Scheme.RESIDENT)), HOLDERS),
    "member_terms: enrolment": Other(
        fixed(
            {
                Purpose.VISIT: terms(Scheme.RESIDENT),
                Purpose.RESIDENT_PREMIUM: terms(Scheme.RESIDENT),
            }
        ),
        MEMBERS,
    ),
    "member_terms: offered": Other(
        lambda _: {
            Purpose.VISIT: NotOffered(_a_clause()),
            Purpose.RESIDENT_PREMIUM: NotOffered(_a_clause()),
        },
        BOTH,
    ),
    "relations": Other(fixed(RelationSet(name="子女", codes=frozenset({"20"}))), BOTH),
    "marriage": Other(
        lambda pinyin: with_fields(
            answered(pinyin, "marriage"), husband_years=99, wife_years=99
        ),
        BOTH,
    ),
    "scope": Other(fixed(Scope.POOLING_AREA), BOTH),
    "family_limit": Other(fixed(FamilyLimit(people=1, counting_holder=True)), HOLDERS),
    "giver_limit": Other(fixed(GiverLimit(givers=1)), MEMBERS, bound=True),
    "channels": Other(
        without_wanshitong("channels"),
        BOTH,
        {hook: without_wanshitong(hook) for hook in KEYED[1:]},
    ),
    "identity_checks": Other(by_channel(frozenset({IdentityCheck.E_VOUCHER})), HOLDERS),
    "fields_asked": Other(by_channel(frozenset({MemberField.PHONE})), HOLDERS),
    "materials": Other(
        by_channel(
            (
                MaterialNeed(
                    name="社保卡", one_of=(MaterialKind.HOLDER_SOCIAL_SECURITY_CARD,)
                ),
            )
        ),
        MEMBERS,
    ),
    "agreement": Other(
        lambda pinyin: with_fields(answered(pinyin, "agreement"), version="9999"),
        HOLDERS,
    ),
    "consent": Other(
        lambda pinyin: with_fields(
            answered(pinyin, "consent"), guardian_below_years=99
        ),
        MEMBERS,
    ),
    "review_latency": Other(
        lambda pinyin: {
            key: with_fields(latency, at_once=AtOnce.NEVER, working_days=9)
            for key, latency in answered(pinyin, "review_latency").items()
        },
        BOTH,
    ),
    "deadlines": Other(
        lambda pinyin: with_fields(answered(pinyin, "deadlines"), due_at=time(23)),
        BOTH,
    ),
    "application_expiry": Other(fixed(99), HOLDERS),
    "unbinding": Other(
        lambda pinyin: with_fields(
            answered(pinyin, "unbinding"), again_clauses=(_a_clause(),)
        ),
        HOLDERS,
        bound=True,
    ),
    "notes": Other(_refused_note, HOLDERS, faulty=True),
}
"""For every hook of a binding an answer by which another thing becomes of an application."""


def outcome(served: Cities, row: Other) -> tuple[object, ...]:
    """What becomes of the pair's application when these cities are served."""
    world = Applicants(HERE, member={"place": PLACES[THERE]})
    application = world.application("wanshitong")
    if row.faulty:
        application = replace(application, relation="97")
    if row.bound:
        world.person("X", place=PLACES[HERE])
        world.bind("X", "M", TUESDAY)
        world.bind("H", "M", TUESDAY)
    world.cities = served
    try:
        binding = world.decide(world.submission(application)).answer
    except UnknownChannel as refused:
        return (refused.reason(),)
    except NotEligible as refused:
        told = [(c.code, c.city, c.clauses) for c in refused.conditions]
        return (tuple(told), refused.metadata["help"])
    return (binding.state, binding.review_due_at, binding.expires_at)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("named", OTHERS)
def test_a_hook_is_asked_of_its_city(named: str, side: Side) -> None:
    """Another answer of a city that is asked changes what comes of an application, one of
    the other city changes nothing."""
    row, hook = OTHERS[named], named.partition(":")[0]
    pinyin = HERE if side is Side.HOLDER else THERE
    values = {hook: row.value(pinyin)}
    values |= {more: value(pinyin) for more, value in row.also.items()}
    changed = outcome(cities(), row) != outcome(other(pinyin, **values), row)
    assert changed is (side in row.sides)


def test_a_place_that_has_lapsed() -> None:
    """Whether it is free the holder's city says of the family, the member's of givers."""
    for side, limits in (
        (Side.HOLDER, {"family_limit": FamilyLimit(people=1, counting_holder=False)}),
        (Side.MEMBER, {"giver_limit": GiverLimit(givers=1)}),
    ):
        pinyin = HERE if side is Side.HOLDER else THERE
        for lapsed in LapsedPlaces:
            served = other(pinyin, **limits, lapsed_places=lapsed)
            beside = _accepted_beside_a_lapsed_one(served)
            assert beside is (lapsed is LapsedPlaces.FREED), (side, lapsed)


def _accepted_beside_a_lapsed_one(served: Cities) -> bool:
    """Whether a pair is bound of whom each has one suspended binding."""
    world = Applicants(HERE, member={"place": PLACES[THERE]}, served=served)
    application = world.application("wanshitong")
    paused = {"enrolments": enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)}
    world.person("X", place=PLACES[HERE], **paused)
    world.bind("H", "X", TUESDAY)
    world.bind("X", "M", TUESDAY)
    return accepted(world, application) is not None


def test_every_hook_is_asked_of_somebody() -> None:
    """The table names every hook, and the law above tries all that a binding asks."""
    tried = {named.partition(":")[0] for named in OTHERS}
    assert set(DATED_HOOKS) == set(ASKED_OF)
    of_settling = {
        *("reimbursement", "exclusions", "out_of_area", "purse_order", "reversal"),
        *("uses", "account_crediting", "credit_day", "premiums", "wallet_terms"),
        *("wallet", "enquiries"),
    }
    assert set(DATED_HOOKS) == tried | of_settling | {"lapsed_places"}
    assert all(ASKED_OF[n] == row.sides for n, row in OTHERS.items() if ":" not in n)


# --- both agree, or both refuse -------------------------------------------------------


def accepted(world: Applicants, application: Application) -> Binding | None:
    """The binding; None if it is refused, and then nothing is left behind."""
    try:
        return world.decide(world.submission(application)).answer
    except (NotEligible, UnknownChannel) as caught:
        refused = caught
    assert () == refused.leaves
    return None


class Answers(NamedTuple):
    """What one city answers, in plain words: the model below knows no more of it."""

    employees_give: bool
    employees_use: bool
    spouses: bool
    whole_province: bool
    places: int
    givers: int
    wanshitong: bool

    @classmethod
    def of(cls, city: City) -> Answers:
        """Those of a shipped city."""
        rules = city.rules(TUESDAY.date())
        use = rules.value(CityRules.member_terms)[Purpose.VISIT]
        limit = rules.value(CityRules.family_limit)
        givers = rules.value(CityRules.giver_limit)
        return cls(
            Scheme.EMPLOYEE in rules.value(CityRules.holder_terms).schemes,
            isinstance(use, EnrolmentTerms) and Scheme.EMPLOYEE in use.schemes,
            "10" in rules.value(CityRules.relations).codes,
            rules.value(CityRules.scope) is Scope.PROVINCE,
            limit.members if isinstance(limit, FamilyLimit) else 99,
            givers.givers if isinstance(givers, GiverLimit) else 99,
            "wanshitong" in rules.value(CityRules.channels),
        )

    @classmethod
    def any(cls, chance: random.Random) -> Answers:
        """Any, each of which mostly admits the pair."""
        yes = [chance.random() < 0.9 for _ in range(5)]
        few = [chance.choice((1, 2, 99, 99)) for _ in range(2)]
        return cls(yes[0], yes[1], yes[2], yes[3], few[0], few[1], yes[4])

    def values(self, pinyin: str) -> dict[str, Any]:
        """The same as hooks of a city."""
        give = Scheme.EMPLOYEE if self.employees_give else Scheme.RESIDENT
        use = Scheme.EMPLOYEE if self.employees_use else Scheme.RESIDENT
        limit = FamilyLimit(people=self.places, counting_holder=False)
        values: dict[str, Any] = {
            "holder_terms": terms(give),
            "member_terms": {
                Purpose.VISIT: terms(use),
                Purpose.RESIDENT_PREMIUM: terms(use),
            },
            "relations": DIRECT
            if self.spouses
            else RelationSet(name="子女", codes=frozenset({"20"})),
            "scope": Scope.PROVINCE if self.whole_province else Scope.POOLING_AREA,
            "family_limit": limit if self.places < 99 else NO_LIMIT,
            "giver_limit": GiverLimit(givers=self.givers)
            if self.givers < 99
            else NO_LIMIT,
        }
        if not self.wanshitong:
            values |= {hook: without_wanshitong(hook)(pinyin) for hook in KEYED}
        return values


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
        other(pinyin, **answers.values(pinyin)).named(pinyin)
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
        (other(THERE, review_latency=at_once), BindingState.ACTIVE, 0),
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
