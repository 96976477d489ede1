"""Laws of the suites of algorithms: SM4-GCM as its example says, and nothing else opens."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from gongji.store.keys.suite import GM, SUITES, Sm4Gcm

# RFC 8998, A.1.
KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NONCE = bytes.fromhex("00001234567800000000ABCD")
BESIDE = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
CLEAR = b"".join([bytes([byte]) * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa"])
SEALED = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)


def test_sm4_gcm_is_that_of_the_standard() -> None:
    """Both ways."""
    aead = Sm4Gcm(KEY)
    assert SEALED == aead.encrypt(NONCE, CLEAR, BESIDE)
    assert CLEAR == aead.decrypt(NONCE, SEALED, BESIDE)


def test_nothing_else_opens() -> None:
    """Any byte of it changed, what stands beside it, or cut to less than its tag."""
    aead = Sm4Gcm(KEY)
    for place in range(len(SEALED)):
        bent = bytearray(SEALED)
        bent[place] ^= 1
        with pytest.raises(InvalidTag):
            aead.decrypt(NONCE, bytes(bent), BESIDE)
    for sealed, beside in ((SEALED, b""), (SEALED[-15:], BESIDE), (b"", BESIDE)):
        with pytest.raises(InvalidTag):
            aead.decrypt(NONCE, sealed, beside)


def test_the_national_suite_has_keys_of_its_length() -> None:
    """SM4 takes 16 bytes; what is derived of one master for two uses differs."""
    made = {GM.derive(bytes(32), use, GM.key_bytes) for use in (b"a", b"b")}
    assert {16} == {len(key) for key in made}
    assert 2 == len(made)
    assert GM is SUITES["gm"]
    assert 16 == len(GM.mac(b"content", b"key"))
