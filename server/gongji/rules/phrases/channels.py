"""Phrases of rules about channels (渠道), and of what people read."""

from __future__ import annotations

from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    CounterHours,
    Deadlines,
    MaterialNeed,
    Note,
    Procedure,
    ReviewLatency,
    Step,
)
from gongji.rules.phrases.base import NOTHING, phrase


def days_in_words(latency: ReviewLatency) -> str:
    """Return the span of working days a review takes: "1–3个工作日"."""
    if 0 < latency.earliest_working_days < latency.working_days:
        return f"{latency.earliest_working_days}–{latency.working_days}个工作日"
    return f"{latency.working_days}个工作日"


@phrase.register
def _(value: CounterHours) -> str:
    return f"工作日{phrase(value.opens)}–{phrase(value.closes)}"


@phrase.register
def _(value: Step) -> str:
    caution = f"（注意：{value.caution}）" if value.caution else ""
    return value.text + caution


def pairs_taken(channel: Channel) -> str:
    """Return which pairs a channel takes: "跨统筹区绑定，或一方为跨省备案人员"."""
    also = f"，或一方为{phrase(channel.also_for)}" if channel.also_for else ""
    return f"{phrase(channel.across)}{also}"


@phrase.register
def _(value: Channel) -> str:
    only = "" if value.across is Across.BOTH else f"，仅限{pairs_taken(value)}"
    return f"{value.name}（{phrase(value.kind)}，{phrase(value.hours)}{only}）"


@phrase.register
def _(value: MaterialNeed) -> str:
    kinds = [phrase(kind) for kind in value.one_of]
    # "结婚证或居民户口簿" names its kinds, "关系证明" does not.
    named = all(kind in value.name for kind in kinds)
    choice = "" if named else f"：{'或'.join(kinds)}"
    form = "原件" if value.original else "复印件或照片"
    when = "" if value.asked is Asked.ALWAYS else f"，{phrase(value.asked)}"
    return f"{value.name}{choice}（{form}{when}）"


@phrase.register
def _(value: ReviewLatency) -> str:
    if value.at_once is AtOnce.ALWAYS:
        return phrase(value.at_once)
    if value.at_once is AtOnce.IF_CHECKS_PASS:
        return f"{phrase(value.at_once)}，否则{days_in_words(value)}内审核"
    return days_in_words(value)


@phrase.register
def _(value: Deadlines) -> str:
    first = "当日" if value.first_day_counted else "次日"
    return f"自{first}起算，至最后一个工作日{phrase(value.due_at)}止"


@phrase.register
def _(value: Procedure) -> str:
    steps = " → ".join(phrase(step) for step in value.steps)
    return f"{value.title}：{steps or NOTHING}"


@phrase.register
def _(value: Note) -> str:
    return f"{value.heading}：{phrase(value.clause)}"
