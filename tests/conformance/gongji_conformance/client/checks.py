"""What can be expected of a client in a scenario; each check finds what is missing and says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from gongji.v1 import binding_pb2

from gongji_conformance.client.acts import Refuse
from gongji_conformance.client.scenario import Check, Miss, Run

_WINDOW: Final = 5
_WINDOW_S: Final = 0.1
"""So many calls within so many seconds are a storm; the random waits of gRPC's own retries are none."""

_EARLY_S: Final = 0.02
"""By how much clocks and timers may disagree about a pause."""

_NOTHING: Final = "(没有)"


def done(n: int = 0, *, but: Collection[str] = (), **instead: object) -> Check:
    """The nth task is told as done, with what is true (`but` some of it), or what the server said instead."""

    def check(run: Run) -> Iterable[Miss]:
        expected = {"outcome": "done", **run.desk.truth(run.tasks[n]), **instead}
        yield from _compare({key: value for key, value in expected.items() if key not in but}, run.results[n])

    return check


def all_done(run: Run) -> Iterable[Miss]:
    """Every task is told as done, with what is true."""
    for n in range(len(run.tasks)):
        yield from done(n)(run)


def refused(by: Refuse) -> Check:
    """The first task is told as refused, with code, reason and the Chinese sentence."""

    def check(run: Run) -> Iterable[Miss]:
        expected = {"outcome": "refused", "code": by.code.name, "reason": by.reason, "message": by.message}
        yield from _compare(expected, run.results[0])

    return check


def unknown(run: Run) -> Iterable[Miss]:
    """The first task is told as unknown, with the request id under which it can be found out later."""
    told, sent = run.results[0], {call.request_id for call in run.seen}
    # Where nothing got through, no server knows what was sent.
    if told.get("outcome") != "unknown" or (sent and told.get("request_id") not in sent):
        yield Miss("outcome = unknown, request_id = 发出过的编号", _shown(told))


def not_done(run: Run) -> Iterable[Miss]:
    """The first task is told as refused or unknown: nothing was executed."""
    if run.results[0].get("outcome") not in {"refused", "unknown"}:
        yield Miss("outcome = refused 或 unknown", _shown(run.results[0]))


def either(*checks: Check) -> Check:
    """At least one of the checks finds nothing missing."""

    def check(run: Run) -> Iterable[Miss]:
        misses = [list(one(run)) for one in checks]
        if all(misses):
            expected = ", 或者 ".join("; ".join(miss.expected for miss in found) for found in misses)
            yield Miss(expected, misses[0][0].got)

    return check


def executed(run: Run) -> Iterable[Miss]:
    """Each task that changes something was executed once."""
    expected = sum(task["do"] in {"settle", "submit", "reverse"} for task in run.tasks)
    if expected != len(run.desk.executed):
        yield Miss(f"服务恰好执行 {expected} 次", f"执行了 {len(run.desk.executed)} 次")


def not_executed(run: Run) -> Iterable[Miss]:
    """Nothing was executed."""
    if run.desk.executed:
        yield Miss("服务什么也不执行", f"执行了 {len(run.desk.executed)} 次")


def calls(method: str, least: int, most: int | None = None) -> Check:
    """The method was called so often; `most` is `least` where it is not given."""
    upper = least if most is None else most

    def check(run: Run) -> Iterable[Miss]:
        count = len(run.calls(method))
        if not least <= count <= upper:
            wanted = f"{least}" if least == upper else f"{least} 至 {upper}"
            yield Miss(f"{method} 被调用 {wanted} 次", f"{count} 次")

    return check


def called_again(method: str) -> Check:
    """The method was called more than once."""

    def check(run: Run) -> Iterable[Miss]:
        if len(run.calls(method)) < 2:
            yield Miss(f"{method} 被再次调用", f"只调用了 {len(run.calls(method))} 次")

    return check


def same_request(method: str) -> Check:
    """All calls of the method carry one request, id and content."""

    def check(run: Run) -> Iterable[Miss]:
        sent = run.calls(method)
        ids = list(dict.fromkeys(call.request_id for call in sent))
        if len(ids) > 1:
            yield Miss("每次重发都用第一次的 request_id", f"用了 {len(ids)} 个编号: {'、'.join(ids)}")
        elif any(call.request != sent[0].request for call in sent):
            yield Miss("每次重发都与第一次内容相同", "编号相同, 内容变了")

    return check


def calm(method: str, most: int = 10) -> Check:
    """The method is called at most so often, and never in a storm."""

    def check(run: Run) -> Iterable[Miss]:
        at = [call.at_s for call in run.calls(method)]
        if len(at) > most:
            yield Miss(f"至多 {most} 次之后放弃", f"调用了 {len(at)} 次")
        spans = [later - sooner for sooner, later in zip(at, at[_WINDOW - 1 :], strict=False)]
        if spans and min(spans) < _WINDOW_S:
            yield Miss(f"任何 {_WINDOW} 次调用至少历时 {_WINDOW_S} 秒", f"{min(spans):.3f} 秒内 {_WINDOW} 次")

    return check


def waits(method: str, pushback_ms: int) -> Check:
    """No call of the method comes sooner after the one before than the server asked."""

    def check(run: Run) -> Iterable[Miss]:
        at = [call.at_s for call in run.calls(method)]
        for sooner, later in pairwise(at):
            if later - sooner < pushback_ms / 1000 - _EARLY_S:
                yield Miss(f"至少等 {pushback_ms} 毫秒再重试", f"{(later - sooner) * 1000:.0f} 毫秒后就重试了")
                return

    return check


def state_not_known(run: Run) -> Iterable[Miss]:
    """The first task's state is told as something that is no known state."""
    told = run.results[0].get("state")
    if told in binding_pb2.BindingState.keys() or told in binding_pb2.BindingState.values():  # noqa: SIM118 - no mapping
        yield Miss("state = 编号、UNRECOGNIZED 或类似的说法, 不冒充已知的状态", f"state = {told}")


def _compare(expected: Mapping[str, object], told: Mapping[str, Any]) -> Iterable[Miss]:
    got = {key: told.get(key) for key in expected}
    if _plain(expected) != _plain(got):
        # A refusal says more than the fields that are missing.
        yield Miss(_shown(expected), _shown(got if told.get("outcome") == expected["outcome"] else told))


def _plain(value: object) -> object:
    """Whole numbers as text: JSON of some languages has no int64. A float stays one, and is never equal."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _shown(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_NOTHING if value is None else _text(value)}" for key, value in told.items())


def _text(value: object) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)
