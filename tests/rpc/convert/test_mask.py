from __future__ import annotations

import pytest
from gongji.rpc.convert import mask

CERTIFICATES = {
    "an identity number keeps its first and last": (
        "341199198001010011",
        "3****************1",
    ),
    "a passport keeps its first and last": ("E12345678", "E*******8"),
    "the shortest of which ends are shown": ("E1234567", "E******7"),
    "a short number shows nothing": ("E123456", "*******"),
    "nothing stays nothing": ("", ""),
}
NAMES = {
    "the first character is kept": ("赵某某", "赵**"),
    "a name of two characters looks like one of three": ("赵某", "赵**"),
    "so does a long one": ("赵某某某某某", "赵**"),
    "a name of one character is hidden": ("赵", "**"),
    "nothing stays nothing": ("", ""),
}
PHONES = {
    "a mobile number keeps its last two digits": ("13800001234", "*********34"),
    "so does one with its area": ("+86-13800001234", "*************34"),
    "a short number shows nothing": ("0550123", "*******"),
    "nothing stays nothing": ("", ""),
}


@pytest.mark.parametrize(("number", "shown"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_certificate(number: str, shown: str) -> None:
    """A certificate number shows its first and last character, a short one none."""
    assert shown == mask.certificate(number)


@pytest.mark.parametrize(("full", "shown"), NAMES.values(), ids=NAMES)
def test_name(full: str, shown: str) -> None:
    """A name shows its first character only, and not how long it is."""
    assert shown == mask.name(full)


@pytest.mark.parametrize(("number", "shown"), PHONES.values(), ids=PHONES)
def test_phone(number: str, shown: str) -> None:
    """A phone number shows its last two digits, a short one none."""
    assert shown == mask.phone(number)


@pytest.mark.parametrize("size", range(1, 60))
def test_every_mask_keeps_the_length_and_hides_all_but_two(size: int) -> None:
    """Whatever its length, a number keeps it, and shows two characters at most."""
    for shown in (mask.certificate("7" * size), mask.phone("7" * size)):
        assert size == len(shown)
        assert shown.count("7") == (2 if size >= 8 else 0)
