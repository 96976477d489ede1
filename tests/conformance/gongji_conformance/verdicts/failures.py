"""Writes a failure so that anybody can read and repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc

from gongji_conformance.city.recorder import RecordedCall, redacted, shown
from gongji_conformance.city.stubs import CallRefused, refusal
from gongji_conformance.verdicts.results import Call

MAX_SHOWN: Final = 600
"""Characters of one value that are shown."""
MAX_BEFORE: Final = 60
"""Characters shown before two long values begin to differ."""
MAX_CALLS: Final = 40
MAX_JSON: Final = 1500
"""Characters of one message in a report."""
MAX_REQUESTS: Final = 5
"""Messages of one stream in a report."""


@dataclass(
    frozen=True,
    slots=True,
)
class ComparedValues:
    """The two sides of the comparison that did not hold."""

    op: str
    expected: str
    got: str

    def lines(self) -> Iterator[str]:
        """Yield expected and got."""
        if self.op == "==":
            yield f"  应为：{self.expected}"
            yield f"  实为：{self.got}"
        else:
            yield f"  应当成立：{self.expected} {self.op} {self.got}"


def compared(
    op: str,
    left: object,
    right: object,
) -> ComparedValues:
    """Return two values as text, long ones cut to where they begin to differ."""
    expected = _text(left)
    got = _text(right)
    skipped = 0
    if max(len(expected), len(got)) > MAX_SHOWN:
        skipped = max(0, _alike(expected, got) - MAX_BEFORE)
    return ComparedValues(op, _from(expected, skipped), _from(got, skipped))


def _alike(expected: str, got: str) -> int:
    """Return how many characters two texts begin with in common."""
    pairs = enumerate(zip(expected, got, strict=False))
    differing = (at for at, (left, right) in pairs if left != right)
    return next(differing, min(len(expected), len(got)))


def _from(text: str, start: int) -> str:
    ellipsis = "… " if start else ""
    return ellipsis + _cut(text[start:])


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class Failure:
    """A failed law, or an error of the suite, and what was recorded of it."""

    head: str
    basis: str
    error: BaseException
    values: ComparedValues | None
    calls: Sequence[RecordedCall]
    repeat: str
    """The command that repeats it."""

    def text(self) -> str:
        """Write it from top to bottom, personal data hidden."""
        lines = [
            self.head,
            f"  依据：{self.basis}",
            *self._input(),
            *self._outcome(),
            *self._answer(),
            f"  重做：{self.repeat}",
        ]
        return redacted("\n".join(lines))

    def _input(self) -> Iterator[str]:
        """Yield the last request."""
        for call in self.calls[-1:]:
            requests = [shown(request) for request in call.requests[:MAX_REQUESTS]]
            yield f"  输入：{call.name} {_cut(_json(requests))}"

    def _outcome(self) -> Iterator[str]:
        """Yield what came instead of what was expected."""
        if self.values is not None and isinstance(self.error, AssertionError):
            yield from self.values.lines()
        else:
            yield f"  实为：{_exception(self.error)}"

    def _answer(self) -> Iterator[str]:
        """Yield the refusal the assertion was about; another error says it itself."""
        for call in self.calls[-1:]:
            if call.error is not None and isinstance(self.error, AssertionError):
                yield f"  服务的答复：{_refusal_line(call.error)}"


def calls(recorded: Iterable[RecordedCall]) -> list[Call]:
    """Return the calls as a report keeps them: the last ones, long messages cut."""
    return [_call(call) for call in list(recorded)[-MAX_CALLS:]]


def _call(call: RecordedCall) -> Call:
    """Return a call as a report keeps it."""
    requests = call.requests[:MAX_REQUESTS]
    return Call(
        method=call.name,
        requests=[_short(shown(request)) for request in requests],
        reply=None if call.reply is None else _short(shown(call.reply)),
        refused=None if call.error is None else _refused(call.error),
    )


def _refused(error: grpc.RpcError) -> dict[str, Any]:
    """Return an error as a report keeps it."""
    if not isinstance(error, grpc.Call):
        return {"code": "UNKNOWN", "message": redacted(str(error))}
    call = refusal(error)
    plain: dict[str, Any] = {
        "code": call.code,
        "reason": call.reason,
        "field": call.field,
        "message": redacted(call.message),
        "conditions": _conditions(call),
    }
    return {key: value for key, value in plain.items() if value}


def _conditions(call: CallRefused) -> list[dict[str, Any]]:
    return [
        {
            "hook": unmet.hook,
            "clauses": list(unmet.clauses),
            "message": redacted(unmet.message),
        }
        for unmet in call.conditions
    ]


def _refusal_line(error: grpc.RpcError) -> str:
    plain = _refused(error)
    keys = [key for key in ("code", "reason", "message") if key in plain]
    return " ".join(str(plain[key]) for key in keys)


def _exception(error: BaseException) -> str:
    """Write an error on one line."""
    if isinstance(error, grpc.RpcError):
        return f"调用被拒绝 {_refusal_line(error)}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {_cut(lines[0]) if lines else ''}"


def _short(plain: Any) -> Any:
    """Return a message as JSON, or its beginning if it is long."""
    text = _json(plain)
    if len(text) <= MAX_JSON:
        return plain
    # Cut, it is no JSON any more: its fields are not known. Whole lines are read better.
    beginning = json.dumps(plain, ensure_ascii=False, indent=2)[:MAX_JSON]
    lines = redacted(beginning.rpartition("\n")[0])
    return f"{lines}\n…（共 {len(text)} 字符）"


def _json(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    # On one line, however the value writes itself.
    return " ".join(repr(value).split())


def _cut(text: str) -> str:
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}…（共 {len(text)} 字符）"
