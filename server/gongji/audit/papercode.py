"""Number and code of what is given out on paper: typed in, they show what was printed.

Written in the digits and letters of Crockford's base 32, which has none that are taken
for one another.
"""

from __future__ import annotations

import hmac
import unicodedata
from datetime import date
from typing import Final

from gongji.audit.hashing import LABELS, Hasher

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_MISREAD: Final = str.maketrans("OIL", "011")
"""Letters that are none of the alphabet, by the digits they are taken for."""

_BITS: Final = 5
"""Bits of one letter."""

_SERIAL_LETTERS: Final = 10

SERIAL_BITS: Final = _SERIAL_LETTERS * _BITS
"""Bits by which the numbers of one day differ."""

_CODE_LETTERS: Final = 16
"""80 bits: whoever tries a thousand a second needs more than ten million years."""


def number_on(day: date, serial: int) -> str:
    """Return the number of a day and of `SERIAL_BITS` chosen by chance: 20260930-9QXT0-7K3MV."""
    letters = _letters(serial, _SERIAL_LETTERS)
    return f"{day:%Y%m%d}-{_grouped(letters, 5)}"


def code_of(hasher: Hasher, key: bytes, content: bytes) -> str:
    """Return the code of a document's content under its key: 7K3M-9QXT-0VBD-2F6H."""
    tag = hmac.digest(key, content, LABELS[hasher])
    spare_bits = len(tag) * 8 - _CODE_LETTERS * _BITS
    code = _letters(int.from_bytes(tag) >> spare_bits, _CODE_LETTERS)
    return _grouped(code, 4)


def is_code(typed: str, code: str) -> bool:
    """Return whether what was typed is a code. In constant time."""
    return hmac.compare_digest(_plain(typed).encode(), _plain(code).encode())


def number_of(typed: str) -> str:
    """Return a number as it was given, however it was typed."""
    plain = _plain(typed)
    return f"{plain[:8]}-{_grouped(plain[8:], 5)}"


def _letters(value: int, count: int) -> str:
    """Return so many letters, five bits each, the highest first."""
    shifts = range((count - 1) * _BITS, -1, -_BITS)
    return "".join([_ALPHABET[value >> shift & 31] for shift in shifts])


def _grouped(letters: str, size: int) -> str:
    starts = range(0, len(letters), size)
    return "-".join([letters[start : start + size] for start in starts])


def _plain(typed: str) -> str:
    """Return letters and digits alone, in upper case and half width."""
    normal = unicodedata.normalize("NFKC", typed).upper()
    return "".join(filter(str.isalnum, normal)).translate(_MISREAD)
