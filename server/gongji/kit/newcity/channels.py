"""Cases about one channel: what it asks for, each thing left out in turn, its hours and
how long a review takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from gongji.guide.comparison import how_soon
from gongji.kit.newcity.applying import (
    UNDER_REVIEW,
    Way,
    check_words,
    due,
    elsewhere,
    field_words,
    not_eligible,
    proofs_of,
)
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.reading import CHECKS, MATERIALS, ORIGINAL
from gongji.kit.newcity.telling import Story, instant, people
from gongji.rules.binding import Scope
from gongji.rules.channels import Across, CounterHours, MaterialNeed
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

FIELDS: Final = ("name", "certificate_number", "phone", "insured_place")

Step = dict[str, Any]


def whole(policy: Policy, way: Way, number: str, monday: date) -> Story:
    """Whole applications, of kin the registry does not know and of kin it knows, and
    when their review is due.

    Where nobody sits at a counter it is half past eleven at night.
    """
    names = people(policy.answers.area_code, ["在职"] * 3)
    _across(policy, way, names)
    names[0]["kin"] = {names[2]["name"]: "儿子"}
    steps = []
    for member, relation, on_record in (
        (names[1], "配偶", False),
        (names[2], "儿子", True),
    ):
        step = way.bind(names[0]["name"], member["name"], relation, on_record=on_record)
        state = way.state(on_record=on_record)
        step["expect"] = {"state": state}
        if state == UNDER_REVIEW and (closes := due(monday, way.review.working_days)):
            step["expect"]["due"] = instant(closes)
        steps.append(step)
    waits = (
        f"须经审核，至迟{way.review.working_days}个工作日"
        if way.review.working_days
        else "提交即生效"
    )
    says = f"材料、核验、填报齐全的，可以在{way.channel.name}绑定配偶和子女，{waits}。"
    cited = way.review.clauses or policy.cited(CityRules.review_latency)
    late = (
        timedelta(0)
        if isinstance(way.channel.hours, CounterHours)
        else timedelta(hours=13, minutes=30)
    )
    return Story(number, says, cited, way.open_at(monday) + late, names, steps)


class ChannelCases:
    """The cases of one channel a city has, its own or one it keeps."""

    def __init__(self, policy: Policy, number: str, monday: date) -> None:
        self._policy = policy
        self._way = Way.through(policy, number)
        self._monday = monday
        self._area = policy.answers.area_code
        self._own = policy.answers.given["channel.id"].value == number
        self._prefix = (
            f"{policy.answers.pinyin.upper()}-"
            f"{number.upper().replace('_', '-').rstrip('-')}"
        )

    def stories(self) -> Iterator[Story]:
        """All of them; only a refusal where nobody can use the channel."""
        if self._way.channel.across is Across.ONLY_ACROSS_AREAS:
            yield self._neighbours()
            if self._policy.value(CityRules.scope) is Scope.POOLING_AREA:
                return
        yield whole(self._policy, self._way, f"{self._prefix}-WHOLE", self._monday)
        yield self._guide()
        if isinstance(hours := self._way.channel.hours, CounterHours):
            yield self._hours(hours)
        yield self._checks()
        yield self._fields()
        yield self._materials()

    def _neighbours(self) -> Story:
        """A channel for pairs of different pooling areas takes none of one."""
        names = people(self._area, ["在职", "在职"])
        step = self._way.bind(names[0]["name"], names[1]["name"], "配偶")
        says = (
            f"{self._way.channel.name}只办理跨统筹区的绑定，双方都在本市参保的不受理。"
        )
        refused = step | {"expect": not_eligible("channels", self._way.channel.clauses)}
        return self._story("ACROSS", says, self._way.channel.clauses, names, [refused])

    def _guide(self) -> Story:
        """The guide names the channel and how long it takes."""
        way = self._way
        says = f"办理指南写明可以通过{way.channel.name}办理，以及多久办结。"
        soon = {
            number: how_soon(other.channel, other.review)
            for number, other in self._ways().items()
        }
        alike = [
            other.channel.name
            for number, other in self._ways().items()
            if soon[number] == soon[way.id]
        ]
        step: Step = {
            "guide": {},
            "expect": {"says": [f"{'、'.join(alike)}: {soon[way.id]}"]},
        }
        return Story(
            f"{self._prefix}-GUIDE",
            says,
            self._cited(CityRules.channels),
            self._now,
            (),
            [step],
        )

    def _ways(self) -> dict[str, Way]:
        """Every channel of the city."""
        return {
            number: Way.through(self._policy, number)
            for number in self._policy.value(CityRules.channels)
        }

    def _hours(self, hours: CounterHours) -> Story:
        """A counter takes applications from its opening to the minute before it closes."""
        way, names = self._way, self._people(4)
        holder, *members = (person["name"] for person in names)
        early, first, late = (way.bind(holder, member, "女儿") for member in members)
        monday, tuesday = self._monday, self._monday + timedelta(days=1)
        opening, closing = (
            datetime.combine(monday, hours.opens),
            datetime.combine(tuesday, hours.closes),
        )
        minute = timedelta(minutes=1)
        wednesday = datetime.combine(tuesday + timedelta(days=1), hours.opens)
        closed = {"refused": "COUNTER_CLOSED"}
        steps = [
            early | {"expect": closed | {"opens": instant(opening)}},
            {"clock": instant(opening)},
            first | {"expect": {"state": way.state()}},
            {"clock": instant(closing - minute)},
            early | {"expect": {"state": way.state()}},
            {"clock": instant(closing)},
            late | {"expect": closed | {"opens": instant(wednesday)}},
        ]
        span = f"{hours.opens:%H:%M}至{hours.closes:%H:%M}"
        says = (
            f"{way.channel.name}在工作日{span}受理，早一分钟、到点之后都不受理，"
            "并告知下次开放的时间。"
        )
        cited = self._cited(CityRules.channels)
        return Story(
            f"{self._prefix}-HOURS", says, cited, opening - minute, names, steps
        )

    def _checks(self) -> Story:
        """Each check left out in turn; those not asked for need not be done."""
        asked = check_words(self._way.checks)
        names, application = self._pair()
        others = [word for word in CHECKS if word not in asked]
        tries = [[word for word in asked if word != left] + others for left in asked]
        steps = self._refusals(
            application, "identity_checks", {"checks": tries} if tries else {}
        )
        step = application | {"expect": {"state": self._way.state()}}
        step["bind"] = application["bind"] | {"checks": asked}
        told = (
            f"须先完成{'、'.join(asked)}，缺一项不能绑定" if asked else "不另作身份核验"
        )
        says = f"{self._way.channel.name}{told}。"
        return self._story(
            "CHECKS",
            says,
            self._cited(CityRules.identity_checks),
            names,
            [*steps, step],
        )

    def _fields(self) -> Story:
        """Each field left empty in turn; those not asked for may be."""
        names, application = self._pair()
        asked = [
            key for key in FIELDS if key in {each.value for each in self._way.fields}
        ]
        tries = [{key: ""} for key in asked]
        steps = self._refusals(
            application, "fields_asked", {"details": tries} if tries else {}
        )
        step = application | {"expect": {"state": self._way.state()}}
        if spared := {key: "" for key in FIELDS if key not in asked}:
            step["bind"] = application["bind"] | {"details": spared}
        words = "、".join(field_words(self._way.fields)) or "无"
        says = (
            f"{self._way.channel.name}须填报使用人的信息: {words}；少一项不能绑定，"
            "其余可以不填。"
        )
        return self._story(
            "FIELDS", says, self._cited(CityRules.fields_asked), names, [*steps, step]
        )

    def _materials(self) -> Story:
        """Each proof left out, replaced by all that does not count, or a copy; each
        kind that counts is enough."""
        way = self._way
        names, application = self._pair()
        brought, known = way.proofs(), []
        wrong = [without for need in way.materials for without in _wrong(brought, need)]
        steps = self._refusals(
            application, "materials", {"materials": wrong} if wrong else {}
        )
        if way.proofs(on_record=True) != brought:
            names[0]["kin"] = {names[2]["name"]: "女儿"}
            known = [
                way.bind(names[0]["name"], names[2]["name"], "女儿", on_record=True)
            ]
        elif wrong:
            names[0]["kin"] = {names[2]["name"]: "女儿"}
            again = way.bind(names[0]["name"], names[2]["name"], "女儿")
            steps += self._refusals(again, "materials", {"materials": wrong})
        right = [
            _replaced(brought, need, kind)
            for need in way.materials
            for kind in proofs_of(need)
        ]
        if right:
            steps.append(
                application
                | {"each": {"materials": right}, "expect": {"state": way.state()}}
            )
        else:
            steps.append(application | {"expect": {"state": way.state()}})
        steps += [
            step | {"expect": {"state": way.state(on_record=True)}} for step in known
        ]
        named = "、".join(in_words(need) for need in way.materials)
        says = (
            f"{way.channel.name}须提供{named}，缺一样不能绑定。"
            if named
            else f"{way.channel.name}不要求材料。"
        )
        return self._story(
            "MATERIALS", says, self._cited(CityRules.materials), names, steps
        )

    def _refusals(self, application: Step, hook: str, tries: Step) -> list[Step]:
        """One step that tries each of these ways and is refused every time; none where
        there are no ways."""
        cited = self._cited(getattr(CityRules, hook)) if self._own else ()
        return (
            [application | {"each": tries, "expect": not_eligible(hook, cited)}]
            if tries
            else []
        )

    def _pair(self) -> tuple[list[Step], Step]:
        """Three people, and a whole application of the first for the second."""
        names = self._people(3)
        return names, self._way.bind(names[0]["name"], names[1]["name"], "配偶")

    def _people(self, count: int) -> list[Step]:
        """So many people, the first here, the others where the channel takes them from."""
        names = people(self._area, ["在职"] * count)
        _across(self._policy, self._way, names)
        return names

    @property
    def _now(self) -> datetime:
        return self._way.open_at(self._monday)

    def _cited(self, hook: Callable[[CityRules], object]) -> Sequence[Clause]:
        """The clauses behind a hook's value for this channel: the city's own, or those it keeps."""
        rule = self._policy.rule(hook)
        own = rule.own if rule else ()
        return (
            own
            if self._own
            else tuple(c for c in self._policy.cited(hook) if c not in own)
        )

    def _story(
        self,
        number: str,
        says: str,
        cited: Sequence[Clause],
        names: list[Step],
        steps: list[Step],
    ) -> Story:
        return Story(f"{self._prefix}-{number}", says, cited, self._now, names, steps)


def _across(policy: Policy, way: Way, names: list[Step]) -> None:
    """Moves everybody but the first to another city where the channel is for such pairs."""
    if way.channel.across is Across.ONLY_ACROSS_AREAS:
        for person in names[1:]:
            person["insured"] = elsewhere(policy.answers.area_code)


def _wrong(brought: list[str], need: MaterialNeed) -> Iterator[list[str]]:
    """All the proofs without this one: left out, replaced by everything that does not
    count, or as a copy."""
    counting = proofs_of(need)
    rest = [word for word in brought if word not in counting]
    yield rest
    kinds = {word.removesuffix(ORIGINAL) for word in (*counting, *rest)}
    if others := [f"{word}{ORIGINAL}" for word in MATERIALS if word not in kinds]:
        yield rest + others
    if need.original:
        yield rest + [word.removesuffix(ORIGINAL) for word in counting]


def _replaced(brought: list[str], need: MaterialNeed, kind: str) -> list[str]:
    """All the proofs, this one by another kind that counts."""
    return [*(word for word in brought if word not in proofs_of(need)), kind]
