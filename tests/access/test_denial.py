"""Laws of the deny list."""

from __future__ import annotations

import pytest
from gongji.access.denial import DenyList, certificate_number
from gongji.access.policy import PolicyFaultError

DIGEST = "0123456789abcdef" * 4

NUMBERS = {
    f"sha256:{DIGEST}": f"sha256:{DIGEST}",
    f"SHA256:{DIGEST.upper()}": f"sha256:{DIGEST}",
    "sha256:" + ":".join([DIGEST[i : i + 2] for i in range(0, 64, 2)]): (
        f"sha256:{DIGEST}"
    ),
    "0A1B": "a1b",
    "0a:1b": "a1b",
    "00": "0",
    " 7 ": "7",
}

MISSPELT = [
    "",
    "sha256:",
    f"sha256:{DIGEST}0",
    "sha1:ab",
    "0x1f",
    "g",
    "1" * 41,
    DIGEST,
]


@pytest.mark.parametrize(("written", "number"), NUMBERS.items())
def test_numbers_as_openssl_writes_them(written: str, number: str) -> None:
    """Fingerprint and serial count whatever their capitals, colons and leading zeros."""
    assert number == certificate_number(written)


@pytest.mark.parametrize("written", MISSPELT)
def test_what_is_neither(written: str) -> None:
    """What would never be found is refused, since somebody believes it denied."""
    assert None is certificate_number(written)
    # The labels as they are typed.
    with pytest.raises(PolicyFaultError, match=r"certificates.*“sha256:”.*“sm3:”"):
        DenyList.of(f'certificates = ["{written}"]')


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x =", "不是 TOML"),
        ('caller = ["a"]', "没有这一项"),
        ('callers = "a"', "须为"),
        ("callers = [1]", "须为"),
        ('[tokens]\na = "b"', "须为"),
        ('callers = ["a", "a"]', "写了两次"),
    ],
)
def test_a_file_that_is_none(text: str, problem: str) -> None:
    """An unknown key or another kind of value is refused by a sentence."""
    with pytest.raises(PolicyFaultError, match=problem):
        DenyList.of(text)


def test_an_empty_one_denies_nobody() -> None:
    """A list may say nothing."""
    assert DenyList() == DenyList.of("")


def test_fingerprints_are_of_one_hash() -> None:
    """One by another hash than is compared would deny nobody, and is refused."""
    for label, other in (("sha256", "sm3"), ("sm3", "sha256")):
        stated = f'certificates = ["{label}:{DIGEST}"]'
        denied = DenyList.of(stated, label=label)
        assert frozenset([f"{label}:{DIGEST}"]) == denied.certificates
        with pytest.raises(PolicyFaultError, match="不是指纹"):
            DenyList.of(stated, label=other)
