"""Laws of sealing."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import ClassVar

import pytest
from gongji.model.people import Certificate
from gongji.store.seal import KEY_BYTES, KeyFileError, SealBrokenError, Vault
from msgspec import Struct


def test_a_seal_opens_for_its_owner_only(vault: Vault) -> None:
    """What was sealed for one person opens for that person and for nobody else."""
    sealed = vault.seal("P1", b"clear")
    assert vault.unseal("P1", sealed) == b"clear"
    with pytest.raises(SealBrokenError, match="P2"):
        vault.unseal("P2", sealed)


def test_a_seal_shows_nothing_and_never_looks_the_same(vault: Vault) -> None:
    """Sealing the same bytes twice gives different seals, neither containing them."""
    first, second = vault.seal("P1", b"clear"), vault.seal("P1", b"clear")
    assert first != second
    assert b"clear" not in first + second


@pytest.mark.parametrize(
    "at", [0, 1, 13, -1], ids=["format", "nonce", "ciphertext", "tag"]
)
def test_an_altered_seal_is_refused(vault: Vault, at: int) -> None:
    """One flipped bit anywhere breaks the seal."""
    sealed = bytearray(vault.seal("P1", b"clear"))
    sealed[at] ^= 1
    with pytest.raises(SealBrokenError):
        vault.unseal("P1", bytes(sealed))


def test_a_seal_needs_the_key_it_was_made_with(vault: Vault) -> None:
    """Another key opens nothing."""
    with pytest.raises(SealBrokenError):
        Vault.ephemeral().unseal("P1", vault.seal("P1", b"clear"))


@pytest.mark.parametrize(
    "number", ["34119919500101001x", " 34119919500101001X ", "341199 19500101 001X"]
)
def test_a_certificate_is_found_however_it_is_written(
    vault: Vault, number: str
) -> None:
    """Letter case and spaces make no other certificate."""
    assert vault.lookup(Certificate("01", "34119919500101001X")) == vault.lookup(
        Certificate("01", number)
    )


def test_lookups_depend_on_type_number_and_key(vault: Vault) -> None:
    """Another type, number or key is another hash, and none contains the number."""
    hashes = {
        vault.lookup(Certificate("01", "34119919500101001X")),
        vault.lookup(Certificate("02", "34119919500101001X")),
        vault.lookup(Certificate("01", "341199195001010028")),
        Vault.ephemeral().lookup(Certificate("01", "34119919500101001X")),
    }
    assert len(hashes) == 4
    assert not any("341199" in h for h in hashes)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (frozenset({"x", "y", "z"}), frozenset({"z", "y", "x"}), True),
        ({"a": 1}, {"a": 2}, False),
        (["a", "b"], ["b", "a"], False),
        ("1", 1, False),
    ],
    ids=[
        "order of a mapping",
        "order of a set",
        "another value",
        "order of a list",
        "another type",
    ],
)
def test_digests_tell_content_apart(
    vault: Vault,
    first: object,
    second: object,
    *,
    same: bool,
) -> None:
    """A digest depends on content, not on the order of what has none."""
    assert (vault.digest(first) == vault.digest(second)) is same


class AsReleased(Struct):
    """A record as it was first released."""

    second: int
    first: str = ""


class Grown(Struct):
    """The same record with a field added since."""

    added: ClassVar[tuple[str, ...]] = ("third",)

    second: int
    first: str = ""
    third: bool = False


def test_a_field_added_later_that_says_nothing_is_not_hashed(vault: Vault) -> None:
    """A stored request is still the same request after its record has grown, and
    another one if the new field says something."""
    before = vault.digest(AsReleased(1, "x"))
    assert before == vault.digest(Grown(1, "x"))
    assert before != vault.digest(Grown(1, "x", third=True))


def test_each_use_has_a_key_of_its_own(vault: Vault) -> None:
    """The same text hashed for lookup and for comparison gives unrelated values."""
    certificate = Certificate("01", "34119919500101001X")
    assert vault.lookup(certificate) != vault.digest(
        f"{certificate.type}\0{certificate.number}"
    )


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    """The first start makes a key file only its owner can read; the second uses it; no
    draft is left."""
    path = tmp_path / "var" / "gongji.key"
    first, second = Vault.open(path, create=True), Vault.open(path, create=True)
    assert first.fingerprint == second.fingerprint
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == KEY_BYTES
    assert [path] == list(path.parent.iterdir())


def test_a_missing_key_is_not_made_up(tmp_path: Path) -> None:
    """Beside an old database a missing key file is an error that says so, never a new key."""
    path = tmp_path / "gongji.key"
    with pytest.raises(KeyFileError, match="从备份恢复"):
        Vault.open(path, create=False)
    assert not path.exists()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_file_of_wrong_length_is_refused(tmp_path: Path, size: int) -> None:
    """A damaged key file is refused with its length, and left as it is."""
    path = tmp_path / "gongji.key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=f"实为 {size} 字节"):
        Vault.open(path, create=True)
    assert path.stat().st_size == size
