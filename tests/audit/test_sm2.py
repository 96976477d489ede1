"""Laws of SM2 signatures: those of the standard and of OpenSSL are genuine, no others."""

from __future__ import annotations

import subprocess
from base64 import encodebytes
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from gongji.audit.sm2 import Sm2PrivateKey, Sm2PublicKey

from tests.scaffold.log_keys import SM2_PRIVATE, SM2_PUBLIC

MESSAGE = b"message digest"
R = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
S = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
SIGNATURE = bytes.fromhex(f"3046022100{R}022100{S}")

_ID = "distid:1234567812345678"


def openssl(*arguments: str | Path) -> bytes:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603


def genuine(public: Sm2PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_the_example_of_the_standard_is_genuine() -> None:
    """With its key, its message and its signer's id."""
    assert genuine(Sm2PublicKey.from_public_bytes(SM2_PUBLIC), SIGNATURE, MESSAGE)


def test_no_other_signature_of_it_is() -> None:
    """Any byte changed, cut, or gone on with; of zero; of another message."""
    public = Sm2PublicKey.from_public_bytes(SM2_PUBLIC)
    for place in range(len(SIGNATURE)):
        bent = bytearray(SIGNATURE)
        bent[place] ^= 1
        assert not genuine(public, bytes(bent), MESSAGE)
    zeros = bytes.fromhex("3006020100020100")
    for other in (SIGNATURE[:-1], SIGNATURE + b"\0", b"", b"\x30\x00", zeros):
        assert not genuine(public, other, MESSAGE)
    assert not genuine(public, SIGNATURE, MESSAGE + b"\0")


def test_openssl_finds_ours_genuine(tmp_path: Path) -> None:
    """It reads our key and verifies what it signed, as another program of the field."""
    private = Sm2PrivateKey.generate()
    (tmp_path / "der").write_bytes(private.der())
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(private.sign(MESSAGE))
    read = ("pkey", "-inform", "DER", "-in", tmp_path / "der", "-pubout")
    (tmp_path / "public").write_bytes(openssl(*read))
    told = openssl(
        *("pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "public"),
        *("-rawin", "-digest", "sm3", "-pkeyopt", _ID),
        *("-in", tmp_path / "message", "-sigfile", tmp_path / "signature"),
    )
    assert b"Signature Verified Successfully\n" == told


def test_keys_and_signatures_of_openssl_are_ours_too(tmp_path: Path) -> None:
    """Whoever keeps keys elsewhere can bring one."""
    (tmp_path / "pem").write_bytes(openssl("genpkey", "-algorithm", "SM2"))
    convert = (
        "pkcs8",
        "-topk8",
        "-nocrypt",
        "-outform",
        "DER",
        "-in",
        tmp_path / "pem",
    )
    private = Sm2PrivateKey.from_der(openssl(*convert))
    assert private
    (tmp_path / "message").write_bytes(MESSAGE)
    signature = openssl(
        *("pkeyutl", "-sign", "-inkey", tmp_path / "pem", "-rawin"),
        *("-digest", "sm3", "-pkeyopt", _ID, "-in", tmp_path / "message"),
    )
    assert genuine(private.public_key(), signature, MESSAGE)


def test_a_signature_tells_nothing_of_the_key_twice() -> None:
    """The nonce is new each time: two of one value would give the key away."""
    private = Sm2PrivateKey(SM2_PRIVATE, SM2_PUBLIC)
    made = {private.sign(MESSAGE) for _ in range(8)}
    assert 8 == len({signature[:37] for signature in made})
    assert all(genuine(private.public_key(), one, MESSAGE) for one in made)


def test_what_is_no_point_is_no_public_key() -> None:
    """Too short, or off the curve."""
    for content in (b"", SM2_PUBLIC[:-1], bytes(64), SM2_PUBLIC[:-1] + b"\x12"):
        with pytest.raises(ValueError, match="SM2 的公钥"):
            Sm2PublicKey.from_public_bytes(content)


def test_halves_that_do_not_belong_together_are_refused() -> None:
    """Or the log would be signed by nobody's key."""
    other = Sm2PrivateKey.generate()
    mixed = Sm2PrivateKey(SM2_PRIVATE, other.public_key().public_bytes_raw())
    with pytest.raises(ValueError, match="不符"):
        Sm2PrivateKey.from_der(mixed.der())
    assert Sm2PrivateKey.from_der(encodebytes(mixed.der())) is None
