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
    # No holidays are published yet: weekends alone decide.
    provisional = not workdays.known(opening.year)
    unpublished = f"(暂定: {opening.year} 年节假日安排尚未公布)" if provisional else ""
    raise CounterClosed(
        f"{channel.name}现在不办理: {in_words(hours)}; "
        f"下次开放 {opening:%Y-%m-%d %H:%M}{unpublished}",
        field="channel",
        clauses=channel.clauses or rules.answer(CityRules.channels).clauses,
        next_opening=opening.isoformat(),
        next_opening_provisional=str(provisional).lower(),
    )


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
