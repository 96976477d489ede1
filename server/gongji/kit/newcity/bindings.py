"""Write the cases of a new city's bindings (绑定): who, how many, how far apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from gongji.binding.workdays import Workdays
from gongji.cities.anhui.since import SINCE
from gongji.kit.newcity.applying import (
    UNDER_REVIEW,
    ChannelTerms,
    not_eligible,
    on_the_eve,
    ordinary_monday,
    other_city,
)
from gongji.kit.newcity.channels import ChannelCases, complete_applications
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.questions import PROVINCIAL_CHANNELS
from gongji.kit.newcity.telling import (
    Person,
    Step,
    Story,
    adults,
    clock,
    each,
    expecting,
    names_of,
)
from gongji.rules.binding import DIRECT, FamilyLimit, Scope
from gongji.rules.channels import Across, AlwaysOpen
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import KIN

_DIRECT_ONLY: Final = (
    "直系亲属可以绑定：配偶、儿子、女儿、父亲、母亲等；"
    "其他关系不能绑定：哥哥、妹妹、祖父、外祖母、孙子、外孙女、"
    "岳父、婆婆、儿媳、女婿、嫂子等。"
)

_CLOSE_TOO: Final = (
    "近亲属可以绑定：配偶、儿子、女儿、父亲、母亲、"
    "哥哥、妹妹、祖父、外祖母、孙子、外孙女等；"
    "其他关系不能绑定：岳父、婆婆、儿媳、女婿、嫂子等。"
)

KIN_CODES: Final = frozenset(
    {code for _, codes in KIN for code in codes.split()} | {"45", "46", "97", "99"}
)
"""GB/T 4761 codes of kin, and some farther off."""

_LARGE_FAMILY: Final = 11
"""How many members show that there is no limit."""

_OTHER_PROVINCE: Final = "320100"


class BindingCases:
    """The cases of one city's bindings, from an ordinary Monday on."""

    def __init__(self, policy: Policy) -> None:
        answers = policy.answers
        self._policy = policy
        self._area = answers.area_code
        self._prefix = f"{answers.pinyin.upper()}-BIND"
        self._since = answers.since
        # A channel for pairs of different areas only would refuse these families.
        open_to_all = [
            channel_id
            for channel_id, channel in policy.value(CityRules.channels).items()
            if channel.across is Across.BOTH
        ]
        self._terms = ChannelTerms.of(policy, open_to_all[0])
        self._monday = ordinary_monday(answers.since)
        self._now = self._terms.open_at(self._monday)

    def stories(self) -> Iterator[Story]:
        """Yield a complete application, then what the city's own answers give rise to."""
        yield complete_applications(
            self._policy,
            self._terms,
            f"{self._prefix}-WHOLE",
            self._monday,
        )
        writers = {
            CityRules.relations: self._relations,
            CityRules.scope: self._scope,
            CityRules.family_limit: self._family_limit,
            CityRules.channels: self._channels,
        }
        for hook, write in writers.items():
            rule = self._policy.rule(hook)
            if rule is not None:
                yield from write(rule.own)

    # --- relations and scope ----------------------------------------------------------

    def _relations(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Yield every relation in turn, and the eve of the first day."""
        relations = self._policy.value(CityRules.relations)
        direct = relations is DIRECT
        persons = adults(self._area, 2)
        accepted = self._tried_relations(persons, sorted(relations.codes))
        refused = self._tried_relations(persons, sorted(KIN_CODES - relations.codes))
        steps = [
            expecting(accepted, state=self._terms.state()),
            expecting(refused, **not_eligible("relations", cited)),
        ]
        says = _DIRECT_ONLY if direct else _CLOSE_TOO
        yield self._story(
            "RELATIONS",
            says=says,
            cited=cited,
            persons=persons,
            steps=steps,
        )
        # The province allows close relatives, so that only direct ones are fewer.
        if direct:
            yield from self._no_longer(
                "relations",
                who="兄弟姐妹",
                cited=cited,
                relation="弟弟",
            )

    def _tried_relations(
        self,
        persons: list[Person],
        codes: list[str],
    ) -> Step:
        holder, member = names_of(persons)
        application = self._terms.bind(holder, member, codes[0])
        return each(application, relation=codes)

    def _scope(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Yield members insured in another city and in another province."""
        neighbour = other_city(self._area)
        persons = adults(self._area, 3)
        persons[1]["insured"] = neighbour
        persons[2]["insured"] = _OTHER_PROVINCE
        holder, near, far = names_of(persons)
        refused = not_eligible("scope", cited)
        within = self._policy.value(CityRules.scope) is Scope.PROVINCE
        # The other city must agree, and Hefei is not served: it cannot be asked.
        across = self._policy.value(CityRules.deadlines).clauses.across
        outcome = not_eligible("scope", across) if within else refused
        steps = [
            expecting(self._terms.bind(holder, near, "配偶"), **outcome),
            expecting(self._terms.bind(holder, far, "儿子"), **refused),
        ]
        says = (
            f"{'使用人参保地没有接入的' if within else '使用人在省内其他城市参保的'}"
            "不能绑定，在外省参保的不能绑定。"
        )
        yield self._story(
            "SCOPE",
            says=says,
            cited=cited,
            persons=persons,
            steps=steps,
        )

    def _no_longer(
        self,
        hook: str,
        who: str,
        cited: Sequence[Clause],
        *,
        relation: str,
    ) -> Iterator[Story]:
        """Yield kin the province admits on the eve and the city not on its first day."""
        if not self._has_eve:
            return
        persons = adults(self._area, 3)
        holder, early, late = names_of(persons)
        application = self._terms.bind(holder, late, relation)
        yield self._first_day_story(
            f"{hook.upper()}-FIRST-DAY",
            says=f"{self._since:%Y年%m月%d日}之前按省级规则可以绑定{who}，自该日起不能。",
            cited=cited,
            persons=persons,
            before=[on_the_eve(holder, early, relation)],
            after=[expecting(application, **not_eligible(hook, cited))],
        )

    # --- the family -------------------------------------------------------------------

    def _family_limit(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Yield a family up to the limit and one more, and the eve of the first day."""
        limit = self._policy.value(CityRules.family_limit)
        if not isinstance(limit, FamilyLimit):
            persons = adults(self._area, _LARGE_FAMILY + 1)
            steps = self._family(names_of(persons))
            says = f"家庭账户不限人数：可以绑定{_LARGE_FAMILY}名家人。"
            yield self._story(
                "FAMILY",
                says=says,
                cited=cited,
                persons=persons,
                steps=steps,
            )
            return
        yield self._full_family(limit, cited)
        yield from self._larger_family(limit.members, cited)

    def _full_family(
        self,
        limit: FamilyLimit,
        cited: Sequence[Clause],
    ) -> Story:
        fits = limit.members
        persons = adults(self._area, fits + 2)
        holder, *members = names_of(persons)
        *bound, one_more = self._family(names_of(persons))
        steps = [*bound, self._one_too_many(holder, members[-1], cited)]
        # An unbinding makes room again; what is under review cannot be unbound.
        if self._terms.state() != UNDER_REVIEW:
            steps.append(expecting({"unbind": {"of": members[0]}}, state="已解绑"))
            steps.append(one_more)
        counting = "含" if limit.counting_holder else "不含"
        says = (
            f"一个家庭账户最多{limit.people}人，{counting}授权人："
            f"绑定{fits}名家人之后，再绑定一名被拒绝。"
        )
        return self._story(
            "FAMILY",
            says=says,
            cited=cited,
            persons=persons,
            steps=steps,
        )

    def _family(self, names: list[str]) -> list[Step]:
        """Return the bindings of everybody but the first to the first."""
        holder, *members = names
        state = self._terms.state()
        return [
            expecting(self._terms.bind(holder, member, "女儿"), state=state)
            for member in members
        ]

    def _larger_family(
        self,
        fits: int,
        cited: Sequence[Clause],
    ) -> Iterator[Story]:
        """Yield a family larger than the limit: it keeps its members and gets no more."""
        if not self._has_eve:
            return
        persons = adults(self._area, fits + 3)
        holder, *members = names_of(persons)
        says = (
            f"{self._since:%Y年%m月%d日}之前按省级规则不限人数，"
            f"自该日起已超过{fits}名家人的不能再绑定。"
        )
        yield self._first_day_story(
            "FAMILY-FIRST-DAY",
            says=says,
            cited=cited,
            persons=persons,
            before=[on_the_eve(holder, member, "女儿") for member in members[:-1]],
            after=[self._one_too_many(holder, members[-1], cited)],
        )

    def _one_too_many(
        self,
        holder: str,
        member: str,
        cited: Sequence[Clause],
    ) -> Step:
        application = self._terms.bind(holder, member, "女儿")
        return expecting(application, **not_eligible("family_limit", cited))

    # --- channels ---------------------------------------------------------------------

    def _channels(self, cited: Sequence[Clause]) -> Iterator[Story]:
        """Yield channels that were left, the first day of the city's own, then each."""
        channels = self._policy.value(CityRules.channels)
        left_out = sorted(PROVINCIAL_CHANNELS.keys() - channels.keys())
        if left_out:
            yield self._left_channels(left_out, cited)
        own = self._policy.answers.by_key["channel.id"].value
        if own not in PROVINCIAL_CHANNELS and self._has_eve:
            yield self._new_channel(ChannelTerms.of(self._policy, own), cited)
        for channel_id in channels:
            yield from ChannelCases(self._policy, channel_id, self._monday).stories()

    def _left_channels(
        self,
        left_out: list[str],
        cited: Sequence[Clause],
    ) -> Story:
        persons = adults(self._area, 2)
        holder, spouse = names_of(persons)
        application = self._terms.bind(holder, spouse, "配偶")
        names = [PROVINCIAL_CHANNELS[channel_id].name for channel_id in left_out]
        says = f"本市不通过{'、'.join(names)}办理绑定。"
        tried = each(application, channel=left_out)
        steps = [expecting(tried, refused="UNKNOWN_CHANNEL")]
        return self._story(
            "NO-CHANNEL",
            says=says,
            cited=cited,
            persons=persons,
            steps=steps,
        )

    def _new_channel(
        self,
        own: ChannelTerms,
        cited: Sequence[Clause],
    ) -> Story:
        """Return the case that the city's own channel opens on its first day."""
        persons = adults(self._area, 2)
        holder, spouse = names_of(persons)
        application = own.bind(holder, spouse, "配偶")
        return self._first_day_story(
            "FIRST-DAY",
            says=f"{own.channel.name}自{self._since:%Y年%m月%d日}起受理，此前没有这个渠道。",
            cited=cited,
            persons=persons,
            before=[expecting(application, refused="UNKNOWN_CHANNEL")],
            after=[expecting(application, state=own.state())],
        )

    # --- the first day ----------------------------------------------------------------

    @property
    def _always_open(self) -> bool:
        return isinstance(self._terms.channel.hours, AlwaysOpen)

    @property
    def _has_eve(self) -> bool:
        """Whether the province's rules were in force before, and the first day is open."""
        open_then = self._always_open or Workdays().is_working(self._since)
        return self._since > date.fromisoformat(SINCE) and open_then

    @property
    def _first_morning(self) -> datetime:
        if self._always_open:
            return datetime.combine(self._since, time(0))
        return self._terms.open_at(self._since)

    def _first_day_story(
        self,
        number: str,
        says: str,
        cited: Sequence[Clause],
        persons: list[Person],
        *,
        before: list[Step],
        after: list[Step],
    ) -> Story:
        """Return a case that begins on the eve and ends on the city's first day."""
        return Story(
            f"{self._prefix}-{number}",
            says=says,
            clauses=cited,
            # At night or in the afternoon before: the province's channel is always open.
            now=self._first_morning - timedelta(hours=14),
            people=persons,
            steps=[
                *before,
                clock(self._first_morning),
                *after,
            ],
        )

    def _story(
        self,
        number: str,
        says: str,
        cited: Sequence[Clause],
        persons: list[Person],
        steps: list[Step],
    ) -> Story:
        return Story(
            f"{self._prefix}-{number}",
            says=says,
            clauses=cited,
            now=self._now,
            people=persons,
            steps=steps,
        )
