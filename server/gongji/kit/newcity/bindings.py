"""Cases about bindings: who may be bound, how many, how far apart, and what the city's
own channel asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from gongji.binding.workdays import Workdays
from gongji.cities.anhui.since import SINCE
from gongji.kit.newcity.applying import (
    UNDER_REVIEW,
    Way,
    elsewhere,
    not_eligible,
    ordinary_monday,
)
from gongji.kit.newcity.channels import ChannelCases, whole
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.questions import PROVINCIAL_CHANNELS
from gongji.kit.newcity.telling import Story, instant, people
from gongji.rules.binding import DIRECT, FamilyLimit, Scope
from gongji.rules.channels import AlwaysOpen
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import KIN

NEAR: Final = ("配偶", "儿子", "女儿", "父亲", "母亲")

CLOSE_ONLY: Final = ("哥哥", "妹妹", "祖父", "外祖母", "孙子", "外孙女")

BY_MARRIAGE: Final = ("岳父", "婆婆", "儿媳", "女婿", "嫂子")

KNOWN: Final = frozenset(
    {code for _, codes in KIN for code in codes.split()} | {"45", "46", "97", "99"}
)
"""GB/T 4761 codes of kin, and some farther off."""

EVE_CHANNEL: Final = "wanshitong"
"""The province's channel applied through before the city's first day."""


class BindingAnswers:
    """The cases of one city's bindings, from an ordinary Monday on."""

    def __init__(self, policy: Policy) -> None:
        answers = policy.answers
        self._policy = policy
        self._area = answers.area_code
        self._prefix = f"{answers.pinyin.upper()}-BIND"
        self._since = answers.since
        channels = policy.value(CityRules.channels)
        self._own = answers.given["channel.id"].value if answers.any("channel") else ""
        takes_neighbours = [
            number
            for number, channel in channels.items()
            if channel.across.name == "BOTH"
        ]
        self._way = Way.through(policy, takes_neighbours[0])
        self._monday = ordinary_monday(answers.since)
        self._now = self._way.open_at(self._monday)

    def stories(self) -> Iterator[Story]:
        """All that the city's own answers give rise to; one whole application where
        there are none."""
        yield whole(self._policy, self._way, f"{self._prefix}-WHOLE", self._monday)
        for hook, tell in self._told().items():
            if rule := self._policy.rule(hook):
                yield from tell(rule.own)

    def _told(
        self,
    ) -> dict[
        Callable[[CityRules], object], Callable[[Sequence[Clause]], Iterator[Story]]
    ]:
        return {
            CityRules.relations: self._relations,
            CityRules.scope: self._scope,
            CityRules.family_limit: self._family_limit,
            CityRules.channels: self._channels,
        }

    def _relations(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Every relation in turn, tried without being bound; the eve of the first day too."""
        direct = self._policy.value(CityRules.relations) is DIRECT
        told, others = (
            (NEAR, CLOSE_ONLY + BY_MARRIAGE)
            if direct
            else (NEAR + CLOSE_ONLY, BY_MARRIAGE)
        )
        codes = self._policy.value(CityRules.relations).codes
        allowed, refused = sorted(codes), sorted(KNOWN - codes)
        names = people(self._area, ["在职", "在职"])
        holder, member = names[0]["name"], names[1]["name"]
        yes = self._way.bind(holder, member, allowed[0]) | {
            "each": {"relation": list(allowed)}
        }
        no = self._way.bind(holder, member, refused[0]) | {
            "each": {"relation": list(refused)}
        }
        steps = [
            yes | {"expect": {"state": self._way.state()}},
            no | {"expect": not_eligible("relations", cited)},
        ]
        who = "直系亲属" if direct else "近亲属"
        says = f"{who}可以绑定：{'、'.join(told)}等；其他关系不能绑定：{'、'.join(others)}等。"
        yield self._story("RELATIONS", says, cited, names, steps)
        if direct:
            yield from self._eve(
                "relations", "兄弟姐妹", cited, relation="弟弟", insured=self._area
            )

    def _scope(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """A member insured in another city, and in another province."""
        other = elsewhere(self._area)
        names = people(self._area, ["在职", "在职", "在职"])
        names[1]["insured"], names[2]["insured"] = other, "320100"
        holder = names[0]["name"]
        near, far = (
            self._way.bind(holder, names[1]["name"], "配偶"),
            self._way.bind(holder, names[2]["name"], "儿子"),
        )
        within = self._policy.value(CityRules.scope) is Scope.PROVINCE
        outcome = (
            {"state": self._way.state()} if within else not_eligible("scope", cited)
        )
        steps = [
            near | {"expect": outcome},
            far | {"expect": not_eligible("scope", cited)},
        ]
        says = (
            f"使用人在省内其他城市参保的{'可以' if within else '不能'}绑定，"
            "在外省参保的不能绑定。"
        )
        yield self._story("SCOPE", says, cited, names, steps)
        if not within:
            yield from self._eve(
                "scope",
                "在省内其他城市参保的家人",
                cited,
                relation="配偶",
                insured=other,
            )

    def _family_limit(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """One member after the other, up to the limit and one more; a place is free
        again after an unbinding."""
        limit = self._policy.value(CityRules.family_limit)
        fits = limit.members if isinstance(limit, FamilyLimit) else 10
        names = people(self._area, ["在职"] * (fits + 2))
        holder, *members = (person["name"] for person in names)
        bound = {"expect": {"state": self._way.state()}}
        whole = [self._way.bind(holder, member, "女儿") | bound for member in members]
        if not isinstance(limit, FamilyLimit):
            yield self._story(
                "FAMILY",
                f"家庭账户不限人数：可以绑定{fits + 1}名家人。",
                cited,
                names,
                whole,
            )
            return
        refused = self._way.bind(holder, members[-1], "女儿") | {
            "expect": not_eligible("family_limit", cited)
        }
        steps = [*whole[:-1], refused]
        if self._way.state() != UNDER_REVIEW:
            steps += [
                {"unbind": {"of": members[0]}, "expect": {"state": "已解绑"}},
                whole[-1],
            ]
        counting = (
            f"{limit.people}人，{'含' if limit.counting_holder else '不含'}授权人"
        )
        says = f"一个家庭账户最多{counting}：绑定{fits}名家人之后，再绑定一名被拒绝。"
        yield self._story("FAMILY", says, cited, names, steps)
        yield from self._family_eve(fits, cited)

    def _family_eve(self, fits: int, cited: Sequence[Clause]) -> Iterator[Story]:
        """A family larger than the limit bound on the eve keeps its members; none is
        added from the first day on."""
        if not self._later:
            return
        names = people(self._area, ["在职"] * (fits + 3))
        holder, *members = (person["name"] for person in names)
        before = [self._early(holder, member, "女儿") for member in members[:-1]]
        refused = self._way.bind(holder, members[-1], "女儿") | {
            "expect": not_eligible("family_limit", cited)
        }
        says = (
            f"{self._since:%Y年%m月%d日}之前按省级规则不限人数，"
            f"自该日起已超过{fits}名家人的不能再绑定。"
        )
        steps = [*before, {"clock": instant(self._first_morning)}, refused]
        yield Story(
            f"{self._prefix}-FAMILY-FIRST-DAY",
            says,
            cited,
            self._eve_morning,
            names,
            steps,
        )

    def _channels(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Channels of the province that were left; the hours of a counter; the city's
        own not before its first day."""
        names = people(self._area, ["在职", "在职"])
        holder, member = names[0]["name"], names[1]["name"]
        left = sorted(
            PROVINCIAL_CHANNELS.keys() - self._policy.value(CityRules.channels).keys()
        )
        if left:
            step = self._way.bind(holder, member, "配偶") | {"each": {"channel": left}}
            says = (
                "本市不通过"
                f"{'、'.join(PROVINCIAL_CHANNELS[number].name for number in left)}办理"
                "绑定。"
            )
            refused = step | {"expect": {"refused": "UNKNOWN_CHANNEL"}}
            yield self._story("NO-CHANNEL", says, cited, names, [refused])
        own = Way.through(self._policy, self._own)
        if self._own not in PROVINCIAL_CHANNELS and self._later:
            early = own.bind(holder, member, "配偶") | {
                "expect": {"refused": "UNKNOWN_CHANNEL"}
            }
            opened = own.bind(holder, member, "配偶") | {
                "expect": {"state": own.state()}
            }
            says = f"{own.channel.name}自{self._since:%Y年%m月%d日}起受理，此前没有这个渠道。"
            steps = [early, {"clock": instant(self._first_morning)}, opened]
            yield Story(
                f"{self._prefix}-FIRST-DAY",
                says,
                cited,
                self._eve_morning,
                names,
                steps,
            )
        for number in self._policy.value(CityRules.channels):
            yield from ChannelCases(self._policy, number, self._monday).stories()

    def _eve(
        self,
        hook: str,
        who: str,
        cited: Sequence[Clause],
        *,
        relation: str,
        insured: str,
    ) -> Iterator[Story]:
        """Somebody the province admits on the eve and the city does not on its first day."""
        if not self._later:
            return
        names = people(self._area, ["在职", "在职", "在职"])
        names[1]["insured"] = names[2]["insured"] = insured
        after = self._way.bind(names[0]["name"], names[2]["name"], relation)
        steps = [
            self._early(names[0]["name"], names[1]["name"], relation),
            {"clock": instant(self._first_morning)},
            after | {"expect": not_eligible(hook, cited)},
        ]
        says = f"{self._since:%Y年%m月%d日}之前按省级规则可以绑定{who}，自该日起不能。"
        yield Story(
            f"{self._prefix}-{hook.upper()}-FIRST-DAY",
            says,
            cited,
            self._eve_morning,
            names,
            steps,
        )

    def _early(self, holder: str, member: str, relation: str) -> dict[str, Any]:
        """An application under the province's rules, which goes to review."""
        step = {
            "holder": holder,
            "member": member,
            "relation": relation,
            "channel": EVE_CHANNEL,
            "consent": "本人",
        }
        return {
            "bind": {**step, "materials": ["户口簿"]},
            "expect": {"state": UNDER_REVIEW},
        }

    @property
    def _later(self) -> bool:
        """Whether the province's rules were in force before the city's, and somebody
        can apply on the first day."""
        open_then = isinstance(
            self._way.channel.hours, AlwaysOpen
        ) or Workdays().is_working(self._since)
        return self._since > date.fromisoformat(SINCE) and open_then

    @property
    def _first_morning(self) -> datetime:
        always = isinstance(self._way.channel.hours, AlwaysOpen)
        return (
            datetime.combine(self._since, time(0, 0))
            if always
            else self._way.open_at(self._since)
        )

    @property
    def _eve_morning(self) -> datetime:
        return self._first_morning - timedelta(hours=14)

    def _story(
        self,
        number: str,
        says: str,
        cited: Sequence[Clause],
        names: list[dict[str, Any]],
        steps: list[dict[str, Any]],
    ) -> Story:
        return Story(f"{self._prefix}-{number}", says, cited, self._now, names, steps)
