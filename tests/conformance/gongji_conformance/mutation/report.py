"""A score as people read it and as programs do (mutation.v1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from gongji import __version__

from gongji_conformance.city.words import percent
from gongji_conformance.mutation.scoring import Score
from gongji_conformance.reports import digest

SCHEMA: Final = "mutation.v1"


def text(score: Score) -> Iterator[str]:
    """The score, then what nobody noticed with the case to write, then what nobody could notice and why."""
    tried = len(score.killed) + len(score.survived) + len(score.equivalent)
    part = "" if score.whole else "(抽样)"
    yield (
        f"{score.city.pinyin}: 逐一改动 {tried} 处{part}, 察觉 {len(score.killed)}, 未察觉 {len(score.survived)}, "
        f"无从察觉 {len(score.equivalent)}; 察觉率 {percent(score.ratio_bp)}, 用时 {score.seconds:.1f} 秒"
    )
    for survivor in score.survived:
        yield f"未察觉 {survivor.name}"
        yield f"  {survivor.suggestion}"
    reasons = Counter(one.reason for one in score.equivalent)
    for reason, count in reasons.most_common():
        yield f"无从察觉 {count} 处: {reason}"


def document(score: Score) -> dict[str, Any]:
    """The score as JSON: `ratio_bp` in basis points, `digest` of the plugin's files.

    Where only a sample was tried, `whole` is false and the digest left out, so that nobody rates a city by it.
    """
    city = score.city
    judged = digest.plugin(city.pinyin, city.plugin, city.version)
    return {
        "schema": SCHEMA,
        "city": city.pinyin,
        "area_code": city.area_code,
        "plugin": city.plugin,
        "version": city.version,
        "digest": judged.digest if score.whole else "",
        "core": __version__,
        "whole": score.whole,
        "ratio_bp": score.ratio_bp,
        "seconds": round(score.seconds, 1),
        "killed": [{"name": one.name, "by": one.by} for one in score.killed],
        "survived": [
            {"name": s.name, "hook": s.hook, "where": s.where, "change": s.change, "suggestion": s.suggestion}
            for s in score.survived
        ],
        "equivalent": [{"name": one.name, "reason": one.reason} for one in score.equivalent],
    }
