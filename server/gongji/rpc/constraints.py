"""Enforce the options `rule` and `message_rule` of constraints.proto.

A message type is compiled once into closures; a message that keeps its rules costs a
few microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.model.refusals import Malformed, MalformedField, PartsDoNotSum
from gongji.rules.days import EARLIEST, LATEST
from gongji.text.characters import problem_of_identifier, problem_of_text
from gongji.v1 import constraints_pb2 as options

Check = Callable[[Any], None]
"""Checks a message or a value; raises _Violation if it breaks a rule."""

_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)

# Digits spelled out: \d and fromisoformat also take those of other scripts and forms.
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")

_SECONDS: Final = range(int(EARLIEST.timestamp()), int(LATEST.timestamp()))

_NANOS: Final = range(1_000_000_000)

# No number of a message lies outside these.
_INT64_MIN: Final = -(1 << 63)

_INT64_MAX: Final = (1 << 63) - 1

_TIMESTAMP: Final = "google.protobuf.Timestamp"

# Without presence an empty string and an unspecified enum are absent; a number is always
# there.
_EMPTY_IS_ABSENT: Final = frozenset(
    {FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM}
)


class _Violation(Exception):  # noqa: N818 - turned into a refusal before anyone sees it
    """A broken rule on its way up to the request; the path grows on the way."""

    def __init__(
        self, text: str, path: str = "", kind: type[Malformed] = MalformedField
    ) -> None:
        super().__init__(text)
        self.text = text
        self.path = path
        self.kind = kind

    def under(self, parent: str) -> _Violation:
        """Return the same violation seen from the parent field."""
        # An index follows its field without a dot: enrolments[2].from.
        dot = "." if self.path and self.path[0] != "[" else ""
        self.path = f"{parent}{dot}{self.path}"
        return self


def enforce(message: Message, under: str = "") -> None:
    """Refuse a message that breaks a rule of its protos.

    MalformedField or PartsDoNotSum with the field's path, e.g. `bill.enrolments[2].from`:
    the first in the order of declaration, the message's own rules last. Paths begin
    with `under` if the message is no request of its own.
    """
    check = _compiled.get(type(message))
    if check is None:
        # upb's descriptors have the same interface.
        check = message_check(message.DESCRIPTOR)  # type: ignore[arg-type]
        _compiled[type(message)] = check
    try:
        check(message)
    except _Violation as broken:
        path = broken.under(under).path if under else broken.path
        raise broken.kind(f"{path}：{broken.text}", field=path) from None


# Compiling a type costs as much as checking a thousand messages of it.
_compiled: dict[type[Message], Check] = {}


class _Field(NamedTuple):
    """How one field of a message is checked."""

    name: str
    has_presence: bool
    empty_is_absent: bool
    """Whether an empty value counts as none; of fields without presence."""
    if_absent: str
    """What is wrong if it is absent; empty if it may be."""
    check: Check | None


def message_check(descriptor: Descriptor) -> Check:
    """Return the check of a message type: fields in order, then oneofs and sums."""
    if descriptor.full_name == _TIMESTAMP:
        return _check_instant
    compiled = [_compile_field(field) for field in descriptor.fields]
    fields = tuple(field for field in compiled if field is not None)
    rule = descriptor.GetOptions().Extensions[options.message_rule]
    oneofs = [_oneof_check(descriptor.oneofs_by_name[n]) for n in rule.required_oneofs]
    sums = [_sum_check(s.total, tuple(s.parts)) for s in rule.sums]
    return partial(_check_message, fields, (*oneofs, *sums))


def _check_message(
    fields: tuple[_Field, ...], own: tuple[Check, ...], message: Message
) -> None:
    # hot path: one loop over the fields, no call for one that is absent.
    for name, has_presence, empty_is_absent, if_absent, check_value in fields:
        absent = has_presence and not message.HasField(name)
        value = None if absent else getattr(message, name)
        if value is None or (empty_is_absent and not value):
            if if_absent:
                raise _Violation(if_absent, name)
        elif check_value is not None:
            try:
                check_value(value)
            except _Violation as broken:
                raise broken.under(name) from None
    for check_own in own:
        check_own(message)


def _compile_field(field: FieldDescriptor) -> _Field | None:
    """Return the check of one field; None if nothing can be wrong with it."""
    rule = field.GetOptions().Extensions[options.rule]
    if field.is_repeated:
        if _is_map(field):
            return None
        return _Field(
            field.name,
            has_presence=False,
            empty_is_absent=True,
            if_absent="至少要有一项" if rule.required else "",
            check=_repeated_check(field, rule),
        )
    check = _value_check(field, rule)
    if check is None and not rule.required:
        return None
    nothing_if_empty = field.cpp_type in _EMPTY_IS_ABSENT
    return _Field(
        field.name,
        has_presence=field.has_presence,
        empty_is_absent=nothing_if_empty and not field.has_presence,
        if_absent="必填" if rule.required else "",
        check=check,
    )


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and bool(message.GetOptions().map_entry)


def _repeated_check(field: FieldDescriptor, rule: options.FieldRule) -> Check:
    """Return the check of a list that is not empty."""
    max_items = rule.max_items
    scalar = field.message_type is None
    check_element = _value_check(field, rule)
    # Each element must say something: neither empty text nor an unspecified enum.
    needs_content = field.cpp_type in _EMPTY_IS_ABSENT

    def check(values: Any) -> None:
        if max_items and len(values) > max_items:
            raise _Violation(f"最多 {max_items} 项，收到 {len(values)} 项")
        if scalar and len(set(values)) != len(values):
            raise _Violation("有重复的项")
        for i, value in enumerate(values):
            if needs_content and not value:
                raise _Violation("不能为空", f"[{i}]")
            if check_element is None:
                continue
            try:
                check_element(value)
            except _Violation as broken:
                raise broken.under(f"[{i}]") from None

    return check


def _value_check(field: FieldDescriptor, rule: options.FieldRule) -> Check | None:
    """Return the check of one value of a field's type; None if all are right."""
    if field.message_type is not None:
        return message_check(field.message_type)
    if field.enum_type is not None:
        return _enum_check(frozenset(field.enum_type.values_by_number))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text_check(rule)
    least = rule.min if rule.HasField("min") else _INT64_MIN
    greatest = rule.max if rule.HasField("max") else _INT64_MAX
    if (least, greatest) == (_INT64_MIN, _INT64_MAX):
        return None
    return _number_check(least, greatest)


