"""The sections on channels (办理渠道): comparison, materials, steps and review."""

from __future__ import annotations

from collections.abc import (
    Collection,
    Iterable,
    Iterator,
)

from gongji.guide.builder import GuideBuilder, phrase
from gongji.guide.comparison import (
    comparison,
    how_soon,
    material_clauses,
)
from gongji.guide.page import (
    Block,
    LineList,
    Section,
    Statement,
    list_section,
)
from gongji.rules.channels import (
    AtOnce,
    Channel,
    ChannelId,
    Step,
)
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules


def sections(builder: GuideBuilder) -> tuple[Section, ...]:
    """Return channels compared, materials, steps with agreement and consent, review."""
    promises = (
        builder.value_in(CityRules.agreement, "协议：{}。"),
        builder.value_in(CityRules.consent, "使用人同意：{}。"),
    )
    return (
        Section("办理渠道对比", (comparison(builder),)),
        Section("办理材料", parts=tuple(_materials(builder))),
        Section(
            "办理步骤",
            (LineList(promises),),
            tuple(_steps(builder)),
        ),
        list_section("审核与生效", _reviews(builder)),
    )


def _materials(builder: GuideBuilder) -> Iterator[Section]:
    """Return a part for each list of materials, under the channels that ask for it."""
    keys_by_list: dict[tuple[str, ...], list[ChannelId]] = {}
    for key, needs in builder.value(CityRules.materials).items():
        texts = tuple(phrase(need) for need in needs)
        keys_by_list.setdefault(texts, []).append(key)
    for texts, keys in keys_by_list.items():
        heading = _names_of(builder, keys)
        yield list_section(
            heading,
            _material_lines(builder, texts, keys),
        )


def _material_lines(
    builder: GuideBuilder,
    texts: tuple[str, ...],
    keys: Collection[ChannelId],
) -> Iterator[Statement]:
    """Return what several channels ask for in the same words."""
    hook = CityRules.materials
    needs = builder.value(hook)
    of_rule = _without_others(builder, keys)
    for position, text in enumerate(texts):
        cited = _of_all([needs[key][position].clauses for key in keys])
        yield builder.statement(
            hook,
            f"{text}。",
            cited or of_rule,
        )
    if not texts:
        yield builder.statement(
            hook,
            "无须提交材料，完成身份核验即可。",
            of_rule,
        )


def _of_all(named: Collection[tuple[Clause, ...]]) -> list[Clause]:
    """Return the clauses named for several channels, none if one of them names none."""
    # With one channel left out the others' clauses would seem to speak for it as well.
    if not all(named):
        return []
    return [clause for clauses in named for clause in clauses]


def _without_others(
    builder: GuideBuilder,
    keys: Collection[ChannelId],
) -> list[Clause]:
    """Return the clauses on materials that are not named for other channels only."""
    own: set[Clause] = set()
    others: set[Clause] = set()
    for key in builder.channels:
        named = own if key in keys else others
        named.update(material_clauses(builder, key))
    answer = builder.rules.answer(CityRules.materials)
    return [clause for clause in answer.clauses if clause not in others - own]


def _steps(builder: GuideBuilder) -> Iterator[Section]:
    """Return entry and steps, channels that share them together.

    The channels on which the documents are silent come last.
    """
    silent = []
    alike: dict[tuple[str, tuple[Step, ...]], list[Channel]] = {}
    for channel in builder.channels.values():
        if channel.entry or channel.steps:
            way = channel.entry, channel.steps
            alike.setdefault(way, []).append(channel)
        else:
            silent.append(channel)
    for channels in alike.values():
        yield Section(
            _names(channels),
            tuple(_entry_and_steps(builder, channels)),
        )
    if silent:
        text = "文件没有写明步骤，按渠道提示办理。"
        yield Section(
            _names(silent),
            (builder.on_channels(silent, text),),
        )


def _entry_and_steps(
    builder: GuideBuilder,
    channels: list[Channel],
) -> Iterator[Block]:
    first = channels[0]
    if first.entry:
        yield builder.on_channels(
            channels,
            f"入口：{first.entry}。",
        )
    if first.steps:
        yield builder.steps(CityRules.channels, first.steps)


def _reviews(builder: GuideBuilder) -> Iterator[Statement]:
    hook = CityRules.review_latency
    reviews = builder.value(hook)
    keys_by_answer: dict[str, list[ChannelId]] = {}
    for key, channel in builder.channels.items():
        answer = how_soon(channel, reviews[key])
        keys_by_answer.setdefault(answer, []).append(key)
    for answer, keys in keys_by_answer.items():
        yield builder.statement(
            hook,
            f"{_names_of(builder, keys)}：{answer}。",
            _of_all([reviews[key].clauses for key in keys]),
        )
    if any(review.at_once is not AtOnce.ALWAYS for review in reviews.values()):
        yield from _deadlines(builder)


def _deadlines(builder: GuideBuilder) -> Iterator[Statement]:
    """Return from when a deadline runs, when it ends, and which days are working days."""
    hook = CityRules.deadlines
    deadlines = builder.value(hook)
    of = deadlines.clauses
    first = "提交当日" if deadlines.first_day_counted else "提交次日"
    yield builder.statement(hook, f"期限自{first}起算。", of.first_day)
    yield builder.statement(
        hook, f"期限至最后一日的{phrase(deadlines.due_at)}止。", of.due_at
    )
    yield builder.statement(
        hook,
        "工作日以国务院公布的放假和补班安排为准；尚未公布的年份按周末与法定节日推定。",
        of.working_days,
    )


def _names_of(
    builder: GuideBuilder,
    keys: Iterable[ChannelId],
) -> str:
    return _names(builder.channels[key] for key in keys)


def _names(channels: Iterable[Channel]) -> str:
    return "、".join(channel.name for channel in channels)
