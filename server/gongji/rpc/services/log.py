"""LogService: checkpoints of the log, its leaves, and proofs about them (账本查验)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from gongji.access.callers import ALL
from gongji.audit.checkpoint import SignedNote, SigningKey, StoredCheckpoint
from gongji.audit.hashing import NAMES
from gongji.audit.leaf import Leaf
from gongji.audit.order import LogFaultError
from gongji.audit.tree import ProofError
from gongji.model.binding import Binding
from gongji.model.commands import RequestRecord
from gongji.model.ids import CALLER
from gongji.model.refusals import (
    BindingNotFound,
    LeafNotFound,
    LogContradicted,
    SettlementNotFound,
)
from gongji.model.settlement import Settlement
from gongji.rpc.calls import current_permit
from gongji.rpc.convert.values import instant_to
from gongji.rpc.services.leaves import LeafReplies, ShownLeaves, together
from gongji.rpc.services.permitted import show_city
from gongji.store import Store
from gongji.store.told import ToldText, texts_of
from gongji.v1 import log_pb2 as pb
from gongji.v1.log_pb2_grpc import LogServiceServicer
from gongji.v1.packet_pb2 import PacketInclusion

_ALL: Final = 1 << 62


class LogService(LogServiceServicer):
    """Shows the log of a store; signs on demand if it has the key."""

    def __init__(self, store: Store, key: SigningKey | None) -> None:
        self._store = store
        self._key = key

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: object
    ) -> pb.GetCheckpointResponse:
        """Return the newest checkpoint. LogContradicted."""
        last = None if request.sign_now else await self._newest()
        last = last or await self._signed()
        if last is None:
            return pb.GetCheckpointResponse()
        return pb.GetCheckpointResponse(checkpoint=self._checkpoint_to(last))

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, context: object
    ) -> pb.GetInclusionProofResponse:
        """Return a leaf and its proof. LeafNotFound; Denied."""
        named = request.WhichOneof("leaf") in {"settlement_id", "binding_id"}
        # Of a record its city is shown; of others what is told is narrowed.
        shown = ShownLeaves(self._store.proofs.hasher, ALL) if named else self._shown()
        index, leaf = await self._leaf_of(request)
        last = await self._required()
        texts = await self._texts_of([leaf] if request.with_records else (), shown)
        return pb.GetInclusionProofResponse(
            # What does not fit is in the list of leaves.
            leaf=next(shown.parts(index, leaf, texts.get(leaf.leaf_id, ()))),
            path=await self._path(index, last),
            checkpoint=self._checkpoint_to(last),
        )

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, context: object
    ) -> pb.GetConsistencyProofResponse:
        """Return the proof that the tree only grew. LeafNotFound if it was larger."""
        last, size = await self._required(), request.from_size
        if size > last.size:
            raise LeafNotFound(
                f"账本只有 {last.size} 叶，没有 {size} 叶", field="from_size"
            )
        path = []
        if 0 < size < last.size:
            with _told():
                path = await self._store.proofs.proved(
                    last.size, lambda tree: tree.consistency(size)
                )
        return pb.GetConsistencyProofResponse(
            path=path, checkpoint=self._checkpoint_to(last)
        )

    async def ListLeaves(
        self, request: pb.ListLeavesRequest, context: object
    ) -> AsyncIterator[pb.ListLeavesResponse]:
        """Yield leaves in the order of the tree, in bounded replies. LogContradicted."""
        shown = self._shown()
        replies = LeafReplies()
        with _told():
            async for index, leaf, texts in self._listed(request, shown):
                for part in shown.parts(index, leaf, texts):
                    for reply in replies.add(part):
                        yield reply
        for reply in replies.rest():
            yield reply

    async def _listed(
        self, request: pb.ListLeavesRequest, shown: ShownLeaves
    ) -> AsyncIterator[tuple[int, Leaf, Sequence[ToldText]]]:
        """Yield leaves by their index, with the texts of their rows if asked for."""
        last = await self._newest()
        index = request.from_index
        end = min(last.size if last else 0, index + (request.limit or _ALL))
        async for _, leaves in self._store.proofs.leaves(index, end):
            for group in together(leaves):
                told = group if request.with_records else ()
                texts = await self._texts_of(told, shown)
                for leaf in group:
                    yield index, leaf, texts.get(leaf.leaf_id, ())
                    index += 1

    async def _texts_of(
        self, leaves: Iterable[Leaf], shown: ShownLeaves
    ) -> dict[str, Sequence[ToldText]]:
        """Return the texts of the rows of those leaves that are told in full, by leaf."""
        whole = [leaf for leaf in leaves if shown.whole(leaf)]
        texts = await texts_of(self._store, whole) if whole else []
        return {leaf.leaf_id: of for leaf, of in zip(whole, texts, strict=True)}

    async def included(self, leaf: Leaf) -> PacketInclusion | None:
        """Return the proof that a leaf is in the tree, for a packet. LogContradicted."""
        index = await self._place_of(leaf)
        last = await self._newest()
        if index is None or last is None:
            return None
        checkpoint = self._checkpoint_to(last)
        return PacketInclusion(
            index=index,
            path=await self._path(index, last),
            checkpoint=checkpoint.note.encode(),
            public_key=checkpoint.public_key,
        )

    async def _path(self, index: int, last: StoredCheckpoint) -> list[bytes]:
        with _told():
            return await self._store.proofs.proved(
                last.size, lambda tree: tree.inclusion(index)
            )

    async def _place_of(self, leaf: Leaf) -> int | None:
        """Return a leaf's index, a checkpoint made if none includes it yet."""
        proofs = self._store.proofs
        with _told():
            index = await proofs.place_of(leaf)
            if index is None:
                await self._signed()
                index = await proofs.place_of(leaf)
            return index

    async def _leaf_of(self, request: pb.GetInclusionProofRequest) -> tuple[int, Leaf]:
        """Return the leaf a request names, and its index. Errors as of the method."""
        proofs = self._store.proofs
        if request.WhichOneof("leaf") == "index":
            async for _, leaves in proofs.leaves(request.index, request.index + 1):
                return request.index, leaves[0]
            raise LeafNotFound(f"账本中没有第 {request.index} 叶", field="index")
        at, table, key = await self._named(request)
        with _told():
            leaf = await proofs.naming(at, table, key)
        if leaf is None:
            raise LeafNotFound("账本中没有这一记录：它可能在账本开始之前就有")
        index = await self._place_of(leaf)
        if index is None:
            raise LeafNotFound("这一叶尚未列入检查点，请稍后再查")
        return index, leaf

    async def _named(
        self, request: pb.GetInclusionProofRequest
    ) -> tuple[datetime, str, str]:
        """Return when a record was written first, its table and key."""
        match request.WhichOneof("leaf"):
            case "settlement_id":
                return await self._settled(request.settlement_id)
            case "binding_id":
                return await self._bound(request.binding_id)
        asked = request.request
        caller = asked.caller or current_permit().caller.name
        key = f"{asked.request_id.lower()}{CALLER}{caller}"
        row = await self._store.get(RequestRecord, key)
        if row is None:
            raise LeafNotFound(f"没有 {caller} 的这一请求", field="request")
        return row.at, "request", key

    async def _settled(self, settlement_id: str) -> tuple[datetime, str, str]:
        settlement = await self._store.get(Settlement, settlement_id)
        if settlement is None:
            raise SettlementNotFound(
                f"没有编号为 {settlement_id} 的结算", field="settlement_id"
            )
        await show_city(self._store, settlement.area_code)
        return _known(settlement.settled_at), "settlement", settlement_id

    async def _bound(self, binding_id: str) -> tuple[datetime, str, str]:
        binding = await self._store.get(Binding, binding_id)
        if binding is None:
            raise BindingNotFound(f"没有编号为 {binding_id} 的绑定", field="binding_id")
        await show_city(self._store, *binding.areas)
        return _known(binding.submitted_at), "binding", binding_id

    def _shown(self) -> ShownLeaves:
        areas = current_permit().narrowed()
        return ShownLeaves(self._store.proofs.hasher, areas)

    async def _newest(self) -> StoredCheckpoint | None:
        """Return the newest checkpoint, signed by the key that is told with it."""
        with _told():
            last = await self._store.checkpoints.last()
        # A start with another key has left a leaf, which the next checkpoint is over.
        if last is not None and self._key is not None and not _signed(last, self._key):
            return await self._sign(self._key)
        return last

    async def _required(self) -> StoredCheckpoint:
        """Return the newest checkpoint. LeafNotFound before the first leaf."""
        last = await self._newest() or await self._signed()
        if last is None:
            raise LeafNotFound("账本还没有检查点，请稍后再查")
        return last

    async def _signed(self) -> StoredCheckpoint | None:
        """Return a checkpoint over everything, if it can be signed. LogContradicted."""
        if self._key is None:
            return await self._newest()
        return await self._sign(self._key)

    async def _sign(self, key: SigningKey) -> StoredCheckpoint | None:
        with _told():
            return await self._store.checkpoints.sign(key)

    def _checkpoint_to(self, checkpoint: StoredCheckpoint) -> pb.LogCheckpoint:
        origin = SignedNote.parse(checkpoint.note).body().origin
        return pb.LogCheckpoint(
            note=checkpoint.note,
            public_key=self._key.named(origin).public if self._key else "",
            hash=NAMES[self._store.hasher],
            at=instant_to(checkpoint.at),
        )


def _signed(checkpoint: StoredCheckpoint, key: SigningKey) -> bool:
    note = SignedNote.parse(checkpoint.note)
    return note.signed_by(key.named(note.body().origin))


@contextmanager
def _told() -> Iterator[None]:
    """Tell the caller of a log that contradicts itself. LogContradicted."""
    try:
        yield
    except (LogFaultError, ProofError) as fault:
        raise LogContradicted(f"账本自相矛盾：{fault}") from fault


def _known(at: datetime | None) -> datetime:
    if at is None:
        raise LeafNotFound("没有记下这一记录的时间")
    return at
