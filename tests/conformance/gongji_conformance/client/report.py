"""Verdicts as people read them, and as programs do."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from gongji_conformance.client.verdicts import ClientVerdict

FORMAT: Final = "gongji-client-conformance.v1"
_SHOWN: Final = 5
"""How many misses and how many of the calls are printed; the JSON has them all."""

_WORDS: Final = ("pass", "fail", "not-applicable", "suite-error")


Verdicts = Sequence[ClientVerdict]
Arguments = Sequence[str]


def text(verdicts: Verdicts, argv: Arguments) -> Iterator[str]:
    """Yield the failures with what is needed to mend them, then the table."""
    for verdict in verdicts:
        if verdict.word in {"fail", "suite-error"}:
            yield from (*_failure(verdict, argv), "")
    for verdict in verdicts:
        yield _row(verdict)
    counts = _counts(verdicts).items()
    words = [f"{word} {count}" for word, count in counts if count]
    yield ", ".join(words)


def _row(verdict: ClientVerdict) -> str:
    """Write a verdict as a row of the table."""
    item = verdict.item
    row = f"{verdict.word:<15} {item.id:<22} {item.says}"
    if verdict.word == "not-applicable":
        return f"{row}（{verdict.problem}）"
    return row


def as_json(verdicts: Verdicts, argv: Arguments) -> dict[str, Any]:
    """Return the same in full."""
    return {
        "format": FORMAT,
        "command": list(argv),
        "counts": _counts(verdicts),
        "verdicts": [_as_json(verdict, argv) for verdict in verdicts],
    }


def _as_json(verdict: ClientVerdict, argv: Arguments) -> dict[str, Any]:
    item = verdict.item
    run = verdict.run
    return {
        "id": item.id,
        "says": item.says,
        "why": item.why,
        "verdict": verdict.word,
        "problem": verdict.problem,
        "misses": [asdict(miss) for miss in verdict.misses],
        "calls": list(_calls(verdict)),
        "told": list(run.output.lines) if run else [],
        "repeat": _repeat(verdict, argv),
    }


def exit_code(verdicts: Verdicts) -> int:
    """Return 1 if anything failed, 2 if only the suite did, 0 otherwise."""
    words = {verdict.word for verdict in verdicts}
    if "fail" in words:
        return 1
    if "suite-error" in words:
        return 2
    return 0


def _failure(verdict: ClientVerdict, argv: Arguments) -> Iterator[str]:
    """Yield a failure: expected, got, why it matters, calls, repetition."""
    item = verdict.item
    yield f"{item.id} {item.says}"
    if verdict.problem:
        yield f"  套件自身出错，不是客户端的过失：{verdict.problem}"
    misses = verdict.misses
    for miss in misses[:_SHOWN]:
        yield f"  应为：{miss.expected}"
        yield f"  实为：{miss.got}"
    if len(misses) > _SHOWN:
        yield f"  … 另有 {len(misses) - _SHOWN} 处"
    yield f"  为什么要紧：{item.why}"
    yield from _observed(verdict)
    yield f"  重做：{_repeat(verdict, argv)}"


def _observed(verdict: ClientVerdict) -> Iterator[str]:
    """Yield what the server saw and what the client printed."""
    calls = list(_calls(verdict))
    for call in calls[:_SHOWN]:
        number = call["request_id"]
        request_id = f" request_id={number}" if number else ""
        observed = f"{call['at_s']:.3f} 秒 {call['method']}{request_id}"
        yield f"  服务看到：{observed}，{call['ending']}"
    if len(calls) > _SHOWN:
        yield f"  … 另有 {len(calls) - _SHOWN} 次调用"
    for line in verdict.run.output.lines[:_SHOWN] if verdict.run else ():
        yield f"  客户端说：{line}"


def _calls(verdict: ClientVerdict) -> Iterator[dict[str, Any]]:
    # Without metadata and content: those may hold what must not be printed.
    for call in verdict.run.observed if verdict.run else ():
        yield {
            "method": call.method,
            "at_s": round(call.at_s, 3),
            "deadline_s": None if call.left_s is None else round(call.left_s, 3),
            "request_id": call.request_id,
            "ending": call.ending,
        }


def _counts(verdicts: Verdicts) -> dict[str, int]:
    counts = Counter(verdict.word for verdict in verdicts)
    return {word: counts[word] for word in _WORDS}


def _repeat(verdict: ClientVerdict, argv: Arguments) -> str:
    """Write the command that repeats one verdict."""
    only = f"python -m gongji_conformance.client --only {verdict.item.id}"
    return f"{only} -- {shlex.join(argv)}"
