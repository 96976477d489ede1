"""Laws of checkpoints: a note is its log's, signed by its key, and by no other."""

from __future__ import annotations

import pytest
from gongji.audit.checkpoint import (
    SM2,
    CheckpointBody,
    CheckpointFaultError,
    CosignatureSigner,
    KeySigner,
    NoteSignature,
    PrivateKey,
    SignedNote,
    SigningKey,
    kind_of,
    opened,
    verifier_of,
)
from gongji.audit.hashing import base64
from gongji.audit.sm2 import Sm2PrivateKey

from tests.scaffold.log_keys import log_private, other_log_private

KEY, OTHER = log_private(), other_log_private()

SM2_KEY = Sm2PrivateKey.generate()

# Ed25519 only where SHA-512 may be called, which it is made of.
KEYS = {kind_of(key).name: key for key in (KEY, SM2_KEY)}

each_key = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)

ORIGIN = "gongji.example/3408"

ROOT = bytes(range(32))


def signer(name: str = ORIGIN, key: PrivateKey = KEY) -> KeySigner:
    return SigningKey(key).named(name)


def note(origin: str = ORIGIN, size: int = 20_852, key: PrivateKey = KEY) -> str:
    unsigned = SignedNote(CheckpointBody(origin, size, ROOT).text(), ())
    return str(unsigned.with_signature(signer(key=key)))


@each_key
def test_a_checkpoint_says_what_was_signed(key: PrivateKey) -> None:
    """Also of no leaves, and of the largest tree."""
    verifier = verifier_of(signer(key=key).public)
    for size in (0, 1, 256, (1 << 63) - 1):
        body = opened(note(size=size, key=key), ORIGIN, verifier)
        assert CheckpointBody(ORIGIN, size, ROOT) == body


def test_the_published_note_and_key_are_understood() -> None:
    """The example of the signed-note package of Go, its key and its text."""
    public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    signed = SignedNote.parse(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2"
        "pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert signed.signed_by(verifier_of(public))
    assert not signed.signed_by(signer())


def test_a_checkpoint_of_another_log_is_none_of_this() -> None:
    """Although the same key signed it: replayed, it is refused."""
    replayed = note("gongji.example/3411")
    with pytest.raises(CheckpointFaultError, match="另一份日志"):
        opened(replayed, ORIGIN, signer())


@each_key
def test_any_other_byte_of_a_note_is_refused(key: PrivateKey) -> None:
    """Origin, size, root and signature alike."""
    whole = note(key=key)
    for place, character in enumerate(whole):
        changed = whole[:place] + chr(ord(character) ^ 1) + whole[place + 1 :]
        with pytest.raises(CheckpointFaultError):
            opened(changed, ORIGIN, signer(key=key))


def test_signatures_of_unknown_keys_say_nothing_and_do_no_harm() -> None:
    """Before and behind the log's own, of its name, and with its key's id."""
    own = SignedNote.parse(note())
    others = [
        NoteSignature("somebody.example", b"abcd", b"x" * 64),
        NoteSignature(ORIGIN, b"abcd", b"x" * 64),
        NoteSignature(ORIGIN, signer().key_id, b"x" * 64),
        NoteSignature(ORIGIN, signer().key_id, b"x"),
        NoteSignature("somebody.example", signer().key_id, b"x" * 64),
    ]
    for signatures in ((*others, *own.signatures), (*own.signatures, *others)):
        text = str(SignedNote(own.text, tuple(signatures)))
        assert 20_852 == opened(text, ORIGIN, signer()).size
    with pytest.raises(CheckpointFaultError, match="有效签名"):
        opened(str(SignedNote(own.text, tuple(others))), ORIGIN, signer())


@pytest.mark.parametrize("key", [OTHER, SM2_KEY], ids=["own", "SM2"])
def test_a_witness_adds_a_cosignature_with_its_time(key: PrivateKey) -> None:
    """It holds for that time and that witness only, and leaves the log's own as it was."""
    witness = CosignatureSigner("witness.example", key, 1_764_460_800)
    cosigned = SignedNote.parse(note()).with_signature(witness)
    read = SignedNote.parse(str(cosigned))
    known = verifier_of(witness.public)
    assert read.signed_by(known)
    assert read.signed_by(signer())
    signature = read.signature_of(known) or b""
    assert 1_764_460_800 == int.from_bytes(signature[:8], "big")
    assert not known.genuine(read.text, bytes(8) + signature[8:])
    assert not known.genuine(read.text, signature[:7])
    # The witness's key is no log's key, nor the other way round.
    assert not read.signed_by(signer("witness.example", key))


@pytest.mark.parametrize(
    "bent",
    [
        "",
        "\n\n",
        note()[:-1],
        note().replace("\n\n", "\n"),
        note().replace("— ", "- "),
        note().replace("— ", "—  "),
        note() + "\n",
        note() + "nothing\n",
        note().replace("20852", "020852"),
        note().replace("20852", "-1"),
        note().replace("20852", "٢٠٨٥٢"),
        note().replace("20852", "9223372036854775808"),
        note().replace("20852", "9" * 5000),
        note().replace(base64(ROOT), base64(ROOT[:-1])),
        note().replace(base64(ROOT), base64(ROOT).rstrip("=")),
        note().replace("\n20852", "\r\n20852"),
        note().replace("\n20852", "\n\n20852"),
        note().replace(ORIGIN, "\x1b[2J"),
        "a\n\n" + "— a AAAAAAA=\n" * 101,
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(bent: str) -> None:
    """Whatever is wrong with it; never another kind of error."""
    with pytest.raises(CheckpointFaultError):
        opened(bent, ORIGIN, signer())
    with pytest.raises(CheckpointFaultError):
        SignedNote.parse(bent).body()


def of_another_kind(public: str) -> str:
    """A key with another signature type, its id left as it was."""
    name, key_id, content = public.split("+", 2)
    return f"{name}+{key_id}+B{content[1:]}"


@pytest.mark.parametrize(
    "public",
    [
        "",
        "a+b",
        "a+00000000+AQ==",
        "a b+00000000+AQ==",
        of_another_kind(signer().public),
        signer("other").public.replace("other", ORIGIN),
        signer().public.rsplit("+", 1)[0] + "+" + base64(b"\x63" + bytes(32)),
        signer().public.rsplit("+", 1)[0] + "+" + base64(b"\x01" + bytes(31)),
        signer(key=SM2_KEY).public[:-8],
        signer(key=SM2_KEY).public.replace("+/wYIKoE", "+/wYIKoF"),
        f"{ORIGIN}+00000000+" + base64(SM2.kind + bytes(64)),
    ],
)
def test_what_is_no_public_key_is_refused(public: str) -> None:
    """Cut, of an unknown kind, or with the id of another."""
    with pytest.raises(CheckpointFaultError):
        verifier_of(public)


def test_names_have_no_space_and_no_plus() -> None:
    """They would end where a signature line or a key goes on."""
    for name in ("", "a b", "a+b", "a\n", "a\N{NO-BREAK SPACE}b", "\x07"):
        with pytest.raises(CheckpointFaultError):
            signer(name)
