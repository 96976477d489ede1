"""Ids that follow from a request: the same request makes the same id."""

from __future__ import annotations

import uuid
from hashlib import blake2b
from typing import Final

CALLER: Final = "/"
"""Parts a request's id from its caller's name in the request's key; in no UUID."""

_HEX_DIGITS = 32

_HASHED_BITS = 80

_WORD = (1 << 30) - 1

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
"""Two digits at once, for ten bits."""


def derived_id(prefix: str, key: str) -> str:
    """Return the prefix and 128 bits of a request's key in base 32: at most 30 characters.

    ValueError if the request id is no UUID.
    """
    request_id, _, caller = key.partition(CALLER)
    number = _uuid(request_id)
    # A row of before callers were known has no caller in its key: its ids stay.
    if caller:
        # The first bits stay: ids of one time lie side by side in the indexes. The
        # others cannot be aimed at another caller's.
        first = number >> _HASHED_BITS << _HASHED_BITS
        digest = blake2b(key.encode(), digest_size=_HASHED_BITS // 8).digest()
        number = first | int.from_bytes(digest)
    return prefix + _base32(number << 2)


def _uuid(request_id: str) -> int:
    """Return a UUID as a number. ValueError if it is none."""
    digits = request_id.replace("-", "")
    # hot path: a UUID object costs more than the number in it.
    plain = len(digits) == _HEX_DIGITS
    return int(digits, 16) if plain else uuid.UUID(request_id).int


def _base32(number: int) -> str:
    """Return 130 bits in base 32, as `base64.b32encode` writes 16 bytes."""
    # hot path: a tenth of its cost, and words of one machine word shift fastest.
    words = (
        number >> 100,
        number >> 70 & _WORD,
        number >> 40 & _WORD,
        number >> 10 & _WORD,
    )
    pairs = [_PAIRS[word >> shift & 0x3FF] for word in words for shift in (20, 10, 0)]
    return f"{''.join(pairs)}{_PAIRS[number & 0x3FF]}"
