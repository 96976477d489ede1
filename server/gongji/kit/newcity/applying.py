"""Through which channel the cases of a new city apply, and what a whole application
brings there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from gongji.binding.workdays import Workdays
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.reading import CHECKS, FIELDS, MATERIALS, ORIGINAL
from gongji.rules.channels import (
    Asked,
    AtOnce,
    Channel,
    CounterHours,
    IdentityCheck,
    MaterialNeed,
    MemberField,
    ReviewLatency,
)
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules

_CHECK_WORDS: Final = {check: word for word, check in CHECKS.items()}

_FIELD_WORDS: Final = {asked: word for word, asked in FIELDS.items()}

_MATERIAL_WORDS: Final = {kind: word for word, kind in MATERIALS.items()}

EFFECTIVE, UNDER_REVIEW = "已生效", "审核中"

_SATURDAY: Final = 5

_ORDINARY_WEEKS: Final = 2

_SEARCHED_WEEKS: Final = 26


@dataclass(frozen=True, slots=True)
class Way:
    """One channel with what it asks for."""

    id: str
    channel: Channel
    checks: frozenset[IdentityCheck]
    fields: frozenset[MemberField]
    materials: tuple[MaterialNeed, ...]
    review: ReviewLatency

    @classmethod
    def through(cls, policy: Policy, number: str) -> Way:
        """The channel of that id as the city has it."""
        return cls(
            number,
            policy.value(CityRules.channels)[number],
            policy.value(CityRules.identity_checks)[number],
            policy.value(CityRules.fields_asked)[number],
            policy.value(CityRules.materials)[number],
            policy.value(CityRules.review_latency)[number],
        )

    def state(self, *, on_record: bool = False) -> str:
        """How a whole application comes out; `on_record` where the registry knows the relation."""
        at_once = self.review.at_once
        passes = at_once is AtOnce.ALWAYS or (
            at_once is AtOnce.IF_CHECKS_PASS and on_record
        )
        return EFFECTIVE if passes else UNDER_REVIEW

    def proofs(self, *, on_record: bool = False) -> list[str]:
        """The materials a whole application brings, as a case names them."""
        asked = [
            need
            for need in self.materials
            if need.asked is Asked.ALWAYS or not on_record
        ]
        return list(dict.fromkeys(proofs_of(need)[0] for need in asked))

    def bind(
        self,
        holder: str,
        member: str,
        relation: str,
        *,
        on_record: bool = False,
        **other: Any,
    ) -> dict[str, Any]:
        """A whole application as a step of a case."""
        application: dict[str, Any] = {
            "holder": holder,
            "member": member,
            "relation": relation,
            "channel": self.id,
        }
        application["consent"] = "本人"
        if proofs := self.proofs(on_record=on_record):
            application["materials"] = proofs
        return {"bind": application | other}

    def open_at(self, day: date) -> datetime:
        """An instant of that day at which the channel takes applications, if the day is
        a working one."""
        hours = self.channel.hours
        opens = hours.opens if isinstance(hours, CounterHours) else time(10)
        return datetime.combine(day, opens)


def proofs_of(need: MaterialNeed) -> list[str]:
    """Every kind that meets a need, as a case names it."""
    return [
        _MATERIAL_WORDS[kind] + (ORIGINAL if need.original else "")
        for kind in need.one_of
    ]


def not_eligible(hook: str, cited: Sequence[Clause]) -> dict[str, Any]:
    """What is expected where one condition is not met."""
    expect: dict[str, Any] = {"refused": "NOT_ELIGIBLE", "conditions": [hook]}
    return expect | ({"clauses": [clause.id for clause in cited]} if cited else {})


def elsewhere(area_code: str) -> str:
    """Another city of the province."""
    return "340100" if not area_code.startswith("3401") else "340200"


def check_words(checks: frozenset[IdentityCheck]) -> list[str]:
    """Identity checks as a case names them."""
    return [_CHECK_WORDS[check] for check in IdentityCheck if check in checks]


def field_words(asked: frozenset[MemberField]) -> list[str]:
    """Fields as people call them."""
    return [_FIELD_WORDS[each] for each in MemberField if each in asked]


def ordinary_monday(since: date) -> date:
    """The first Monday from that day on that begins two ordinary weeks; where there is
    none soon, the next Monday."""
    first = since + timedelta(days=-since.weekday() % 7)
    mondays = (first + timedelta(weeks=week) for week in range(_SEARCHED_WEEKS))
    return next(
        (monday for monday in mondays if is_ordinary(monday, _ORDINARY_WEEKS)), first
    )


def is_ordinary(monday: date, weeks: int) -> bool:
    """Whether people work from Monday to Friday, and on those days only, for so many weeks."""
    workdays = Workdays()
    days = (monday + timedelta(days=number) for number in range(7 * weeks))
    return all(workdays.is_working(day) == (day.weekday() < _SATURDAY) for day in days)


def due(monday: date, working_days: int) -> datetime | None:
    """The close of the n-th working day after a Monday; None where a holiday comes between."""
    weeks, rest = divmod(working_days, _SATURDAY)
    if not is_ordinary(monday, weeks + 1):
        return None
    return datetime.combine(monday + timedelta(days=7 * weeks + rest), time(17))
