"""A second party that keeps checkpoints: it finds a fork, and a tail that was cut off.

    DIR/log.key              the log's public key, pinned at the first visit or before
    DIR/log.key.2            that by which it was signed from then on, and so on
    DIR/witness.key          the witness's own private key
    DIR/00000000000020852    each checkpoint that was seen, by its size, cosigned

Nothing there is ever written over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import grpc

from gongji.audit.checkpoint import (
    CheckpointBody,
    CheckpointFaultError,
    CosignatureSigner,
    PrivateKey,
    SignedNote,
    opened,
    verifier_of,
)
from gongji.audit.order import LogFaultError
from gongji.audit.tree import ProofError, check_consistency
from gongji.client.log import hasher_of
from gongji.store.private_files import make_folder, make_secret_file
from gongji.store.signing_key import private_key
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

_NAMES: Final = "[0-9]" * 16

Consistency = Callable[[int], tuple[Sequence[bytes], pb.LogCheckpoint]]
"""Returns the proof from a size to the newest checkpoint, and that."""


class WitnessFolder:
    """What one witness has seen of one log. CheckpointFaultError, OSError."""

    def __init__(
        self, folder: Path, name: str, key: str = "", *, accept: bool = False
    ) -> None:
        """Go on with a folder; another `key` than was pinned only if told to `accept` it."""
        self._folder = folder
        make_folder(folder)
        self._private: PrivateKey | None = None
        if key:
            self._expect(key.strip(), accept=accept)
        self._name = name

    @property
    def public_key(self) -> str:
        """The witness's public key, as text; it is there once the log's is pinned."""
        return self._signer(0).public

    def _signer(self, now: int) -> CosignatureSigner:
        """Return the witness's key, made if there is none: of the log's kind."""
        if self._private is None:
            kind = verifier_of(self._keys()[0]).key_kind
            self._private = private_key(self._folder / "witness.key", kind)
        return CosignatureSigner(self._name, self._private, now)

    def last(self) -> CheckpointBody | None:
        """Return the largest checkpoint that was kept, None if there is none."""
        kept = sorted(self._folder.glob(_NAMES))
        if not kept:
            return None
        return self._opened(kept[-1].read_text("utf-8"), self._keys())

    def take(
        self, checkpoint: pb.LogCheckpoint, consistency: Consistency, now: int
    ) -> CheckpointBody:
        """Check the newest checkpoint against the last kept, and keep it cosigned.

        `now` is in seconds since 1970. LogFaultError: a fork, or a tail cut off.
        """
        if not self._keys():
            self._expect(checkpoint.public_key.strip(), accept=False)
        in_force = self._keys()[-1:]
        last, body = self.last(), self._opened(checkpoint.note, in_force)
        if last is not None and body.size > last.size:
            told = body.size
            path, checkpoint = consistency(last.size)
            body = self._opened(checkpoint.note, in_force)
            _refuse_shorter(told, body.size)
            _check(last, body, path, checkpoint.hash)
        elif last is not None:
            _refuse_shorter(last.size, body.size)
            if body.root != last.root:
                raise LogFaultError(f"日志分叉：{body.size} 叶的树有两个根")
        self._keep(body.size, checkpoint.note, now)
        return body

    def _opened(self, note: str, keys: Sequence[str]) -> CheckpointBody:
        """Return what a checkpoint says, signed by one of some keys."""
        signed = SignedNote.parse(note)
        for key in keys:
            verifier = verifier_of(key)
            if signed.signed_by(verifier):
                return opened(note, verifier.name, verifier)
        raise CheckpointFaultError(
            f"检查点不是 {self._folder} 所认定的公钥签的：账本若确已更换签名密钥，请由可信的"
            "途径取得新的公钥，以 --log-key KEY --accept-key 写明一次"
        )

    def _keys(self) -> list[str]:
        """Return the pinned keys, the one in force last."""
        # By length: log.key.10 comes behind log.key.9.
        files = sorted(self._folder.glob("log.key*"), key=lambda p: (len(p.name), p))
        return [file.read_text("utf-8").strip() for file in files]

    def _expect(self, key: str, *, accept: bool) -> None:
        """Pin a key if none is, or if it is accepted in place of the one in force."""
        name, keys = verifier_of(key).name, self._keys()
        if keys and keys[-1] == key:
            return
        if keys and not accept:
            raise CheckpointFaultError(
                f"--log-key 与 {self._folder} 所认定的公钥不同：确已更换的，"
                "以 --accept-key 写明一次"
            )
        if keys and (former := verifier_of(keys[-1]).name) != name:
            raise CheckpointFaultError(f"这是另一份账本：{name}，应为 {former}")
        end = f".{len(keys) + 1}" if keys else ""
        make_secret_file(self._folder / f"log.key{end}", key.encode() + b"\n")

    def _keep(self, size: int, note: str, now: int) -> None:
        cosigned = str(SignedNote.parse(note).with_signature(self._signer(now)))
        # What was kept under this size says the same; it stays as it is.
        make_secret_file(self._folder / f"{size:016d}", cosigned.encode())


def visit(channel: grpc.Channel, folder: WitnessFolder, now: int) -> CheckpointBody:
    """Take the newest checkpoint of a service. Errors as of `take`; RpcError."""
    service = log_pb2_grpc.LogServiceStub(channel)

    def consistency(size: int) -> tuple[Sequence[bytes], pb.LogCheckpoint]:
        request = pb.GetConsistencyProofRequest(from_size=size)
        reply = service.GetConsistencyProof(request)
        return reply.path, reply.checkpoint

    reply = service.GetCheckpoint(pb.GetCheckpointRequest())
    if not reply.HasField("checkpoint"):
        last = folder.last()
        if last is None:
            raise LogFaultError("账本里还没有一叶")
        raise LogFaultError(f"尾部被截去：曾见 {last.size} 叶，现在一叶也没有")
    return folder.take(reply.checkpoint, consistency, now)


def _refuse_shorter(seen: int, size: int) -> None:
    if size < seen:
        raise LogFaultError(f"尾部被截去：曾见 {seen} 叶，现在只有 {size} 叶")


def _check(
    last: CheckpointBody, body: CheckpointBody, path: Sequence[bytes], name: str
) -> None:
    try:
        check_consistency(
            hasher_of(name), (last.size, last.root), (body.size, body.root), path
        )
    except ProofError as fault:
        raise LogFaultError(f"日志分叉：{fault}") from fault
