"""Tells a failure so that anybody can read and repeat it: sentence, basis, input, expected, got, one command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc

from gongji_conformance.city.record import Said, redacted, shown
from gongji_conformance.city.wire import refusal
from gongji_conformance.verdicts.results import Call

LONGEST: Final = 600
"""Characters of one value that are shown."""
BEFORE: Final = 60
"""Characters shown before two long values begin to differ."""
SHOWN_CALLS: Final = 40
MOST_JSON: Final = 1500
"""Characters of one message in a report."""
REQUESTS: Final = 5
"""Messages of one stream in a report."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The two sides of the comparison that did not hold."""

    op: str
    expected: str
    got: str

    def lines(self) -> Iterator[str]:
        """Expected and got."""
        if self.op == "==":
            yield f"  应为: {self.expected}"
            yield f"  实为: {self.got}"
        else:
            yield f"  应当成立: {self.expected} {self.op} {self.got}"


def compared(op: str, left: object, right: object) -> Compared:
    """The comparison of two values, each cut to what fits a few lines, from where they begin to differ."""
    texts = [_text(left), _text(right)]
    alike = _alike(*texts) if max(map(len, texts)) > LONGEST else 0
    skipped = max(0, alike - BEFORE)
    return Compared(op, *(("… " if skipped else "") + _cut_text(text[skipped:]) for text in texts))


def failure(
    head: str, error: BaseException, *, basis: str, sides: Compared | None, said: Sequence[Said], again: str
) -> str:
    """A failed law, or an error of the suite, from top to bottom."""
    told = [head, f"  依据: {basis}"]
    if said:
        told.append(f"  输入: {said[-1].name} {_cut_text(_json([shown(r) for r in said[-1].requests[:REQUESTS]]))}")
    if sides is not None and isinstance(error, AssertionError):
        told += sides.lines()
    else:
        told.append(f"  实为: {_exception(error)}")
    if said and said[-1].error is not None and isinstance(error, AssertionError):
        told.append(f"  服务的答复: {_refusal_line(said[-1].error)}")
    return redacted("\n".join([*told, f"  重做: {again}"]))


def calls(said: Iterable[Said]) -> list[Call]:
    """What was said, as a report keeps it: the last calls, long messages cut."""
    return [_call(one) for one in list(said)[-SHOWN_CALLS:]]


def _call(said: Said) -> Call:
    return Call(
        method=said.name,
        requests=[_short(shown(request)) for request in said.requests[:REQUESTS]],
        reply=None if said.reply is None else _short(shown(said.reply)),
        refused=None if said.error is None else _refused(said.error),
    )


def _refused(error: grpc.RpcError) -> dict[str, Any]:
    if not isinstance(error, grpc.Call):
        return {"code": "UNKNOWN", "message": redacted(str(error))}
    told = refusal(error)
    plain = {"code": told.code, "reason": told.reason, "field": told.field, "message": redacted(told.message)}
    conditions = [{"hook": c.hook, "clauses": list(c.clauses), "message": redacted(c.message)} for c in told.conditions]
    return {**{key: text for key, text in plain.items() if text}, **({"conditions": conditions} if conditions else {})}


def _refusal_line(error: grpc.RpcError) -> str:
    told = _refused(error)
    return " ".join(str(told[key]) for key in ("code", "reason", "message") if told.get(key))


def _exception(error: BaseException) -> str:
    if isinstance(error, grpc.RpcError):
        return f"调用被拒绝 {_refusal_line(error)}"
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {_cut_text(first[0]) if first else ''}"


def _short(plain: Any) -> Any:
    """A message as JSON, or its beginning where it is long."""
    text = _json(plain)
    return plain if len(text) <= MOST_JSON else f"{redacted(text[:MOST_JSON])} … (共 {len(text)} 字符)"


def _json(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False)


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else " ".join(repr(value).split())


def _cut_text(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (共 {len(text)} 字符)"
