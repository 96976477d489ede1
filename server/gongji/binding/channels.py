"""Which channels (渠道) take an application now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import partial

from msgspec.structs import replace

from gongji.binding.case import Case, Change, Unmet
from gongji.binding.workdays import Workdays
from gongji.cities.city import City, DayRules
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    Way,
    WayStep,
)
from gongji.model.refusals import CounterClosed, UnknownChannel
from gongji.rules.channels import (
    AlwaysOpen,
    Channel,
    ChannelId,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import SHANGHAI
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words
from gongji.text.forms import as_sent


def declared_channel(rules: DayRules, key: ChannelId) -> Channel:
    """Return a channel of the city. UnknownChannel with the list of those it has."""
    channels = rules.value(CityRules.channels)
    if key in channels:
        return channels[key]
    # Without their names: a status keeps sentences of 160 characters.
    raise UnknownChannel(
        f"本市没有渠道{as_sent(key)}；可用：{'、'.join(channels)}",
        field="channel",
        clauses=rules.answer(CityRules.channels).clauses,
        allowed=",".join(channels),
    )


class ClosedCounter(Unmet, frozen=True):
    """That a counter is closed now, and when it opens."""

    opening: datetime


def refuse_closed(
    city: City, key: ChannelId, now: datetime, workdays: Workdays
) -> None:
    """CounterClosed with the next opening, unless the channel is open now."""
    rules = city.rules(now.astimezone(SHANGHAI).date())
    for unmet in closed(rules, declared_channel(rules, key), now, workdays):
        raise counter_closed(unmet, city, workdays, unmet.condition.ways)


def counter_closed(
    unmet: ClosedCounter, city: City, workdays: Workdays, ways: Iterable[Way]
) -> CounterClosed:
    """Return the refusal of what comes to a closed channel, with ways that work."""
    opening = unmet.opening
    return CounterClosed(
        unmet.condition.message,
        field="channel",
        clauses=map(city.clause, unmet.condition.clauses),
        conditions=(unmet.condition,),
        ways=ways,
        next_opening=opening.isoformat(),
        next_opening_provisional=str(not workdays.known(opening.year)).lower(),
    )


def closed(
    rules: DayRules,
    channel: Channel,
    now: datetime,
    workdays: Workdays,
    day: date | None = None,
) -> Iterator[ClosedCounter]:
    """The channel is open, on the whole of a day if that is asked for."""
    hours = channel.hours
    if isinstance(hours, AlwaysOpen) or workdays.is_open(now, hours):
        return
    opening = workdays.next_opening(now, hours)
    provisional = not workdays.known(opening.year)
    wait = _wait_until(opening)
    unpublished = f"（暂定：{opening.year} 年放假安排尚未公布）" if provisional else ""
    message = (
        f"{channel.name}{f' {day} ' if day else '现在'}不办理：{in_words(hours)}；"
        f"下次开放 {opening:%Y-%m-%d %H:%M}{unpublished}"
    )
    condition = Condition(
        hook=CityRules.channels.__name__,
        clauses=tuple([c.id for c in _of_hours(rules, channel, now, workdays)]),
        message=message,
        remedy=wait.step.text,
        code=ConditionCode.COUNTER_CLOSED,
        fields=(FieldRef("channel"),),
        ways=((wait.step,),),
    )
    yield ClosedCounter(condition, (wait,), opening)


def _wait_until(opening: datetime) -> Change:
    """Come when the counter opens."""
    text = f"{opening:%Y-%m-%d %H:%M} 起再来办理"
    step = WayStep(StepAction.WAIT, (), text, not_before=opening)
    return Change(step, partial(_coming, at=opening))


def _coming(case: Case, at: datetime) -> Case:
    """Return the case of an applicant who comes at another time."""
    return replace(case, comes_at=at, today=at.astimezone(SHANGHAI).date())


def hours_provisional(channel: Channel, now: datetime, workdays: Workdays) -> bool:
    """Return whether it is open by a calendar not published yet (放假安排)."""
    counter = not isinstance(channel.hours, AlwaysOpen)
    return counter and not workdays.known(now.astimezone(SHANGHAI).year)


def _of_hours(
    rules: DayRules, channel: Channel, now: datetime, workdays: Workdays
) -> tuple[Clause, ...]:
    """Return what gives a channel's hours, on a day off also which days are."""
    hours = channel.clauses or rules.answer(CityRules.channels).clauses
    if workdays.is_working(now.astimezone(SHANGHAI).date()):
        return hours
    deadlines = rules.answer(CityRules.deadlines)
    return (*hours, *(deadlines.value.clauses.working_days or deadlines.clauses))


def open_channels(
    rules: DayRules,
    now: datetime,
    workdays: Workdays,
) -> list[ChannelId]:
    """Return the channels that take applications now."""
    return [
        key
        for key, channel in rules.value(CityRules.channels).items()
        if workdays.is_open(now, channel.hours)
    ]
