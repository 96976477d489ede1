"""The data keys of a database: each has a purpose and a number, new and old side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag

from gongji.store.keys.suite import NONCE_BYTES, Suite

SEAL: Final = "seal"
"""Seals personal data."""

LOOKUP: Final = "lookup"
"""Hashes certificates once more, as they are stored."""

DIGEST: Final = "digest"
"""Hashes the contents of requests."""

MATCH: Final = "match"
"""Hashes what is only compared, never stored; it stays, whatever other keys come."""

PURPOSES: Final = (SEAL, LOOKUP, DIGEST, MATCH)

_FIRST_FORMAT: Final = b"\x01"
"""First byte of a seal of version 2: key 1, nonce, ciphertext with tag."""

FORMAT: Final = b"\x02"
"""First byte of a seal: number of its key (4 bytes), nonce, ciphertext with tag."""

_HEADER_BYTES: Final = 5


class SealBrokenError(ValueError):
    """A seal does not open: altered, moved to another person, or of another key."""


class UnknownKeyError(SealBrokenError):
    """A seal names a key that is not known here, perhaps one that is new."""


class DataKey(NamedTuple):
    """One key in clear; `current` is the one of its purpose that is used from now on.

    An empty lookup key leaves the hash of `MATCH` as it is, as version 2 did.
    """

    purpose: str
    number: int
    key: bytes
    current: bool = True


class KeyRing:
    """What all data keys of a database do; it never changes."""

    def __init__(self, suite: Suite, epoch: int, keys: Iterable[DataKey]) -> None:
        self.suite = suite
        self.epoch = epoch
        """Counts the changes of the keys."""
        self.keys = tuple(keys)
        self._seals = {k.number: suite.aead(k.key) for k in self._of(SEAL)}
        self._sealing = self._of(SEAL)[0].number
        self._lookups = [k.key for k in self._of(LOOKUP)]
        self._digests = {k.number: k.key for k in self._of(DIGEST)}
        self._digesting = self._of(DIGEST)[0].number
        (self._match,) = [k.key for k in self._of(MATCH)]

    def _of(self, purpose: str) -> list[DataKey]:
        """Return the keys of a purpose, the current one first."""
        keys = [key for key in self.keys if key.purpose == purpose]
        return sorted(keys, key=lambda key: (not key.current, -key.number))

    @property
    def sealing(self) -> int:
        """Return the number of the key that seals."""
        return self._sealing

    @property
    def header(self) -> bytes:
        """Return how every seal of the current key begins."""
        return _header(self._sealing)

    def seal(self, owner: str, clear: bytes) -> bytes:
        """Seal bytes for one owner; the same bytes look different each time."""
        # The owner is authenticated with them: a seal moved to another row does not open.
        nonce = os.urandom(NONCE_BYTES)
        header = _header(self._sealing)
        aead = self._seals[self._sealing]
        return header + nonce + aead.encrypt(nonce, clear, header + owner.encode())

    def unseal(self, owner: str, sealed: bytes) -> bytes:
        """Open what was sealed for that owner. SealBrokenError; UnknownKeyError."""
        number, header, body = _parted(sealed)
        aead = self._seals.get(number)
        if aead is None:
            msg = f"{owner} 的密封信息由第 {number} 号密钥密封，该密钥不在此库"
            raise UnknownKeyError(msg)
        nonce, ciphertext = body[:NONCE_BYTES], body[NONCE_BYTES:]
        try:
            return aead.decrypt(nonce, ciphertext, header + owner.encode())
        except (InvalidTag, ValueError):
            msg = f"{owner} 的密封信息无法打开：已被改动、张冠李戴或密钥不符"
            raise SealBrokenError(msg) from None

    def match(self, content: bytes) -> str:
        """Return the keyed hash (hex) of what is compared: the same with every ring."""
        return self.suite.mac(content, self._match).hex()

    def stored_lookups(self, matched: str) -> list[str]:
        """Return what may be stored of such a hash: the current form first."""
        raw = bytes.fromhex(matched)
        return [
            self.suite.mac(raw, key).hex() if key else matched for key in self._lookups
        ]

    def digest(self, content: bytes, like: str = "") -> str:
        """Return the keyed hash of a content, by the key of another one if given.

        It is preceded by the number of its key, unless that is the first.
        """
        number = _number_of(like) if like else self._digesting
        key = self._digests.get(number)
        if key is None:
            # Of a key that is gone nothing is equal.
            return ""
        digest = self.suite.mac(content, key).hex()
        return digest if number == 1 else f"{number}:{digest}"

    def merged(self, other: KeyRing) -> KeyRing:
        """Return the newer of two rings, with the keys only the other one has.

        Whoever still reads a snapshot of before finds in it what older keys made.
        """
        newer, older = (self, other) if self.epoch >= other.epoch else (other, self)
        known = {(key.purpose, key.number) for key in newer.keys}
        rest = [k for k in older.keys if (k.purpose, k.number) not in known]
        former = [key._replace(current=False) for key in rest]
        return KeyRing(newer.suite, newer.epoch, (*newer.keys, *former))


def _header(number: int) -> bytes:
    return FORMAT + number.to_bytes(4)


def _parted(sealed: bytes) -> tuple[int, bytes, bytes]:
    """Return number of the key, what is authenticated of it, and the rest of a seal."""
    if sealed[:1] == _FIRST_FORMAT:
        return 1, b"", sealed[1:]
    if sealed[:1] != FORMAT or len(sealed) < _HEADER_BYTES:
        msg = "未知的密封格式"
        raise SealBrokenError(msg)
    header = sealed[:_HEADER_BYTES]
    return int.from_bytes(header[1:]), header, sealed[_HEADER_BYTES:]


def _number_of(digest: str) -> int:
    number, separator, _ = digest.partition(":")
    return int(number) if separator and number.isdecimal() else 1


def derived_keys(suite: Suite, master: bytes) -> Mapping[str, bytes]:
    """Return the keys that version 2 derived from a master, by purpose."""
    keys = {
        purpose: suite.derive(master, b"gongji/1/" + use, suite.key_bytes)
        for purpose, use in ((SEAL, b"seal"), (DIGEST, b"digest"), (MATCH, b"lookup"))
    }
    return {**keys, LOOKUP: b""}


def first_ring(suite: Suite, keys: Mapping[str, bytes]) -> KeyRing:
    """Return the ring of a database's first keys."""
    return KeyRing(
        suite, 1, [DataKey(purpose, 1, keys[purpose]) for purpose in PURPOSES]
    )


def new_keys(suite: Suite) -> dict[str, bytes]:
    """Return new keys, one a purpose."""
    return {purpose: os.urandom(suite.key_bytes) for purpose in PURPOSES}
