"""Bring what people type, and what registers hold, to one form in which both compare.

Whoever compares typed with registered text, or looks a certificate up, goes through
here, so that no two places differ in what they forgive.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MIDDLE_DOT: Final = "·"
"""U+00B7, the middle dot (间隔号) of names such as 古丽米热·艾比布力."""

# What keyboards and older registers put in its place; NFKC makes U+30FB of U+FF65,
# U+00B7 of U+0387 and a full stop of U+2024 and U+FF0E.
_MIDDLE_DOTS: Final = dict.fromkeys(map(ord, ".•‧∙⋅●・᛫⸱⸰⸳ꞏㆍᆞ"), MIDDLE_DOT)

# Blanks of all kinds (Z…), controls and invisible formatting (C…), variation selectors.
_DROPPED: Final = ("Z", "Cc", "Cf")

_VARIATION_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

FILLERS: Final = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show as nothing."""

_CHINA: Final = "86"

_LONG: Final = 12
"""Digits of the shortest number that begins with the country and an area."""


def name(text: str) -> str:
    """Return a name to compare by: no blanks, one middle dot, one case and width."""
    return _plain(text).translate(_MIDDLE_DOTS).casefold()


def certificate_number(text: str) -> str:
    """Return a certificate's number as it is stored and looked up: 3411…x → 3411…X."""
    # hot path: of an import nearly every number is so already, and each is asked for
    # several times.
    if text.isascii() and text.isalnum():
        return text.upper()
    return _plain(text).translate(_MIDDLE_DOTS).upper()


def phone(text: str) -> str:
    """Return a phone's digits without country code, trunk 0 and separators.

    +86 138-0000-1234, 008613800001234 and 13800001234 are one; so are 0550-3012345 and
    +86 550 3012345. A number of another country keeps its code.
    """
    plain = _plain(text)
    digits = "".join(char for char in plain if char.isdecimal())
    abroad = plain.startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00")
    if digits.startswith(_CHINA) and (abroad or len(digits) >= _LONG):
        digits = digits.removeprefix(_CHINA)
    return digits.removeprefix("0")


def _plain(text: str) -> str:
    """Return the text in NFKC without anything that does not show."""
    # Twice: what was dropped may have kept two characters from composing.
    once = unicodedata.normalize("NFKC", text)
    return unicodedata.normalize("NFKC", "".join(c for c in once if shows(c)))


def shows(char: str) -> bool:
    """Return whether a character is seen: no blank, no control, nothing invisible."""
    if char in FILLERS or any(
        ord(char) in selectors for selectors in _VARIATION_SELECTORS
    ):
        return False
    return not unicodedata.category(char).startswith(_DROPPED)
