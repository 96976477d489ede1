"""What the number of a certificate says of its holder (证件号码): form, birth date, sex.

The residence permit of 港澳台 residents (17) is numbered as the identity card (01), with
810000, 820000 or 830000 as its place. The permanent residence card of foreigners (07)
is since December 2023 too, beginning with 9 and ending in the same check digit; before
that it had the nationality (three letters), the place (four digits), the birth date
(YYMMDD), a serial and a check digit. No other certificate's number has a birth date.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from msgspec import Struct

from gongji.rules.codes import IDENTITY_CARD

PERMANENT_RESIDENCE: Final = "07"
"""psn_cert_type of the permanent residence card (外国人永久居留身份证)."""

RESIDENCE_PERMIT: Final = "17"
"""psn_cert_type of the residence permit (港澳台居民居住证)."""

_LAST_SHORT_CARD: Final = 23
"""The year of the last card with two digits for the year of birth."""


class Numbering(Struct, frozen=True):
    """One form of numbers: its pattern, whose group is the birth date; its check digit.

    `told` says the form in Chinese.
    """

    pattern: re.Pattern[str]
    checked: bool
    told: str


def _numbering(pattern: str, told: str, *, checked: bool = True) -> Numbering:
    return Numbering(re.compile(pattern, re.ASCII), checked, told)


_EIGHTEEN: Final = "18位：前17位为数字，末位为数字或大写X"

NUMBERINGS: Final[dict[str, tuple[Numbering, ...]]] = {
    IDENTITY_CARD: (_numbering(r"[1-9][0-9]{5}([0-9]{8})[0-9]{3}[0-9X]", _EIGHTEEN),),
    RESIDENCE_PERMIT: (
        _numbering(
            r"8[1-3]0000([0-9]{8})[0-9]{3}[0-9X]",
            f"{_EIGHTEEN}，以810000、820000或830000开头",
        ),
    ),
    PERMANENT_RESIDENCE: (
        _numbering(r"9[0-9]{5}([0-9]{8})[0-9]{3}[0-9X]", f"{_EIGHTEEN}，以9开头"),
        _numbering(
            r"[A-Z]{3}[0-9]{4}([0-9]{6})[0-9]{2}",
            "15位：3个大写字母，12位数字",
            checked=False,
        ),
    ),
}
"""The forms of the numbers that carry a birth date, by psn_cert_type."""


def birth_date(type: str, number: str) -> date | None:  # noqa: A002 - the field's name
    """Return the birth date in a certificate's number; None if it carries none."""
    for numbering in NUMBERINGS.get(type, ()):
        match = numbering.pattern.fullmatch(number)
        if match is not None:
            return _day_of(match[1])
    return None


def is_male(type: str, number: str) -> bool | None:  # noqa: A002 - the field's name
    """Return the sex in a certificate's number of 18 digits; None if it carries none."""
    form = NUMBERINGS.get(type, ())
    checked = [numbering for numbering in form if numbering.checked]
    if not any(numbering.pattern.fullmatch(number) for numbering in checked):
        return None
    # The serial, digits 15 to 17, is odd for men.
    return int(number[16]) % 2 == 1


def _day_of(digits: str) -> date | None:
    if len(digits) == len("YYMMDD"):
        # No card so numbered was made later: who was born later is a hundred years older.
        century = "20" if int(digits[:2]) <= _LAST_SHORT_CARD else "19"
        digits = century + digits
    try:
        return date.fromisoformat(digits)
    except ValueError:
        return None
