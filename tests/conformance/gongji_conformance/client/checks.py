"""What can be expected of a client in a scenario; each check yields what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from gongji.v1 import binding_pb2

from gongji_conformance.client.acts import Refuse
from gongji_conformance.client.scenario import (
    Check,
    Mismatch,
    Mismatches,
    ScenarioRun,
)

_WINDOW: Final = 5
_WINDOW_S: Final = 0.1
"""So many calls within so many seconds are a storm; gRPC's own retries are none."""

_EARLY_S: Final = 0.02
"""By how much clocks and timers may disagree about a pause."""

_CHANGING: Final = frozenset({"settle", "submit", "reverse"})
_NOTHING: Final = "（没有）"


# --- what the client prints -------------------------------------------------------


def done(n: int = 0, *, but: Collection[str] = (), **instead: object) -> Check:
    """Expect the nth task as done, with the truth, or what the server said instead.

    `but` are keys that are not compared.
    """

    def check(run: ScenarioRun) -> Mismatches:
        truth = run.backend.truth(run.tasks[n])
        expected = {"outcome": "done", **truth, **instead}
        for key in but:
            expected.pop(key, None)
        yield from _compare(expected, run.results[n])

    return check


def all_done(run: ScenarioRun) -> Mismatches:
    """Expect every task as done, with the truth."""
    for n in range(len(run.tasks)):
        yield from done(n)(run)


def refused(by: Refuse) -> Check:
    """Expect the first task as refused, with code, reason and the Chinese sentence."""
    expected = {
        "outcome": "refused",
        "code": by.code.name,
        "reason": by.reason,
        "message": by.message,
    }

    def check(run: ScenarioRun) -> Mismatches:
        yield from _compare(expected, run.results[0])

    return check


def unknown(run: ScenarioRun) -> Mismatches:
    """Expect the first task as unknown, with the id it can be found out by later."""
    result = run.results[0]
    sent = {call.request_id for call in run.observed}
    # If nothing got through, no server knows what was sent.
    named = not sent or result.get("request_id") in sent
    if result.get("outcome") != "unknown" or not named:
        expected = "outcome = unknown, request_id = 发出过的编号"
        yield Mismatch(expected, _shown(result))


def not_done(run: ScenarioRun) -> Mismatches:
    """Expect the first task as refused or unknown: nothing was executed."""
    result = run.results[0]
    if result.get("outcome") not in {"refused", "unknown"}:
        yield Mismatch("outcome = refused 或 unknown", _shown(result))


def state_not_known(run: ScenarioRun) -> Mismatches:
    """Expect the first task's state to be written as none of the known ones."""
    state = run.results[0].get("state")
    names, numbers = (
        binding_pb2.BindingState.keys(),
        binding_pb2.BindingState.values(),
    )
    if state in names or state in numbers:
        expected = "state = 编号、UNRECOGNIZED 或类似的说法，不冒充已知的状态"
        yield Mismatch(expected, f"state = {state}")


def either(*checks: Check) -> Check:
    """Expect that at least one of the checks finds nothing missing."""

    def check(run: ScenarioRun) -> Mismatches:
        misses = [list(check(run)) for check in checks]
        if all(misses):
            expected = "，或者 ".join(map(_expected, misses))
            yield Mismatch(expected, misses[0][0].got)

    return check


def _expected(misses: Iterable[Mismatch]) -> str:
    """Write what one check expected."""
    return "; ".join(miss.expected for miss in misses)


# --- what the server executed and saw ---------------------------------------------


def executed(run: ScenarioRun) -> Mismatches:
    """Expect each task that changes something to be executed once."""
    expected = sum(task["do"] in _CHANGING for task in run.tasks)
    count = len(run.backend.executed)
    if expected != count:
        yield Mismatch(f"服务恰好执行 {expected} 次", f"执行了 {count} 次")


