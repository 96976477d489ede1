"""A score as people read it and as programs do (mutation.v1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from gongji import __version__

from gongji_conformance.city.words import percent
from gongji_conformance.mutation.verdicts import Score
from gongji_conformance.reports import digest

SCHEMA: Final = "mutation.v1"


def text(score: Score) -> Iterator[str]:
    """Yield the score, what nobody noticed, and what nobody could notice and why."""
    killed = len(score.killed)
    survived = len(score.survived)
    equivalent = len(score.equivalent)
    tried = killed + survived + equivalent
    part = "" if score.whole else "（抽样）"
    yield (
        f"{score.city.pinyin}：逐一改动 {tried} 处{part}，"
        f"察觉 {killed}，未察觉 {survived}，无从察觉 {equivalent}；"
        f"察觉率 {percent(score.ratio_bp)}，用时 {score.seconds:.1f} 秒"
    )
    for survivor in score.survived:
        yield f"未察觉 {survivor.name}"
        yield f"  {survivor.suggestion}"
    reasons = Counter(mutant.reason for mutant in score.equivalent)
    for reason, count in reasons.most_common():
        yield f"无从察觉 {count} 处：{reason}"


def document(score: Score) -> dict[str, Any]:
    """Return the score as JSON: `ratio_bp` in basis points, `digest` of the files."""
    city = score.city
    plugin = digest.plugin(city.pinyin, city.plugin, city.version)
    return {
        "schema": SCHEMA,
        "city": city.pinyin,
        "area_code": city.area_code,
        "plugin": city.plugin,
        "version": city.version,
        # Left out of a sample, so that nobody rates a city by it.
        "digest": plugin.digest if score.whole else "",
        "core": __version__,
        "whole": score.whole,
        "ratio_bp": score.ratio_bp,
        "seconds": round(score.seconds, 1),
        "killed": [asdict(mutant) for mutant in score.killed],
        "survived": [asdict(mutant) for mutant in score.survived],
        "equivalent": [asdict(mutant) for mutant in score.equivalent],
    }
