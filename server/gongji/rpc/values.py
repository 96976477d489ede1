"""Checks of one value of a request: texts, numbers, enums, instants; faults told in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.model.refusals import Malformed, MalformedField
from gongji.rpc.convert import mask
from gongji.rules.days import EARLIEST, LATEST
from gongji.rules.money import yuan
from gongji.text.characters import problem_of_identifier, problem_of_text
from gongji.text.forms import DAY, MONTH, UUID, TextForm, pattern_form
from gongji.v1 import constraints_pb2 as options

Check = Callable[[Any], None]
"""Checks a message or a value; raises Violation if it breaks a rule."""

ALLOWED: Final = "allowed"
"""The entry of a refusal's metadata that lists the values there are."""

EXAMPLE: Final = "example"
"""The entry of a refusal's metadata that shows a value of the form asked for."""

# No number of a message lies outside these.
_INT64_MIN: Final = -(1 << 63)

_INT64_MAX: Final = (1 << 63) - 1

_SECONDS: Final = range(int(EARLIEST.timestamp()), int(LATEST.timestamp()))

_NANOS: Final = range(1_000_000_000)

_FORMS: Final[Mapping[int, TextForm]] = {
    options.FORMAT_UUID: UUID,
    options.FORMAT_DAY: DAY,
    options.FORMAT_MONTH: MONTH,
}


class FieldFault(NamedTuple):
    """What is wrong, in Chinese, and what programs are told beside it."""

    text: str
    data: Mapping[str, str]


class Violation(Exception):  # noqa: N818 - turned into a refusal before anyone sees it
    """A broken rule on its way up to the request; the path grows on the way.

    `data` is what programs are told beside the sentence.
    """

    def __init__(
        self,
        text: str,
        path: str = "",
        kind: type[Malformed] = MalformedField,
        data: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(text)
        self.text = text
        self.path = path
        self.kind = kind
        self.data = data

    @classmethod
    def of(cls, fault: FieldFault, path: str = "") -> Violation:
        """Return the violation that is a fault of the field at a path."""
        return cls(fault.text, path, data=fault.data)

    def refusal(self) -> Malformed:
        """Return the refusal that names the path and says what is wrong."""
        refusal = self.kind(f"{self.path}：{self.text}", field=self.path)
        refusal.metadata.update(self.data)
        return refusal

    def under(self, parent: str) -> Violation:
        """Return the same violation seen from the parent field."""
        # An index follows its field without a dot: enrolments[2].from.
        dot = "." if self.path and self.path[0] != "[" else ""
        self.path = f"{parent}{dot}{self.path}"
        return self


def scalar_check(field: FieldDescriptor, rule: options.FieldRule) -> Check | None:
    """Return the check of one value of a field that is no message; None if all are right."""
    if field.enum_type is not None:
        return _enum_check(field.enum_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text_check(rule)
    least = rule.min if rule.HasField("min") else _INT64_MIN
    greatest = rule.max if rule.HasField("max") else _INT64_MAX
    if (least, greatest) == (_INT64_MIN, _INT64_MAX):
        return None
    unit = _FEN if field.name.rpartition("_")[2] == "fen" else _PLAIN
    return _number_check(least, greatest, unit, hidden=rule.personal)


def absence_of(
    field: FieldDescriptor, rule: options.FieldRule, said: str = ""
) -> FieldFault:
    """Return what is wrong if a required value is absent, and what belongs there."""
    fault = said or ("至少要有一项" if field.is_repeated else "必填")
    if field.enum_type is not None:
        return _not_named(fault, field.enum_type)
    form = _form_of(rule)
    if form is None:
        return FieldFault(fault, {})
    return FieldFault(f"{fault}，{form.required}", {EXAMPLE: form.example})


def _enum_check(kind: EnumDescriptor) -> Check:
    declared = frozenset(kind.values_by_number)

    def check(value: int) -> None:
        # proto3 passes on any number, declared or not.
        if value not in declared:
            raise Violation.of(_not_named(f"没有编号为 {value} 的取值", kind))

    return check


def _not_named(fault: str, kind: EnumDescriptor) -> FieldFault:
    """Return a fault that lists the values of an enum, for people and for programs."""
    named = [value for value in kind.values if value.number]
    listed = "、".join([f"{v.number} {label_of(v)}" for v in named])
    names = ",".join([value.name for value in named])
    return FieldFault(f"{fault}，可用的有：{listed}", {ALLOWED: names})


def label_of(value: Any) -> str:
    """Return what a value of an enum is called in Chinese; its name if nobody says."""
    label: str = value.GetOptions().Extensions[options.label]
    return label or value.name


def _plain(value: int) -> str:
    return str(value)


def _fen(value: int) -> str:
    return f"{value} 分（{yuan(value)} 元）"


_PLAIN: Final = ("", _plain)

_FEN: Final = ("金额以分为单位，", _fen)


def _number_check(
    least: int,
    greatest: int,
    unit: tuple[str, Callable[[int], str]],
    *,
    hidden: bool,
) -> Check:
    said, told = unit

    def check(value: int) -> None:
        if least <= value <= greatest:
            return
        bound = (
            f"不得小于 {told(least)}" if value < least else f"不得大于 {told(greatest)}"
        )
        got = "" if hidden else f"，收到 {told(value)}"
        raise Violation(f"{said}{bound}{got}")

    return check


def _text_check(rule: options.FieldRule) -> Check:
    """Return the check of a text: length, pattern, format."""
    min_len, max_len = rule.min_len, rule.max_len
    form = _form_of(rule)
    personal = rule.personal
    identifier = rule.format == options.FORMAT_IDENTIFIER
    # A form says by itself what may stand in a text.
    problem_of = problem_of_identifier if identifier else problem_of_text

    def check(value: str) -> None:
        size = len(value)
        if size < min_len:
            raise Violation(f"至少 {min_len} 个字符，收到 {size} 个")
        if max_len and size > max_len:
            raise Violation(f"最多 {max_len} 个字符，收到 {size} 个")
        if form is None:
            problem = problem_of(value)
            if problem:
                raise Violation(problem)
        elif not form.fits(value):
            masked = mask.certificate(value) if personal else ""
            text = form.fault_of(value, masked)
            raise Violation(text, data={EXAMPLE: form.example})

    return check


def _form_of(rule: options.FieldRule) -> TextForm | None:
    """Return the form that a text must have; None if it need only be readable."""
    if rule.pattern:
        pattern = re.compile(rule.pattern)
        return pattern_form(pattern, rule.pattern_meaning, rule.example)
    return _FORMS.get(rule.format)


def check_instant(value: Timestamp) -> None:
    """Refuse an instant that no clock may show. Violation."""
    if value.nanos not in _NANOS:
        raise Violation(f"nanos 须在 0 至 999999999 之间，收到 {value.nanos}")
    if value.seconds in _SECONDS:
        return
    said = (
        f"时刻须在 {EARLIEST.year} 年至 {LATEST.year - 1} 年之间；"
        f"seconds 是自 1970-01-01 起的秒数，收到 {value.seconds}"
    )
    for unit, per_second in (
        ("毫秒", 1000),
        ("微秒", 1_000_000),
        ("纳秒", 1_000_000_000),
    ):
        seconds = value.seconds // per_second
        # Before 2001 nobody counted so.
        if seconds in _SECONDS and seconds >= 1_000_000_000:
            said = f"{said}，像是{unit}，应写作 {seconds}"
    raise Violation(said)
