"""Requests that might be valid, of every method, and what chance makes of their bytes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
)
from gongji.v1 import constraints_pb2 as options
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

FILES: Final = (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
)

KNOWN: Final = ("P01", "P02", "P03", "H34110000001", "341100", "340800", "wanshitong")
"""Numbers and codes the sample has, so that some requests go beyond the first look-up."""

_INT64: Final = (0, 1, -1, 10_000, 2**31, 2**63 - 1, -(2**63))


@dataclass(frozen=True)
class HostileMethod:
    """A method as a hostile caller knows it."""

    path: str
    request: Any
    streams_in: bool
    streams_out: bool


def methods() -> list[HostileMethod]:
    """Return every method of every service."""
    return [
        HostileMethod(
            f"/{service.full_name}/{method.name}",
            message_factory.GetMessageClass(method.input_type),
            method.client_streaming,
            method.server_streaming,
        )
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


class Maker:
    """Makes requests by a seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def raw(self, method: HostileMethod) -> bytes:
        """Return the bytes of a request, more or less."""
        return self.mutated(self.message(method.request.DESCRIPTOR).SerializeToString())

    def message(self, kind: Descriptor, depth: int = 0) -> Any:
        """Return a message whose fields are what they might be."""
        message = message_factory.GetMessageClass(kind)()
        for field in kind.fields:
            rule: options.FieldRule = field.GetOptions().Extensions[options.rule]
            if depth > 4 or self._random.random() > (0.97 if rule.required else 0.6):
                continue
            if field.is_repeated:
                values = [
                    self._value(field, rule, depth)
                    for _ in range(self._random.randrange(3))
                ]
                getattr(message, field.name).extend(values)
            elif field.message_type is not None:
                inner = self._value(field, rule, depth)
                getattr(message, field.name).CopyFrom(inner)
            else:
                setattr(message, field.name, self._value(field, rule, depth))
        return message

    def _value(
        self, field: FieldDescriptor, rule: options.FieldRule, depth: int
    ) -> Any:
        if field.message_type is not None:
            return self.message(field.message_type, depth + 1)
        if field.enum_type is not None:
            return self._random.choice([*field.enum_type.values_by_number])
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            text = self._text(rule)
            return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return self._random.random() < 0.5
        if field.cpp_type in {
            FieldDescriptor.CPPTYPE_INT64,
            FieldDescriptor.CPPTYPE_UINT64,
        }:
            number = self._random.choice((*_INT64, self._random.randrange(10**6)))
            unsigned = field.cpp_type == FieldDescriptor.CPPTYPE_UINT64
            return abs(number) if unsigned else number
        return self._random.randrange(100)

    def _text(self, rule: options.FieldRule) -> str:
        if rule.format == options.FORMAT_UUID:
            return str(uuid.UUID(int=self._random.getrandbits(128)))
        day = date(2025, 1, 1) + timedelta(self._random.randrange(600))
        if rule.format == options.FORMAT_DAY:
            return str(day)
        if rule.format == options.FORMAT_MONTH:
            return str(day)[:7]
        letters = self._random.choices(
            "甲乙丙A1\u202e\x00 '\"", k=self._random.randrange(9)
        )
        return self._random.choice((*KNOWN, "".join(letters)))

    def mutated(self, raw: bytes) -> bytes:
        """Return bytes with up to three changes of any kind."""
        changed = bytearray(raw)
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 3))):
            self._random.choice(self._changes())(changed)
        return bytes(changed)

    def _changes(self) -> tuple[Callable[[bytearray], None], ...]:
        return self._flip, self._insert, self._delete, self._cut, self._repeat

    def _at(self, raw: bytearray) -> int:
        return self._random.randrange(len(raw) + 1)

    def _flip(self, raw: bytearray) -> None:
        if raw:
            raw[self._random.randrange(len(raw))] ^= 1 << self._random.randrange(8)

    def _insert(self, raw: bytearray) -> None:
        at = self._at(raw)
        raw[at:at] = self._random.randbytes(self._random.randrange(1, 12))

    def _delete(self, raw: bytearray) -> None:
        at = self._at(raw)
        del raw[at : at + self._random.randrange(1, 12)]

    def _cut(self, raw: bytearray) -> None:
        del raw[self._at(raw) :]

    def _repeat(self, raw: bytearray) -> None:
        at = self._at(raw)
        part = raw[at : at + self._random.randrange(1, 60)]
        raw[at:at] = part * self._random.choice((1, 2, 50, 2000))
