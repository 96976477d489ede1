"""JSON as the national interface writes it: numbers keep every digit, a name stands once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import msgspec

from gongji.national.forms import NationalFault

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def loads(text: str, what: str = "报文") -> Any:
    """Decimal for numbers that are no integers. NationalFault where it is no JSON, or
    an object names a field twice."""
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except NationalFault as fault:
        raise NationalFault(f"{what}: {fault}") from fault
    except (ValueError, ArithmeticError, RecursionError) as fault:
        where = "数字或层次过大"
        if isinstance(fault, json.JSONDecodeError):
            where = f"第 {fault.lineno} 行第 {fault.colno} 列"
        raise NationalFault(f"{what} 不是可读的 JSON: {where}") from fault


def dumps(value: object, *, indent: int = 0) -> str:
    """One JSON document; a Decimal is written as the number it is. NationalFault where
    a text is no Unicode."""
    try:
        written = _ENCODER.encode(value)
    except (UnicodeError, RecursionError) as fault:
        raise NationalFault("报文含有无法写成 UTF-8 的文本, 或层次过深") from fault
    return (msgspec.json.format(written, indent=indent) if indent else written).decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    node = dict(pairs)
    if len(node) < len(pairs):
        names = [name for name, _ in pairs]
        raise NationalFault(f"字段重复: {next(n for n in names if names.count(n) > 1)}")
    return node


def _refuse_constant(name: str) -> None:
    raise NationalFault(f"{name} 不是金额也不是数字")