def not_executed(run: ScenarioRun) -> Mismatches:
    """Expect that nothing was executed."""
    count = len(run.backend.executed)
    if count:
        yield Mismatch("服务什么也不执行", f"执行了 {count} 次")


def calls(
    method: str,
    least: int,
    most: int | None = None,
) -> Check:
    """Expect so many calls of the method, exactly `least` if `most` is not given."""
    upper = least if most is None else most
    span = f"{least}" if least == upper else f"{least} 至 {upper}"

    def check(run: ScenarioRun) -> Mismatches:
        count = len(run.calls(method))
        if not least <= count <= upper:
            yield Mismatch(f"{method} 被调用 {span} 次", f"{count} 次")

    return check


def called_again(method: str) -> Check:
    """Expect more than one call of the method."""

    def check(run: ScenarioRun) -> Mismatches:
        count = len(run.calls(method))
        if count < 2:
            yield Mismatch(f"{method} 被再次调用", f"只调用了 {count} 次")

    return check


def same_request(method: str) -> Check:
    """Expect all calls of the method to carry one request, id and content."""

    def check(run: ScenarioRun) -> Mismatches:
        sent = run.calls(method)
        request_ids = [call.request_id for call in sent]
        ids = list(dict.fromkeys(request_ids))
        if len(ids) > 1:
            got = f"用了 {len(ids)} 个编号：{'、'.join(ids)}"
            yield Mismatch("每次重发都用第一次的 request_id", got)
        elif any(call.request != sent[0].request for call in sent):
            yield Mismatch("每次重发都与第一次内容相同", "编号相同，内容变了")

    return check


def calm(method: str, most: int = 10) -> Check:
    """Expect few calls of the method, and never a storm of them."""

    def check(run: ScenarioRun) -> Mismatches:
        at_s = [call.at_s for call in run.calls(method)]
        if len(at_s) > most:
            yield Mismatch(f"至多 {most} 次之后放弃", f"调用了 {len(at_s)} 次")
        # Of any five calls the time from the first to the last.
        windows = zip(at_s, at_s[_WINDOW - 1 :], strict=False)
        spans = [last - first for first, last in windows]
        if spans and min(spans) < _WINDOW_S:
            expected = f"任何 {_WINDOW} 次调用至少历时 {_WINDOW_S} 秒"
            yield Mismatch(expected, f"{min(spans):.3f} 秒内 {_WINDOW} 次")

    return check


def waits(method: str, pushback_ms: int) -> Check:
    """Expect each call of the method to come no sooner than the server asked."""

    def check(run: ScenarioRun) -> Mismatches:
        calls = pairwise(run.calls(method))
        pauses_s = [later.at_s - sooner.at_s for sooner, later in calls]
        least_s = pushback_ms / 1000 - _EARLY_S
        early_s = [pause_s for pause_s in pauses_s if pause_s < least_s]
        if early_s:
            expected = f"至少等 {pushback_ms} 毫秒再重试"
            yield Mismatch(expected, f"{early_s[0] * 1000:.0f} 毫秒后就重试了")

    return check


# --- comparing --------------------------------------------------------------------


def _compare(expected: Mapping[str, object], result: Mapping[str, Any]) -> Mismatches:
    """Yield a mismatch if the result differs in the expected keys."""
    got = {key: result.get(key) for key in expected}
    if _plain(expected) == _plain(got):
        return
    # A refusal says more than the fields that are missing.
    same_outcome = result.get("outcome") == expected["outcome"]
    yield Mismatch(_shown(expected), _shown(got if same_outcome else result))


def _plain(value: object) -> object:
    """Write whole numbers as text."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    # JSON of some languages has no int64; a float stays one and is never equal.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _shown(result: Mapping[str, Any]) -> str:
    """Write a result on one line."""
    pairs = [f"{key} = {_text(value)}" for key, value in result.items()]
    return ", ".join(pairs)


def _text(value: object) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, list):
        return "、".join(map(str, value))
    return str(value)
