"""The sections on channels: compared in one table, then materials, steps and review of each."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.comparison import comparison, how_soon
from gongji.guide.page import LineList, Said, Section
from gongji.guide.speaker import Speaker, phrase
from gongji.rules.channels import AtOnce, Channel, ChannelId
from gongji.rules.hookspecs import CityRules


def sections(speaker: Speaker) -> tuple[Section, ...]:
    """Channels compared, materials, steps, agreement and consent, review."""
    return (
        Section("办理渠道对比", (comparison(speaker),)),
        Section("办理材料", parts=tuple(_materials(speaker))),
        Section(
            "办理步骤", (LineList(tuple(_promises(speaker))),), tuple(_steps(speaker))
        ),
        Section("审核与生效", (LineList(tuple(_review(speaker))),)),
    )


def _materials(speaker: Speaker) -> Iterator[Section]:
    """Materials in full, channels that ask for the same ones together."""
    asked_by: dict[tuple[str, ...], list[ChannelId]] = {}
    materials = speaker.value(CityRules.materials)
    for key, needs in materials.items():
        asked_by.setdefault(tuple(map(phrase, needs)), []).append(key)
    for asked, keys in asked_by.items():
        channels = [speaker.channels[key] for key in keys]
        lines = tuple(
            speaker.says_for(
                CityRules.materials,
                channels,
                f"{text}。",
                (materials[key][n].clauses for key in keys),
            )
            for n, text in enumerate(asked)
        )
        nothing = speaker.says_for(
            CityRules.materials, channels, "无须提交材料, 完成身份核验即可。"
        )
        yield Section(_names(channels), (LineList(lines or (nothing,)),))


def _names(channels: list[Channel]) -> str:
    return "、".join(channel.name for channel in channels)


def _promises(speaker: Speaker) -> Iterator[Said]:
    yield speaker.says(
        CityRules.agreement, f"协议: {phrase(speaker.value(CityRules.agreement))}。"
    )
    yield speaker.says(
        CityRules.consent, f"使用人同意: {phrase(speaker.value(CityRules.consent))}。"
    )


def _steps(speaker: Speaker) -> Iterator[Section]:
    """Entry and steps, channels that share them together; those the documents are
    silent on at the end."""
    alike: dict[tuple[object, ...], list[Channel]] = {}
    for channel in speaker.channels.values():
        alike.setdefault((channel.entry, channel.steps), []).append(channel)
    silent = alike.pop(("", ()), [])
    for channels in alike.values():
        first = channels[0]
        entry = (
            [speaker.says_of(channels, f"入口: {first.entry}。")] if first.entry else []
        )
        steps = [speaker.steps(CityRules.channels, first.steps)] if first.steps else []
        yield Section(_names(channels), (*entry, *steps))
    if silent:
        yield Section(
            _names(silent),
            (speaker.says_of(silent, "文件没有写明步骤, 按渠道提示办理。"),),
        )


def _review(speaker: Speaker) -> Iterator[Said]:
    reviews = speaker.value(CityRules.review_latency)
    by_answer: dict[str, list[ChannelId]] = {}
    for key, channel in speaker.channels.items():
        by_answer.setdefault(how_soon(channel, reviews[key]), []).append(key)
    for answer, keys in by_answer.items():
        yield _said_of_review(
            speaker,
            keys,
            f"{_names([speaker.channels[key] for key in keys])}: {answer}。",
        )
    reviewed = [
        key for key, latency in reviews.items() if latency.at_once is not AtOnce.ALWAYS
    ]
    if reviewed:
        yield _said_of_review(
            speaker,
            reviewed,
            "工作日自提交次日起算, 以国务院公布的放假和补班安排为准。",
        )


def _said_of_review(speaker: Speaker, keys: list[ChannelId], text: str) -> Said:
    told = [speaker.value(CityRules.review_latency)[key].clauses for key in keys]
    return speaker.says_for(
        CityRules.review_latency, [speaker.channels[key] for key in keys], text, told
    )
