"""Laws of the two hash functions: as their standards say, and told apart by their labels."""

from __future__ import annotations

from gongji.audit.hashing import (
    default_hasher,
    digest_of,
    is_digest,
    labelled,
    running,
    sm3,
)

# GB/T 32905-2016, A.1.
ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_sm3_is_that_of_the_standard() -> None:
    """At once, and piece by piece."""
    whole = running(sm3)
    whole.update(b"ab")
    whole.update(b"c")
    assert ABC == sm3(b"abc").hex() == whole.hexdigest()
    assert f"sm3:{ABC}" == labelled(sm3, b"abc") == digest_of(sm3, b"abc")


def test_a_digest_is_of_its_content_and_of_no_other() -> None:
    """By the hash its label names: with another label, or cut, it is none."""
    hasher = default_hasher()
    digest = digest_of(hasher, b"abc")
    assert is_digest(digest, b"abc")
    assert not is_digest(digest, b"abd")
    assert not is_digest(digest[:-1], b"abc")
    assert not is_digest(f"sm3:{ABC[:-1]}1", b"abc")