def _enum_check(declared: frozenset[int]) -> Check:
    def check(value: int) -> None:
        # proto3 passes on any number, declared or not.
        if value not in declared:
            raise _Violation(f"没有编号为 {value} 的取值")

    return check


def _number_check(least: int, greatest: int) -> Check:
    def check(value: int) -> None:
        if value < least:
            raise _Violation(f"不得小于 {least}，收到 {value}")
        if value > greatest:
            raise _Violation(f"不得大于 {greatest}，收到 {value}")

    return check


def _text_check(rule: options.FieldRule) -> Check:
    """Return the check of a text: length, pattern, format."""
    min_len, max_len = rule.min_len, rule.max_len
    pattern = re.compile(rule.pattern) if rule.pattern else None
    meaning = rule.pattern_meaning
    # A pattern says by itself what may stand in a text.
    check_form = None if pattern else _check_readable
    check_form = _FORMATS.get(rule.format, check_form)

    def check(value: str) -> None:
        # The value itself is never quoted: it may be somebody's identity number.
        size = len(value)
        if size < min_len:
            raise _Violation(f"至少 {min_len} 个字符，收到 {size} 个")
        if max_len and size > max_len:
            raise _Violation(f"最多 {max_len} 个字符，收到 {size} 个")
        if pattern is not None and pattern.fullmatch(value) is None:
            raise _Violation(f"须为{meaning}")
        if check_form is not None:
            check_form(value)

    return check


def _check_uuid(value: str) -> None:
    if _UUID.fullmatch(value) is None:
        raise _Violation("须为 UUID（36 个字符）")


def _check_day(value: str) -> None:
    if _DAY.fullmatch(value) is None:
        raise _Violation("日期须写作 YYYY-MM-DD")
    _check_calendar(value)


def _check_month(value: str) -> None:
    if _MONTH.fullmatch(value) is None:
        raise _Violation("月份须写作 YYYY-MM")
    _check_calendar(value + "-01")


def _check_calendar(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise _Violation("日历上没有这一天") from None


def _check_readable(value: str) -> None:
    problem = problem_of_text(value)
    if problem:
        raise _Violation(problem)


def _check_identifier(value: str) -> None:
    problem = problem_of_identifier(value)
    if problem:
        raise _Violation(problem)


_FORMATS: Final = {
    options.FORMAT_UUID: _check_uuid,
    options.FORMAT_DAY: _check_day,
    options.FORMAT_MONTH: _check_month,
    options.FORMAT_IDENTIFIER: _check_identifier,
}


def _check_instant(value: Timestamp) -> None:
    if value.seconds not in _SECONDS or value.nanos not in _NANOS:
        raise _Violation(f"时刻须在 {EARLIEST.year} 年至 {LATEST.year - 1} 年之间")


def _oneof_check(oneof: OneofDescriptor) -> Check:
    name = oneof.name
    members = "、".join(f.name for f in oneof.fields)

    def check(message: Message) -> None:
        if message.WhichOneof(name) is None:
            raise _Violation(f"须给出其中之一：{members}", name)

    return check


def _sum_check(total: str, parts: tuple[str, ...]) -> Check:
    def check(message: Any) -> None:
        whole = getattr(message, total)
        added = sum([getattr(message, part) for part in parts])
        if whole != added:
            text = f"{total} 为 {whole} 分，而 {' + '.join(parts)} 为 {added} 分"
            raise _Violation(text, total, PartsDoNotSum)

    return check
