"""Sealing of personal data: a key for each use, wrapped by a master from a key file.

Seals are authenticated; what must be found again has a keyed hash.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Self

import msgspec

from gongji.audit.hashing import Hasher
from gongji.model.normal import certificate_number
from gongji.model.people import Certificate
from gongji.store.engine import EngineDown
from gongji.store.keys.ring import (
    PURPOSES,
    DataKey,
    KeyRing,
    SealBrokenError,
    UnknownKeyError,
    first_ring,
    new_keys,
)
from gongji.store.keys.source import (
    KEY_BYTES,
    HeldSource,
    KeyFileError,
    Keys,
    KeySource,
    Master,
    RawMaster,
    source_of,
)
from gongji.store.keys.suite import (
    STANDARD,
    SUITES,
    Suite,
    checked_suite,
    default_suite,
)
from gongji.store.keys.table import StoredKeys, WrappedKey

__all__ = ["KEY_BYTES", "KeyFileError", "SealBrokenError", "Vault"]

_canonical = msgspec.json.Encoder(order="deterministic")


class Vault:
    """Seals what must not be read at rest, hashes what must be found again.

    Its keys are those of a database (`load`); until it knows any, those that version 2
    derived from the master, or new ones if the master gives none.
    """

    def __init__(
        self,
        master: bytes | Master,
        source: KeySource | None = None,
        suite: Suite | None = None,
    ) -> None:
        self.master: Master = RawMaster(master) if isinstance(master, bytes) else master
        self.source = source or HeldSource(self.master)
        self._asked = suite
        self.stored: StoredKeys | None = None
        """What the database said of its keys last."""
        self.find_keys: Callable[[], StoredKeys] | None = None
        """Reads them again; given by whoever has the database open."""
        self.made_at = 0.0
        """When the oldest of its current keys was made, in seconds; 0 if nobody knows."""
        self.sealed = 0
        """How much its present key has sealed since that was last counted in the database."""
        self._changing = threading.Lock()
        # hot path: an import asks for the hash of each certificate six times.
        self.lookup = lru_cache(maxsize=1024)(self._lookup)

    @classmethod
    def open(cls, source: Keys, *, create: bool, suite: Suite | None = None) -> Self:
        """Return the vault of a key file or another source of the master.

        With `create` a file is made if there is none, and the keys are new ones, of a
        suite if one is given. KeyFileError if the master is missing or has the wrong
        length.
        """
        source = source_of(source)
        if create:
            source.make()
        vault = cls(next(iter(source.masters())), source, suite)
        if create:
            suite = suite or default_suite()
            vault._ring = first_ring(suite, new_keys(suite))
        return vault

    @classmethod
    def ephemeral(cls, suite: Suite | None = None) -> Self:
        """Return a vault whose key is forgotten with the process, as its database is."""
        return cls(secrets.token_bytes(KEY_BYTES), suite=suite)

    @cached_property
    def _ring(self) -> KeyRing:
        """The keys, until it knows others: of which suite, a database says first."""
        suite = self._asked or default_suite()
        derived = self.master.derived(suite)
        return first_ring(suite, derived or new_keys(suite))

    @property
    def suite(self) -> Suite:
        """Return the algorithms of its database."""
        return self._ring.suite

    @property
    def ring(self) -> KeyRing:
        """Return the keys it has now."""
        return self._ring

    @property
    def hasher(self) -> Hasher:
        """Return the hash function of the log."""
        return self.suite.hasher

    @property
    def fingerprint(self) -> str:
        """Return what tells its master from others: stored in the database, it shows a
        wrong key file before that does harm."""
        return self.master.fingerprint(self.suite)

    @property
    def unlike(self) -> str:
        """Return what is said of a database whose master is none of its source."""
        return (
            f"{self.source.words}与该数据库不符：其中的个人信息是用另一把密钥密封的，"
            "请用回原来的密钥"
        )

    def opens(self, fingerprint: str) -> bool:
        """Return whether one of its masters has this fingerprint. KeyFileError."""
        return self._master_of(fingerprint) is not None

    def _master_of(self, fingerprint: str) -> Master | None:
        # What stands before the colon is the suite's, or says what else made it.
        name, colon, _ = fingerprint.partition(":")
        suite = SUITES.get(name, STANDARD) if colon else STANDARD
        if self.master.fingerprint(suite) == fingerprint:
            return self.master
        for master in self.source.masters():
            if master.fingerprint(suite) == fingerprint:
                return master
        return None

    def wrapped(self, now: int) -> Iterator[WrappedKey]:
        """Yield its keys as they are stored, made at an instant in microseconds."""
        self.made_at = now / 1e6
        for key in self._ring.keys:
            current = int(key.current)
            row = WrappedKey(
                key.purpose, key.number, self.suite.name, current, b"", now
            )
            yield self.wrap(row, key.key)

    def wrap(self, row: WrappedKey, key: bytes) -> WrappedKey:
        """Return a row with its key, which can be had only while the rest stays as it is."""
        wrapped = self.master.wrap(self.suite, row.bound, key) if key else b""
        return row._replace(wrapped=wrapped)

    def load(self, stored: StoredKeys) -> None:
        """Go on with the keys of a database. KeyFileError if another master wraps them."""
        with self._changing:
            master = self._master_of(stored.fingerprint)
            if master is None:
                raise KeyFileError(self.unlike)
            self.master = master
            if not stored.keys:
                self.source.settle(master, STANDARD)
                return
            suite = checked_suite(_suite_of(stored), self._asked)
            self.source.settle(master, suite)
            keys = [_unwrapped(master, suite, key) for key in stored.keys]
            ring = KeyRing(suite, stored.epoch, keys)
            # Keys of before stay known to this process, if they were this database's.
            if self.stored is not None:
                if self._ring.sealing != ring.sealing:
                    self.sealed = 0
                ring = self._ring.merged(ring)
            self._ring = ring
            self.stored = stored
            self.made_at = stored.made_at
            self.lookup.cache_clear()

    def keep_up(self, epoch: int) -> bool:
        """Learn new keys if the database's are newer; return whether they were."""
        if epoch <= self._ring.epoch or self.find_keys is None:
            return False
        self._learn(self.find_keys)
        return True

    def _learn(self, find_keys: Callable[[], StoredKeys]) -> None:
        try:
            self.load(find_keys())
        except (KeyFileError, OSError) as fault:
            # It can be had later: until then nothing is read or written.
            raise EngineDown(f"密钥已经更换，新的主密钥取不到：{fault}") from fault

    def seal(self, owner: str, clear: bytes) -> bytes:
        """Seal bytes for one owner; the same bytes look different each time."""
        self.sealed += 1
        return self._ring.seal(owner, clear)

    def unseal(self, owner: str, sealed: bytes) -> bytes:
        """Open what was sealed for that owner. SealBrokenError."""
        try:
            return self._ring.unseal(owner, sealed)
        except UnknownKeyError:
            # Another process has sealed it by a key that is new.
            if self.find_keys is None:
                raise
            self._learn(self.find_keys)
            return self._ring.unseal(owner, sealed)

    def _lookup(self, certificate: Certificate) -> str:
        """Return the keyed hash (hex) of a certificate, however its number is typed.

        It is for comparing and stays the same when keys change: what is stored of it is
        `stored_lookups`.
        """
        number = certificate_number(certificate.number)
        return self._ring.match(f"{certificate.type.strip()}\0{number}".encode())

    def stored_lookups(self, lookup: str) -> Sequence[str]:
        """Return what may be stored of a certificate's hash, the current form first."""
        return self._ring.stored_lookups(lookup)

    def tag(self, value: object) -> str:
        """Return the keyed hash (hex) of a value that is compared and never stored."""
        return self._ring.match(b"tag\0" + _canonical.encode(value))

    def salt(self, owner: str) -> bytes:
        """Return 16 bytes that nobody without the keys knows, whatever keys come."""
        # Neither a certificate nor a tag begins so.
        return bytes.fromhex(self._ring.match(b"\0salt\0" + owner.encode()))[:16]

    def digest(self, value: object, like: str = "") -> str:
        """Return the keyed hash of a value's content, by the key of another if given.

        The order of mappings and sets does not matter, nor do fields added to a record
        after its first release (`added`) that say nothing: requests stored before them
        are still the same requests.
        """
        return self._ring.digest(_canonical.encode(_as_released(value)), like)


