"""Signed checkpoints: size and root of the tree at an instant (C2SP tlog-checkpoint).

    gongji.example/3408                    origin: which log
    20852                                  leaves
    Kc1…=                                  root, base64

    — gongji.example/3408 6HHR…=           C2SP signed-note: name, base64 of key id
                                           (4 bytes) and signature

A note may bear several signatures; those of keys that are not known say nothing. An SM2
key signs as an Ed25519 key does: DER of the signature (GB/T 32918.2) with SM3 and the
default signer's id; its own id is of SM3 in place of SHA-256. A witness adds a cosignature
(C2SP tlog-cosignature), which says when it saw that the tree begins with whatever it saw
before.
"""

from __future__ import annotations

import binascii
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from msgspec import Struct

from gongji.audit.hashing import HASH_BYTES, Hasher, base64, sha256, sm3
from gongji.audit.sm2 import Sm2MissingError, Sm2PrivateKey, Sm2PublicKey
from gongji.audit.tree import MOST_LEAVES

# An SM2 key has no type of C2SP's: 0xff, which is for such, and the object identifier of
# the algorithm, 1.2.156.10197.1.501, in DER.
_SM2: Final = b"\xff" + bytes.fromhex("06082a811ccf55018375")

_ID_BYTES: Final = 4

_TIME: Final = struct.Struct(">Q")

_MOST_SIGNATURES: Final = 100

_DASH: Final = "\N{EM DASH} "


class CheckpointFaultError(ValueError):
    """A note or key that is malformed, or a checkpoint that is not signed as it must be."""


PublicKey = Ed25519PublicKey | Sm2PublicKey

PrivateKey = Ed25519PrivateKey | Sm2PrivateKey


class NoteVerifier(Protocol):
    """Knows a key: its name, its id, and which of its signatures are genuine."""

    @property
    def name(self) -> str:
        """The name of the key."""

    @property
    def key_id(self) -> bytes:
        """Four bytes by which a signature names its key; others may have the same."""

    def genuine(self, text: bytes, signature: bytes) -> bool:
        """Return whether it is this key's signature of a note's text."""


class NoteSigner(NoteVerifier, Protocol):
    """Has the private key, too."""

    @property
    def public(self) -> str:
        """The public key as text: name, key id, and base64 of type and key."""

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a note's text."""


class StoredCheckpoint(Struct, frozen=True):
    """A checkpoint as it is stored.

    checkpoint_id  counts the checkpoints of a log without a gap
    at             the latest instant on record then: it includes no later leaf
    note           the signed note
    included       number of the last leaf of each writer that it includes; a writer of
                   which all is included and who is gone is not there any more
    through        the highest leaf_id that it or an earlier one includes
    ids            the leaf_ids it includes and no earlier one did (`order.IdRanges`)
    """

    checkpoint_id: str
    size: int
    root: bytes
    at: datetime
    note: str
    included: Mapping[str, int]
    through: str
    ids: str


class CheckpointBody(Struct, frozen=True):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the text of its note."""
        return f"{self.origin}\n{self.size}\n{base64(self.root)}\n".encode()


class NoteSignature(Struct, frozen=True):
    """One signature of a note, by the name and id of a key."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return its line."""
        return f"{_DASH}{self.name} {base64(self.key_id + self.signature)}\n"


