"""JSON as the national interface writes it: numbers keep every digit, a name stands once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import msgspec

from gongji.national.forms import NationalFault

_EXPONENT: Final = 1000
"""Digits before or behind the point that are carried along."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def loads(text: str, what: str = "报文") -> Any:
    """Return the value of a JSON text, numbers that are no integers as Decimal.

    NationalFault if it is no JSON, or an object names a field twice.
    """
    try:
        return json.loads(
            text,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except NationalFault as error:
        raise NationalFault(f"{what}：{error}") from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        reason = "数字或层次过大"
        if isinstance(error, json.JSONDecodeError):
            reason = f"第 {error.lineno} 行第 {error.colno} 列"
        raise NationalFault(f"{what} 不是可读的 JSON：{reason}") from error


def dumps(value: object, *, indent: int = 0) -> str:
    """Return one JSON document; a Decimal is written as the number it is.

    NationalFault if a text is no Unicode.
    """
    try:
        encoded = _ENCODER.encode(value)
    except (UnicodeError, RecursionError) as error:
        raise NationalFault("报文含有无法写成 UTF-8 的文本，或层次过深") from error
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return encoded.decode()


def _number(text: str) -> Decimal:
    """Return a number that is no integer. NationalFault if it is none of this world."""
    number = Decimal(text)
    # Whoever makes an integer of 1e999999999 fills the memory, or never ends.
    if abs(number.adjusted()) > _EXPONENT:
        raise NationalFault("数字或层次过大")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for name, value in pairs:
        if name in node:
            # json would take the last one; which was meant, nobody can know.
            raise NationalFault(f"字段重复：{name}")
        node[name] = value
    return node


def _refuse_constant(name: str) -> None:
    raise NationalFault(f"{name} 不是金额也不是数字")
