"""Verdicts as people read them, and as programs do."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gongji_conformance.client.verdicts import Verdict

FORMAT: Final = "gongji-client-conformance.v1"
_SHOWN: Final = 5
"""How many misses and how many of the calls are printed; the JSON has them all."""

_WORDS: Final = ("pass", "fail", "not-applicable", "suite-error")


def text(verdicts: Sequence[Verdict], argv: Sequence[str]) -> Iterator[str]:
    """The failures, each with what is needed to repeat and mend it; then the table."""
    for verdict in verdicts:
        if verdict.word in {"fail", "suite-error"}:
            yield from (*_failure(verdict, argv), "")
    for verdict in verdicts:
        told = f" ({verdict.problem})" if verdict.word == "not-applicable" else ""
        yield f"{verdict.word:<15} {verdict.item.id:<22} {verdict.item.says}{told}"
    yield ", ".join(f"{word} {count}" for word, count in _counts(verdicts).items() if count)


def as_json(verdicts: Sequence[Verdict], argv: Sequence[str]) -> dict[str, Any]:
    """The same in full."""
    return {
        "format": FORMAT,
        "command": list(argv),
        "counts": _counts(verdicts),
        "verdicts": [
            {
                "id": verdict.item.id,
                "says": verdict.item.says,
                "why": verdict.item.why,
                "verdict": verdict.word,
                "problem": verdict.problem,
                "misses": [{"expected": miss.expected, "got": miss.got} for miss in verdict.misses],
                "calls": list(_calls(verdict)),
                "told": list(verdict.run.told.lines) if verdict.run else [],
                "repeat": _repeat(verdict, argv),
            }
            for verdict in verdicts
        ],
    }


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """1 where anything failed, 2 where only the suite did, 0 otherwise."""
    words = {verdict.word for verdict in verdicts}
    return 1 if "fail" in words else 2 if "suite-error" in words else 0


def _failure(verdict: Verdict, argv: Sequence[str]) -> Iterator[str]:
    yield f"{verdict.item.id} {verdict.item.says}"
    if verdict.problem:
        yield f"  套件自身出错, 不是客户端的过失: {verdict.problem}"
    for miss in verdict.misses[:_SHOWN]:
        yield f"  应为: {miss.expected}"
        yield f"  实为: {miss.got}"
    if len(verdict.misses) > _SHOWN:
        yield f"  … 另有 {len(verdict.misses) - _SHOWN} 处"
    yield f"  为什么要紧: {verdict.item.why}"
    calls = list(_calls(verdict))
    for call in calls[:_SHOWN]:
        said = f" request_id={call['request_id']}" if call["request_id"] else ""
        yield f"  服务看到: {call['at_s']:.3f} 秒 {call['method']}{said}, {call['ending']}"
    if len(calls) > _SHOWN:
        yield f"  … 另有 {len(calls) - _SHOWN} 次调用"
    for line in verdict.run.told.lines[:_SHOWN] if verdict.run else ():
        yield f"  客户端说: {line}"
    yield f"  重做: {_repeat(verdict, argv)}"


def _calls(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """The calls without metadata and content: those may hold what must not be printed."""
    for call in verdict.run.seen if verdict.run else ():
        yield {
            "method": call.method,
            "at_s": round(call.at_s, 3),
            "deadline_s": None if call.left_s is None else round(call.left_s, 3),
            "request_id": call.request_id,
            "ending": call.ending,
        }


def _counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counted = Counter(verdict.word for verdict in verdicts)
    return {word: counted[word] for word in _WORDS}


def _repeat(verdict: Verdict, argv: Sequence[str]) -> str:
    return f"python -m gongji_conformance.client --only {verdict.item.id} -- {shlex.join(argv)}"
