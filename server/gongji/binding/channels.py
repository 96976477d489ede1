"""Which channels (渠道) take an application now."""

from __future__ import annotations

from datetime import datetime

from gongji.binding.workdays import Workdays
from gongji.cities.city import DayRules
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


def declared_channel(rules: DayRules, key: ChannelId) -> Channel:
    """Return a channel of the city. UnknownChannel with the list of those it has."""
    channels = rules.value(CityRules.channels)
    if key in channels:
        return channels[key]
    names = [f"{declared}({channel.name})" for declared, channel in channels.items()]
    raise UnknownChannel(
        f"本市没有渠道 {key}; 可用: {'、'.join(names)}",
        field="channel",
        clauses=rules.answer(CityRules.channels).clauses,
    )


def refuse_closed(
    rules: DayRules,
    channel: Channel,
    now: datetime,
    workdays: Workdays,
) -> None:
    """CounterClosed with the next opening, unless the channel is open now."""
    hours = channel.hours
    if isinstance(hours, AlwaysOpen) or workdays.is_open(now, hours):
        return
    opening = workdays.next_opening(now, hours)
    provisional = not workdays.known(opening.year)
    unpublished = f"（暂定：{opening.year} 年放假安排尚未公布）" if provisional else ""
    raise CounterClosed(
        f"{channel.name}现在不办理：{in_words(hours)}；"
        f"下次开放 {opening:%Y-%m-%d %H:%M}{unpublished}",
        field="channel",
        clauses=_of_hours(
            rules,
            channel,
            holiday=not workdays.is_working(now.astimezone(SHANGHAI).date()),
        ),
        next_opening=opening.isoformat(),
        next_opening_provisional=str(provisional).lower(),
    )


def hours_provisional(channel: Channel, now: datetime, workdays: Workdays) -> bool:
    """Return whether it is open by a calendar not published yet (放假安排)."""
    counter = not isinstance(channel.hours, AlwaysOpen)
    return counter and not workdays.known(now.astimezone(SHANGHAI).year)


def _of_hours(
    rules: DayRules, channel: Channel, *, holiday: bool
) -> tuple[Clause, ...]:
    """Return what gives a channel's hours, on a day off also which days are."""
    hours = channel.clauses or rules.answer(CityRules.channels).clauses
    if not holiday:
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