class SignedNote(Struct, frozen=True):
    """A text and its signatures, none of which is verified yet."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, note: str) -> SignedNote:
        """Return the parts of a note. CheckpointFaultError."""
        text, separator, lines = note.rpartition("\n\n")
        if not (separator and text and lines.endswith("\n")):
            raise CheckpointFaultError("检查点应由正文、空行与签名行组成")
        if any(c != "\n" and (c < " " or c == "\x7f") for c in note):
            raise CheckpointFaultError("检查点含有控制字符")
        signatures = lines[:-1].split("\n")
        if len(signatures) > _MOST_SIGNATURES:
            raise CheckpointFaultError(f"检查点的签名多于 {_MOST_SIGNATURES} 个")
        return cls(f"{text}\n".encode(), tuple(map(_signature_of, signatures)))

    def __str__(self) -> str:
        lines = "".join([signature.line() for signature in self.signatures])
        return f"{self.text.decode()}\n{lines}"

    def signed_by(self, verifier: NoteVerifier) -> bool:
        """Return whether it bears a genuine signature of a key."""
        return self.signature_of(verifier) is not None

    def signature_of(self, verifier: NoteVerifier) -> bytes | None:
        """Return the key's genuine signature, None if there is none."""
        # A key id may be that of several keys, by chance or by intent.
        for one in self.signatures:
            named = one.name == verifier.name and one.key_id == verifier.key_id
            if named and verifier.genuine(self.text, one.signature):
                return one.signature
        return None

    def with_signature(self, signer: NoteSigner) -> SignedNote:
        """Return the note with one more signature."""
        added = NoteSignature(signer.name, signer.key_id, signer.sign(self.text))
        return SignedNote(self.text, (*self.signatures, added))

    def body(self) -> CheckpointBody:
        """Return what the note of a checkpoint says. CheckpointFaultError."""
        parts = self.text.decode().split("\n")
        if len(parts) < 4 or not all(parts[:-1]):
            raise CheckpointFaultError("检查点的正文应为来源、叶数、根三行")
        origin, count, root = parts[:3]
        digits = count.isascii() and count.isdigit() and str(int(count[:20])) == count
        if not digits or int(count) >= MOST_LEAVES:
            raise CheckpointFaultError(f"检查点的叶数应为十进制整数，得到 {count!r}")
        return CheckpointBody(origin, int(count), _hash_of(root))


def opened(note: str, origin: str, verifier: NoteVerifier) -> CheckpointBody:
    """Return what a checkpoint of a log says, signed by its key. CheckpointFaultError.

    One of another log is none, whoever signed it.
    """
    signed = SignedNote.parse(note)
    if not signed.signed_by(verifier):
        raise CheckpointFaultError(f"检查点没有 {verifier.name} 的有效签名")
    body = signed.body()
    if body.origin != origin:
        raise CheckpointFaultError(
            f"检查点属于另一份日志：{body.origin}，应为 {origin}"
        )
    return body


class KeyKind(Struct, frozen=True):
    """A kind of key that signs notes: how its public key is read, and what it signs.

    name    as people call it
    kind    the signature type, before the public key; no kind begins as another
    read    returns a public key of its bytes; ValueError
    hasher  the hash of which a key's id is the beginning
    timed   whether it cosigns, with the time
    """

    name: str
    kind: bytes
    read: Callable[[bytes], PublicKey]
    hasher: Hasher
    timed: bool = False


ED25519: Final = KeyKind("Ed25519", b"\x01", Ed25519PublicKey.from_public_bytes, sha256)

SM2: Final = KeyKind("SM2", _SM2 + b"\x01", Sm2PublicKey.from_public_bytes, sm3)

_COSIGNING: Final[Mapping[KeyKind, KeyKind]] = {
    ED25519: msgspec.structs.replace(ED25519, kind=b"\x04", timed=True),
    SM2: msgspec.structs.replace(SM2, kind=_SM2 + b"\x04", timed=True),
}
"""By the kind of a log's key that of a witness's; 4 is C2SP's for Ed25519."""

_KINDS: Final = (*_COSIGNING.keys(), *_COSIGNING.values())


def kind_of(private: PrivateKey) -> KeyKind:
    """Return the kind of a key that signs notes as they are."""
    return SM2 if isinstance(private, Sm2PrivateKey) else ED25519


