"""What two cities answer about a pair, for tests of who agrees."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from gongji.cities.city import City
from gongji.model.binding import Application, Binding
from gongji.model.refusals import NotEligible, UnknownChannel
from gongji.rules.binding import (
    DIRECT,
    NO_LIMIT,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    RelationSet,
    Scope,
)
from gongji.rules.codes import Purpose, Scheme
from gongji.rules.hookspecs import CityRules

from tests.binding.applying import (
    TUESDAY,
    Applicants,
    answered,
)

HERE, THERE = "anqing", "huangshan"
"""The holder's and the member's city: they agree to each other's people."""

KEYED = ("channels", "identity_checks", "fields_asked", "materials", "review_latency")
"""The hooks that answer by channel."""


def terms(*schemes: Scheme) -> EnrolmentTerms:
    return EnrolmentTerms(schemes=frozenset(schemes))


def without_wanshitong(hook: str) -> Callable[[str], Any]:
    def left(pinyin: str) -> Any:
        declared = answered(pinyin, hook)
        return {key: value for key, value in declared.items() if key != "wanshitong"}

    return left


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
