"""Make the applications (申请) of a new city's cases, complete for their channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from gongji.binding.workdays import Workdays
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.reading import CHECKS, FIELDS, MATERIALS, ORIGINAL
from gongji.kit.newcity.telling import Step, expecting
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

_FIELD_WORDS: Final = {field: word for word, field in FIELDS.items()}

_MATERIAL_WORDS: Final = {kind: word for word, kind in MATERIALS.items()}

EFFECTIVE: Final = "已生效"

UNDER_REVIEW: Final = "审核中"

EVE_CHANNEL: Final = "wanshitong"
"""The province's channel applied through before the city's first day."""

_SATURDAY: Final = 5

_ORDINARY_WEEKS: Final = 2
"""The longest review of a case ends within two weeks."""

_SEARCHED_WEEKS: Final = 26

_TEN: Final = time(10)

_COUNTERS_CLOSE: Final = time(17)


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """One channel with what it asks of an application."""

    id: str
    channel: Channel
    checks: frozenset[IdentityCheck]
    fields: frozenset[MemberField]
    materials: tuple[MaterialNeed, ...]
    review: ReviewLatency

    @classmethod
    def of(
        cls,
        policy: Policy,
        channel_id: str,
    ) -> ChannelTerms:
        """Return a channel as the city has it."""
        return cls(
            channel_id,
            channel=policy.value(CityRules.channels)[channel_id],
            checks=policy.value(CityRules.identity_checks)[channel_id],
            fields=policy.value(CityRules.fields_asked)[channel_id],
            materials=policy.value(CityRules.materials)[channel_id],
            review=policy.value(CityRules.review_latency)[channel_id],
        )

    def state(self, *, on_record: bool = False) -> str:
        """Return the state after a complete application.

        `on_record`: the registry knows the relation.
        """
        match self.review.at_once:
            case AtOnce.ALWAYS:
                return EFFECTIVE
            case AtOnce.IF_CHECKS_PASS if on_record:
                return EFFECTIVE
        return UNDER_REVIEW

    def proofs(self, *, on_record: bool = False) -> list[str]:
        """Return the materials of a complete application, as a case names them."""
        proofs = [
            proofs_of(need)[0]
            for need in self.materials
            if need.asked is Asked.ALWAYS or not on_record
        ]
        # One document may meet two needs.
        return list(dict.fromkeys(proofs))

    def bind(
        self,
        holder: str,
        member: str,
        relation: str,
        *,
        on_record: bool = False,
    ) -> Step:
        """Return a complete application as a step of a case."""
        application: dict[str, Any] = {
            "holder": holder,
            "member": member,
            "relation": relation,
            "channel": self.id,
            "consent": "本人",
        }
        proofs = self.proofs(on_record=on_record)
        if proofs:
            application["materials"] = proofs
        return {"bind": application}

    def open_at(self, day: date) -> datetime:
        """Return an instant of a working day at which the channel takes applications."""
        hours = self.channel.hours
        opens = hours.opens if isinstance(hours, CounterHours) else _TEN
        return datetime.combine(day, opens)


def proofs_of(need: MaterialNeed) -> list[str]:
    """Return every kind that meets a need, as a case names it."""
    suffix = ORIGINAL if need.original else ""
    return [_MATERIAL_WORDS[kind] + suffix for kind in need.one_of]


def wrong_proofs(terms: ChannelTerms) -> list[list[str]]:
    """Return all proofs but one: left out, replaced by what does not count, copied."""
    wrong = []
    for need in terms.materials:
        counting = proofs_of(need)
        others = _proofs_beside(terms, need)
        wrong.append(others)
        kinds = {proof.removesuffix(ORIGINAL) for proof in (*counting, *others)}
        useless = [f"{kind}{ORIGINAL}" for kind in MATERIALS if kind not in kinds]
        if useless:
            wrong.append(others + useless)
        if need.original:
            copies = [proof.removesuffix(ORIGINAL) for proof in counting]
            wrong.append(others + copies)
    return wrong


def right_proofs(terms: ChannelTerms) -> list[list[str]]:
    """Return all proofs, one of them of each kind that counts."""
    return [
        [*_proofs_beside(terms, need), proof]
        for need in terms.materials
        for proof in proofs_of(need)
    ]


def _proofs_beside(terms: ChannelTerms, need: MaterialNeed) -> list[str]:
    """Return the proofs of a complete application that do not meet this need."""
    counting = proofs_of(need)
    return [proof for proof in terms.proofs() if proof not in counting]


def on_the_eve(
    holder: str,
    member: str,
    relation: str,
) -> Step:
    """Return an application under the province's rules, which goes to review."""
    application = {
        "holder": holder,
        "member": member,
        "relation": relation,
        "channel": EVE_CHANNEL,
        "consent": "本人",
        "materials": ["户口簿"],
    }
    return expecting({"bind": application}, state=UNDER_REVIEW)


def not_eligible(hook: str, cited: Sequence[Clause]) -> dict[str, Any]:
    """Return what is expected if one condition is not met."""
    outcome: dict[str, Any] = {"refused": "NOT_ELIGIBLE", "conditions": [hook]}
    if cited:
        outcome["clauses"] = [clause.id for clause in cited]
    return outcome


def other_city(area_code: str) -> str:
    """Return another city of the province: Hefei, for Hefei itself Wuhu."""
    return "340200" if area_code.startswith("3401") else "340100"


def check_words(checks: frozenset[IdentityCheck]) -> list[str]:
    """Return identity checks as a case names them."""
    return [_CHECK_WORDS[check] for check in IdentityCheck if check in checks]


def field_words(fields: frozenset[MemberField]) -> list[str]:
    """Return fields as people call them."""
    return [_FIELD_WORDS[field] for field in MemberField if field in fields]


def ordinary_monday(since: date) -> date:
    """Return the first Monday from that day on that begins two ordinary weeks.

    The next Monday if there is none within half a year.
    """
    next_monday = since + timedelta(days=-since.weekday() % 7)
    for week in range(_SEARCHED_WEEKS):
        monday = next_monday + timedelta(weeks=week)
        if is_ordinary(monday, _ORDINARY_WEEKS):
            return monday
    return next_monday


def is_ordinary(monday: date, weeks: int) -> bool:
    """Return whether people work from Monday to Friday only, for so many weeks."""
    # A holiday (调休) moves working days to weekends: both kinds of day are looked at.
    workdays = Workdays()
    days = [monday + timedelta(days=number) for number in range(7 * weeks)]
    return all(workdays.is_working(day) == (day.weekday() < _SATURDAY) for day in days)


def due(monday: date, working_days: int) -> datetime | None:
    """Return the close of the n-th working day after a Monday; None over a holiday."""
    weeks, days = divmod(working_days, _SATURDAY)
    if not is_ordinary(monday, weeks + 1):
        return None
    last_day = monday + timedelta(weeks=weeks, days=days)
    return datetime.combine(last_day, _COUNTERS_CLOSE)
