"""Which city each question on a pair of two is asked (异地共济)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace as with_fields
from datetime import time
from typing import Any, NamedTuple

import pytest
from gongji.binding.asked import ASKED_OF, BOTH, Side
from gongji.cities.city import Cities
from gongji.model.refusals import NotEligible, UnknownChannel
from gongji.rules.binding import (
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
from gongji.rules.codes import EnrolmentStatus, Purpose, Scheme
from gongji.rules.hookspecs import DATED_HOOKS
from msgspec.structs import replace

from tests.binding.answers import (
    HERE,
    KEYED,
    THERE,
    accepted,
    terms,
    without_wanshitong,
)
from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
    answered,
    answering,
    cities,
    enrolled,
)


def by_channel(value: Any) -> Callable[[str], dict[str, Any]]:
    """The same value for each of a city's channels."""
    return lambda pinyin: dict.fromkeys(answered(pinyin, "channels"), value)


class AnotherAnswer(NamedTuple):
    """Another answer of a hook, and of whom it is asked; `also` are further hooks of it."""

    value: Callable[[str], Any]
    sides: frozenset[Side]
    also: Mapping[str, Callable[[str], Any]] = {}
    bound: bool = False
    faulty: bool = False


def fixed(value: Any) -> Callable[[str], Any]:
    return lambda _: value


HOLDERS, MEMBERS = frozenset({Side.HOLDER}), frozenset({Side.MEMBER})


def _a_clause() -> Clause:
    return cities().named(HERE).clause("A9")


def _refused_note(pinyin: str) -> Any:
    return tuple(with_fields(n, when_refused=True) for n in answered(pinyin, "notes"))


OTHERS: dict[str, AnotherAnswer] = {
    "holder_terms": AnotherAnswer(fixed(terms(Scheme.RESIDENT)), HOLDERS),
    "member_terms: enrolment": AnotherAnswer(
        fixed(
            {
                Purpose.VISIT: terms(Scheme.RESIDENT),
                Purpose.RESIDENT_PREMIUM: terms(Scheme.RESIDENT),
            }
        ),
        MEMBERS,
    ),
    "member_terms: offered": AnotherAnswer(
        lambda _: {
            Purpose.VISIT: NotOffered(_a_clause()),
            Purpose.RESIDENT_PREMIUM: NotOffered(_a_clause()),
        },
        BOTH,
    ),
    "relations": AnotherAnswer(
        fixed(RelationSet(name="子女", codes=frozenset({"20"}))), BOTH
    ),
    "marriage": AnotherAnswer(
        lambda pinyin: with_fields(
            answered(pinyin, "marriage"), husband_years=99, wife_years=99
        ),
        BOTH,
    ),
    "scope": AnotherAnswer(fixed(Scope.POOLING_AREA), BOTH),
    "family_limit": AnotherAnswer(
        fixed(FamilyLimit(people=1, counting_holder=True)), HOLDERS
    ),
    "giver_limit": AnotherAnswer(fixed(GiverLimit(givers=1)), MEMBERS, bound=True),
    "channels": AnotherAnswer(
        without_wanshitong("channels"),
        BOTH,
        {hook: without_wanshitong(hook) for hook in KEYED[1:]},
    ),
    "identity_checks": AnotherAnswer(
        by_channel(frozenset({IdentityCheck.E_VOUCHER})), HOLDERS
    ),
    "fields_asked": AnotherAnswer(by_channel(frozenset({MemberField.PHONE})), HOLDERS),
    "materials": AnotherAnswer(
        by_channel(
            (
                MaterialNeed(
                    name="社保卡", one_of=(MaterialKind.HOLDER_SOCIAL_SECURITY_CARD,)
                ),
            )
        ),
        MEMBERS,
    ),
    "agreement": AnotherAnswer(
        lambda pinyin: with_fields(answered(pinyin, "agreement"), version="9999"),
        HOLDERS,
    ),
    "consent": AnotherAnswer(
        lambda pinyin: with_fields(
            answered(pinyin, "consent"), guardian_below_years=99
        ),
        MEMBERS,
    ),
    "review_latency": AnotherAnswer(
        lambda pinyin: {
            key: with_fields(latency, at_once=AtOnce.NEVER, working_days=9)
            for key, latency in answered(pinyin, "review_latency").items()
        },
        BOTH,
    ),
    "deadlines": AnotherAnswer(
        lambda pinyin: with_fields(answered(pinyin, "deadlines"), due_at=time(23)),
        BOTH,
    ),
    "application_expiry": AnotherAnswer(fixed(99), HOLDERS),
    "unbinding": AnotherAnswer(
        lambda pinyin: with_fields(
            answered(pinyin, "unbinding"), again_clauses=(_a_clause(),)
        ),
        HOLDERS,
        bound=True,
    ),
    "notes": AnotherAnswer(_refused_note, HOLDERS, faulty=True),
}
"""For every hook of a binding an answer by which another thing becomes of an application."""


def outcome(served: Cities, row: AnotherAnswer) -> tuple[object, ...]:
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
    changed = outcome(cities(), row) != outcome(answering(pinyin, **values), row)
    assert changed is (side in row.sides)


def test_a_place_that_has_lapsed() -> None:
    """Whether it is free the holder's city says of the family, the member's of givers."""
    for side, limits in (
        (Side.HOLDER, {"family_limit": FamilyLimit(people=1, counting_holder=False)}),
        (Side.MEMBER, {"giver_limit": GiverLimit(givers=1)}),
    ):
        pinyin = HERE if side is Side.HOLDER else THERE
        for lapsed in LapsedPlaces:
            served = answering(pinyin, **limits, lapsed_places=lapsed)
            beside = _accepted_beside_a_lapsed_one(served)
            assert beside is (lapsed is LapsedPlaces.FREED), (side, lapsed)


def _accepted_beside_a_lapsed_one(served: Cities) -> bool:
    """Whether a pair is bound of whom each has one suspended binding."""
    world = Applicants(HERE, member={"place": PLACES[THERE]}, served=served)
    application = world.application("wanshitong")
    paused: dict[str, Any] = {
        "enrolments": enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)
    }
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
        *("wallet", "enquiries", "visit_evidence"),
    }
    assert set(DATED_HOOKS) == tried | of_settling | {"lapsed_places"}
    assert all(ASKED_OF[n] == row.sides for n, row in OTHERS.items() if ":" not in n)
