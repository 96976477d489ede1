"""Ids derived from request ids."""

from __future__ import annotations

import uuid


def derived_id(prefix: str, request_id: str) -> str:
    """An id that follows from the request's: the prefix and 26 characters of its UUID
    in base 32; fits 30 characters.

    ValueError where the request id is no UUID.
    """
    digits = request_id.replace("-", "")
    number = (
        int(digits, 16) if len(digits) == _HEX_DIGITS else uuid.UUID(request_id).int
    )
    return prefix + _base32(number << 2)


def _base32(number: int) -> str:
    """130 bits in base 32, as `base64.b32encode` writes 16 bytes, at a tenth of its
    cost: small words shift fastest."""
    words = (
        number >> 100,
        number >> 70 & _WORD,
        number >> 40 & _WORD,
        number >> 10 & _WORD,
    )
    pairs = [_PAIRS[word >> shift & 0x3FF] for word in words for shift in (20, 10, 0)]
    return f"{''.join(pairs)}{_PAIRS[number & 0x3FF]}"


_HEX_DIGITS = 32

_WORD = (1 << 30) - 1


_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
