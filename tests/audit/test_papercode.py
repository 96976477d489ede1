"""Number and code of a paper: of each content its own, read as people type them."""

from __future__ import annotations

from datetime import date

import pytest
from gongji.audit.hashing import Hasher, sha256, sm3
from gongji.audit.papercode import SERIAL_BITS, code_of, is_code, number_of, number_on

DAY = date(2025, 9, 30)
CODE = "7K31-9QXT-0VBD-2F6H"
TYPED = {
    "as printed": CODE,
    "in lower case": CODE.lower(),
    "without hyphens": CODE.replace("-", ""),
    "with blanks": CODE.replace("-", " \u3000"),
    "in full width": "".join(chr(ord(char) + 0xFEE0) for char in CODE),
    "with letters for digits": CODE.replace("0", "o").replace("1", "l"),
    "with another letter for a digit": CODE.replace("0", "O").replace("1", "I"),
}


@pytest.mark.parametrize("hasher", [sha256, sm3])
def test_any_other_content_has_another_code(hasher: Hasher) -> None:
    """Each bit of the content changed, a byte more or less, another key: another code."""
    content = bytes(range(200))
    key = bytes(32)
    codes = {code_of(hasher, key, content), code_of(hasher, b"another", content)}
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            codes.add(code_of(hasher, key, bytes(changed)))
        codes.add(code_of(hasher, key, content[:place]))
    codes.add(code_of(hasher, key, content + b"\0"))
    assert 2 + 200 * 8 + 200 + 1 == len(codes)
    assert code_of(hasher, key, content) == code_of(hasher, key, bytes(content))


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_a_code_is_read_as_it_is_typed(typed: str) -> None:
    """Case, width, blanks, hyphens and letters taken for digits do not matter."""
    assert is_code(typed, CODE)


def test_every_letter_counts() -> None:
    """A code with one letter changed or left out is none; nor is nothing at all."""
    letters = CODE.replace("-", "")
    for place, letter in enumerate(letters):
        other = "X" if letter != "X" else "Y"
        assert not is_code(letters[:place] + other + letters[place + 1 :], CODE)
        assert not is_code(letters[:place] + letters[place + 1 :], CODE)
    assert not is_code("", CODE)


def test_numbers_begin_with_the_day_and_differ() -> None:
    """Of each serial a day has another number, and each reads as it is typed."""
    numbers = {number_on(DAY, 1 << bit) for bit in range(SERIAL_BITS)}
    assert len(numbers) == SERIAL_BITS == 50
    for number in numbers:
        assert number.startswith("20250930-")
        assert number == number_of(number.lower().replace("-", " "))
