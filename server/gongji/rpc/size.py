"""Count the fields of a message in its bytes, before any object is built of them.

Two million empty rows fit into 4 MB, and make 300 MB of objects that are refused later.
Fields are counted wherever something repeats; what repeats nothing builds little.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gongji.model.refusals import MalformedField
from gongji.v1 import constraints_pb2 as options

SMALL_BYTES: Final = 16 * 1024
"""A message up to this size holds too little to be counted."""

DEEPEST: Final = 32
"""Messages inside each other, at most."""

UNKNOWN_FIELDS: Final = 100
"""Fields of a newer client that are let through."""

_VARINT, _BYTES = 0, 2

_FIXED: Final = {1: 8, 5: 4}
"""Bytes of values of fixed size, by their kind on the wire."""

_LONGEST_VARINT: Final = 10


class _Shape(NamedTuple):
    """How many fields a type has by its rules, and those inside which to go on."""

    most: int
    inside: dict[int, Descriptor]
    packed: frozenset[int]


def check_fields(raw: bytes, descriptor: Descriptor) -> None:
    """Refuse a message of more fields than its rules allow. MalformedField.

    What is no message at all is left to the parser: it builds no more than was counted.
    """
    if len(raw) <= SMALL_BYTES:
        return
    most = _shape(descriptor).most + UNKNOWN_FIELDS
    try:
        count = _count(raw, descriptor, most)
    except IndexError:
        return
    if count > most:
        raise MalformedField(
            f"报文里的字段（连同各层重复的）多于这个方法所能有的 {most} 个",
            field="request",
        )


def _count(raw: bytes, descriptor: Descriptor, most: int) -> int:
    """Return how many fields there are where something repeats, or more than `most`.

    IndexError if the bytes end in the middle of one.
    """
    count = 0
    pending = [(0, len(raw), descriptor, 1)]
    while pending:
        at, end, kind, depth = pending.pop()
        shape = _shape(kind)
        while at < end:
            count += 1
            if count > most:
                return count
            number, start, at = _field(raw, at)
            if at > end:
                raise IndexError
            if number in shape.packed:
                count += (at - start) // _LONGEST_VARINT
            elif number in shape.inside and depth < DEEPEST:
                pending.append((start, at, shape.inside[number], depth + 1))
    return count


def _field(raw: bytes, at: int) -> tuple[int, int, int]:
    """Return the number of the field that begins there, and its value's begin and end.

    IndexError if it is none. What is no message inside is of no number, 0.
    """
    key, at = _varint(raw, at)
    wire = key & 7
    if wire == _BYTES:
        length, at = _varint(raw, at)
        return key >> 3, at, at + length
    if wire == _VARINT:
        return 0, at, _varint(raw, at)[1]
    if wire in _FIXED:
        return 0, at, at + _FIXED[wire]
    # Groups, which none of our messages has, and kinds that do not exist.
    raise IndexError


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends. IndexError if the bytes end before."""
    value = raw[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    shift = 7
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError


@cache
def _shape(descriptor: Descriptor) -> _Shape:
    most = 0
    inside: dict[int, Descriptor] = {}
    packed: set[int] = set()
    for field in descriptor.fields:
        each = 1
        if field.message_type is not None:
            if _repeats(field.message_type):
                inside[field.number] = field.message_type
                each += _shape(field.message_type).most
        elif field.is_repeated and field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
            packed.add(field.number)
        most += each * most_items(field)
    return _Shape(most, inside, frozenset(packed))


def _repeats(descriptor: Descriptor) -> bool:
    """Return whether a type has a field that repeats, at any level."""
    return any(
        field.is_repeated
        or (field.message_type is not None and _repeats(field.message_type))
        for field in descriptor.fields
    )


def most_items(field: FieldDescriptor) -> int:
    """Return how often a field may come: once, or as often as its rule says."""
    if not field.is_repeated:
        return 1
    rule: options.FieldRule = field.GetOptions().Extensions[options.rule]
    return rule.max_items