class KeyVerifier:
    """A public key under a name. CheckpointFaultError if it cannot be the name's."""

    def __init__(self, name: str, kind: KeyKind, public: bytes) -> None:
        self.name = checked_name(name)
        self.key_kind = kind
        self._content = kind.kind + public
        try:
            self._key = kind.read(public)
        except Sm2MissingError as missing:
            raise CheckpointFaultError(str(missing)) from None
        except ValueError:
            raise CheckpointFaultError(f"公钥 {name} 的内容不是一把公钥") from None
        self.key_id = kind.hasher(f"{name}\n".encode() + self._content)[:_ID_BYTES]

    @property
    def public(self) -> str:
        """The public key as text."""
        return f"{self.name}+{self.key_id.hex()}+{base64(self._content)}"

    def genuine(self, text: bytes, signature: bytes) -> bool:
        """Return whether it is this key's signature of a note's text."""
        if self.key_kind.timed:
            if len(signature) < _TIME.size:
                return False
            (seconds,) = _TIME.unpack_from(signature)
            text, signature = _cosigned(text, seconds), signature[_TIME.size :]
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            return False
        return True


class KeySigner(KeyVerifier):
    """A private key that signs notes as they are, under a name."""

    def __init__(self, name: str, private: PrivateKey) -> None:
        public = private.public_key().public_bytes_raw()
        super().__init__(name, kind_of(private), public)
        self._private = private

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a note's text."""
        return self._private.sign(text)


class SigningKey:
    """A private key that signs under the name of a log."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private

    def named(self, name: str) -> KeySigner:
        """Return its signer under a name. CheckpointFaultError."""
        return KeySigner(name, self._private)


class CosignatureSigner(KeyVerifier):
    """A key of a witness, which cosigns as of a time, in seconds since 1970."""

    def __init__(self, name: str, private: PrivateKey, seconds: int) -> None:
        public = private.public_key().public_bytes_raw()
        super().__init__(name, _COSIGNING[kind_of(private)], public)
        self._private = private
        self._seconds = seconds

    def sign(self, text: bytes) -> bytes:
        """Return the cosignature of a note's text."""
        signature = self._private.sign(_cosigned(text, self._seconds))
        return _TIME.pack(self._seconds) + signature


def verifier_of(public: str) -> KeyVerifier:
    """Return the verifier of a public key as text. CheckpointFaultError."""
    name, key_id, content = _parted_key(public)
    kind = next((one for one in _KINDS if content.startswith(one.kind)), None)
    if kind is None:
        raise CheckpointFaultError(f"公钥 {name} 的种类 {content[:1].hex()} 不受支持")
    verifier = KeyVerifier(name, kind, content[len(kind.kind) :])
    if verifier.key_id != key_id:
        raise CheckpointFaultError(f"公钥 {name} 的编号与内容不符：抄录有误")
    return verifier


def checked_name(name: str) -> str:
    """Return the name of a key or the origin of a log. CheckpointFaultError."""
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise CheckpointFaultError(
            f"日志的名称不能为空，不能含空白与加号，得到 {name!r}"
        )
    return name


def _parted_key(public: str) -> tuple[str, bytes, bytes]:
    """Return name, id and content of a public key as text. CheckpointFaultError."""
    try:
        name, key_id, content = public.strip().split("+", 2)
        return checked_name(name), bytes.fromhex(key_id), _decoded(content)
    except ValueError as fault:
        raise CheckpointFaultError(
            f"公钥应写作 名称+编号+base64，得到 {public.strip()!r}"
        ) from fault


def _signature_of(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        content = _decoded(encoded)
    except ValueError:
        content = b""
    if not (line.startswith(_DASH) and name and len(content) > _ID_BYTES):
        raise CheckpointFaultError(f"签名行应为 — 名称 base64，得到 {line!r}")
    return NoteSignature(name, content[:_ID_BYTES], content[_ID_BYTES:])


def _hash_of(text: str) -> bytes:
    try:
        content = _decoded(text)
    except ValueError:
        content = b""
    if len(content) != HASH_BYTES:
        raise CheckpointFaultError(f"检查点的根应为 {HASH_BYTES} 字节的 base64")
    return content


def _decoded(text: str) -> bytes:
    """Return the bytes of standard base64, written in the one way there is. ValueError."""
    try:
        content = b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError(str(fault)) from fault
    if base64(content) != text:
        raise ValueError(text)
    return content


def _cosigned(text: bytes, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + text
