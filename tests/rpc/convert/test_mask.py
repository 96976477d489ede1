from __future__ import annotations

import pytest
from gongji.rpc.convert import mask

CERTIFICATES = {
    "an identity number keeps four at each end": (
        "341199198001010011",
        "3411**********0011",
    ),
    "a passport keeps a quarter at each end": ("E12345678", "E1*****78"),
    "a short number keeps one at each end": ("A123", "A**3"),
    "less than a number shows nothing": ("A1", "**"),
    "nothing stays nothing": ("", ""),
}
NAMES = {
    "the first character is kept": ("赵某某", "赵**"),
    "a name of one character is hidden": ("赵", "*"),
    "nothing stays nothing": ("", ""),
}
PHONES = {
    "a mobile number keeps three and four": ("13800001234", "138****1234"),
    "a short number keeps its last two digits": ("550123", "****23"),
    "less than a number shows nothing": ("0550", "****"),
    "nothing stays nothing": ("", ""),
}


@pytest.mark.parametrize(("number", "shown"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_certificate(number: str, shown: str) -> None:
    """A certificate number shows at most four characters at each end and never more than half."""
    assert shown == mask.certificate(number)


@pytest.mark.parametrize(("full", "shown"), NAMES.values(), ids=NAMES)
def test_name(full: str, shown: str) -> None:
    """A name shows its first character only."""
    assert shown == mask.name(full)


@pytest.mark.parametrize(("number", "shown"), PHONES.values(), ids=PHONES)
def test_phone(number: str, shown: str) -> None:
    """A phone number hides its middle."""
    assert shown == mask.phone(number)


@pytest.mark.parametrize("size", range(1, 60))
def test_every_mask_keeps_the_length_and_hides_half(size: int) -> None:
    """Whatever its length, a certificate number keeps it, and at least half of it is hidden."""
    shown = mask.certificate("7" * size)
    assert size == len(shown)
    assert shown.count("*") * 2 >= size
