"""Records in two halves (密封): what may lie in clear, and what is sealed beside it.

The sealed half is JSON: the fields that say something, and a random salt. Beside it lie
its commitments in clear, JSON of base64 hash(opener ‖ field ‖ 0x00 ‖ value) by field,
where `value` is its JSON and the opener hash(salt ‖ field ‖ 0x00 ‖ value). The log
commits to those, so that a change of keys changes nothing in it. Whoever is shown a value
with its opener can check it and learns nothing of the others; with the half its salt is
erased, and nobody can try values any more.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Collection, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from gongji.audit.hashing import Hasher, base64
from gongji.store.seal import Vault

T = TypeVar("T")

SALT: Final = "salt"
"""The name of the salt among the sealed fields; no field of a record has it."""


_encode = msgspec.json.Encoder(order="deterministic").encode

_content = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Halves(Struct, Generic[T], frozen=True):
    """A record without what is sealed of it, the seal, and what the log commits to."""

    clear: T
    sealed: bytes | None = None
    commitments: bytes | None = None


class Sealer:
    """Seals fields of records, each seal for the row of one table and key."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(
        self, owner: str, fields: Mapping[str, Any], *, lasting: bool = False
    ) -> tuple[bytes, bytes]:
        """Return the seal of some fields for one owner, and their commitments.

        A `lasting` salt is the same each time: what did not change is committed to as
        before, and a former row can be told again from the present one.
        """
        salt = self._vault.salt(owner) if lasting else os.urandom(16)
        values = {name: _encode(value) for name, value in fields.items()}
        content: dict[str, Any] = {SALT: base64(salt)}
        content |= {name: msgspec.Raw(value) for name, value in values.items()}
        hasher = self._vault.hasher
        openers = {
            name: (value, hasher(salt + _named(name, value)))
            for name, value in values.items()
        }
        sealed = self._vault.seal(owner, msgspec.json.encode(content))
        return sealed, _commitments(hasher, openers)

    def open(self, owner: str, sealed: bytes) -> bytes:
        """Return the sealed half of that owner, as JSON. SealBrokenError."""
        return self._vault.unseal(owner, sealed)

    def openers(self, owner: str, sealed: bytes) -> dict[str, tuple[bytes, bytes]]:
        """Return value (JSON) and opener of each field of a seal.

        SealBrokenError; ValueError if it holds no salt.
        """
        values = _content.decode(self.open(owner, sealed))
        salt = msgspec.json.decode(values.pop(SALT, b'""'), type=bytes)
        if not salt:
            msg = f"{owner} 的密封信息没有盐"
            raise ValueError(msg)
        hasher = self._vault.hasher
        return {
            name: (bytes(value), hasher(salt + _named(name, bytes(value))))
            for name, value in values.items()
        }

    def commitments(self, owner: str, sealed: bytes) -> bytes:
        """Return the commitments that must stand beside a seal. Errors as of `openers`."""
        return _commitments(self._vault.hasher, self.openers(owner, sealed))


def commitment(hasher: Hasher, name: str, value: bytes, opener: bytes) -> str:
    """Return the commitment of a field's value (JSON) with this opener."""
    return base64(hasher(opener + _named(name, value)))


def _named(name: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + value


def _commitments(hasher: Hasher, openers: Mapping[str, tuple[bytes, bytes]]) -> bytes:
    return _encode(
        {
            name: commitment(hasher, name, value, opener)
            for name, (value, opener) in openers.items()
        }
    )


def owner_of(table: str, key: str) -> str:
    """Return for whom a row's half is sealed: no row of another table or key opens it."""
    return f"{table}/{key}"


class SecretFields(Generic[T]):
    """Parts records of a kind: some fields are sealed if they say anything.

    `blanks` are the sealed fields with what stands in clear in their place; `bill.x` is
    a field of a field. With `always` there is a seal even if nothing is said; `lasting`
    is as of `Sealer.seal`, for what no erasure rewrites.
    """

    def __init__(
        self,
        sealer: Sealer,
        table: str,
        kind: type[T],
        blanks: Mapping[str, Any],
        *,
        always: bool = False,
        lasting: bool = False,
    ) -> None:
        self._always = always
        self._lasting = lasting
        self._sealer = sealer
        self._table = table
        # hot path: a settlement has two.
        self._blanks = [
            (name, attrgetter(name), blank) for name, blank in blanks.items()
        ]
        self._blank = dict(blanks)
        self._names = {name.replace(".", "_"): name for name in blanks}
        fields = [
            (identifier, _hint(kind, name), UNSET)
            for identifier, name in self._names.items()
        ]
        secrets = msgspec.defstruct(
            f"{kind.__name__}Secrets", fields, rename=self._names.get
        )
        self._decode = msgspec.json.Decoder(secrets).decode

    def halves(self, key: str, record: T) -> Halves[T]:
        """Return the halves of a record."""
        said = {}
        for name, value_of, blank in self._blanks:
            value = value_of(record)
            if value != blank:
                said[name] = value
        if not (said or self._always):
            return Halves(record)
        owner = owner_of(self._table, key)
        sealed, commitments = self._sealer.seal(owner, said, lasting=self._lasting)
        return Halves(_with(record, self._blank), sealed, commitments)

    def whole(self, key: str, clear: T, sealed: bytes | None) -> T:
        """Return the record of two halves. SealBrokenError."""
        # SQLite gives "" for nothing.
        if not sealed:
            return clear
        secrets = self._decode(self._sealer.open(owner_of(self._table, key), sealed))
        said = {}
        for identifier, name in self._names.items():
            value = getattr(secrets, identifier)
            if value is not UNSET:
                said[name] = value
        return _with(clear, said)


def _with(record: T, values: Mapping[str, Any]) -> T:
    """Return a record with other values in some fields."""
    # hot path: of a person no field of a field is sealed.
    if "." not in "".join(values):
        return replace(record, **values)  # type: ignore[type-var]  # records are structs
    changed: dict[str, Any] = {}
    for name, value in values.items():
        head, _, inner = name.partition(".")
        if inner:
            before = changed.get(head, getattr(record, head))
            changed[head] = replace(before, **{inner: value})
        else:
            changed[head] = value
    return replace(record, **changed)  # type: ignore[type-var]  # records are structs


# Asked for every sealed field whenever a store is opened: half of the time that takes.
_hints_of = cache(typing.get_type_hints)


def _hint(kind: type, name: str) -> Any:
    """Return the type of a field, or of a field of a field. KeyError."""
    head, _, inner = name.partition(".")
    hint = _hints_of(kind)[head]
    return _hint(hint, inner) if inner else hint


def blanks_but(
    kind: type, clear: Collection[str], required: Mapping[str, Any]
) -> dict[str, Any]:
    """Return every field of a kind but the clear ones, each with its default.

    `required` are those without a default, with what stands in their place. A field
    that is added later is sealed unless it is named as clear. ValueError if a blank is
    missing.
    """
    blanks = dict(required)
    for field in msgspec.structs.fields(kind):
        if field.name in clear or field.name in blanks:
            continue
        if field.default is msgspec.NODEFAULT:
            msg = f"{kind.__name__}.{field.name} 没有可代替的值"
            raise ValueError(msg)
        blanks[field.name] = field.default
    return blanks