def _suite_of(stored: StoredKeys) -> Suite:
    """Return the algorithms of a database's keys. KeyFileError unless it has all it needs."""
    for purpose in PURPOSES:
        current = [k for k in stored.keys if k.purpose == purpose and k.current]
        if len(current) != 1:
            msg = f"表 vault_key 应有一把在用的 {purpose} 密钥，得到 {len(current)} 把"
            raise KeyFileError(msg)
    names = {key.suite for key in stored.keys}
    if len(names) > 1 or not names <= SUITES.keys():
        msg = f"表 vault_key 的算法不是本程序写的：{'、'.join(sorted(names))}"
        raise KeyFileError(msg)
    return SUITES[names.pop()]


def _unwrapped(master: Master, suite: Suite, row: WrappedKey) -> DataKey:
    key = master.unwrap(suite, row.bound, row.wrapped) if row.wrapped else b""
    return DataKey(row.purpose, row.number, key, bool(row.current))


def _as_released(value: object) -> object:
    """Return a record without the fields added since that have their defaults."""
    # hot path: most values are no record, or one that never grew.
    added: tuple[str, ...] = getattr(value, "added", ())
    if not added or not isinstance(value, msgspec.Struct):
        return value
    defaults = _defaults(type(value))
    silent = tuple([n for n in added if getattr(value, n) == defaults[n]])
    if not silent:
        return value
    form, values_of = _form(type(value), silent)
    return form(*values_of(value))


# hot path: to look a record's fields up took a third of the time of a settlement.
@lru_cache
def _defaults(kind: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return the default of each field of a kind of record, in their order."""
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


@lru_cache
def _form(
    kind: type[msgspec.Struct], without: tuple[str, ...]
) -> tuple[type[msgspec.Struct], Callable[[object], Sequence[Any]]]:
    """Return a record type of a kind's other fields, in their order, and their values.

    There are at least two.
    """
    fields = [name for name in _defaults(kind) if name not in without]
    form = msgspec.defstruct(kind.__name__, [(field, Any) for field in fields])
    return form, attrgetter(*fields)
