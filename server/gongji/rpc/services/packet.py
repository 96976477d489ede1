"""PacketService: one settlement with all by which somebody else can judge it (裁决材料)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from gongji.audit.hashing import NAMES
from gongji.audit.leaf import Leaf
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.rpc.convert.settlement import settlement_to
from gongji.rpc.convert.values import Sources, write_instant
from gongji.rpc.services.permitted import require_permitted
from gongji.settlement.packet import FormerFact, GatherPacket, SettlementPacket
from gongji.store import Store
from gongji.store.told import ToldRow, find_told
from gongji.v1 import packet_pb2 as pb
from gongji.v1.packet_pb2_grpc import PacketServiceServicer

Prove = Callable[[Leaf], Awaitable[pb.PacketInclusion | None]]
"""Returns the proof that a leaf is in the tree, None until a checkpoint includes it."""


class PacketService(PacketServiceServicer):
    """Gathers packets; `prove` finds where the log holds a leaf."""

    def __init__(self, store: Store, cities: Cities, prove: Prove) -> None:
        self._store = store
        self._cities = cities
        self._prove = prove

    async def GetPacket(
        self, request: pb.GetPacketRequest, context: object
    ) -> pb.GetPacketResponse:
        """Return a settlement's packet. SettlementNotFound; Denied."""
        await require_permitted(self._store, request.settlement_id)
        packet = await self._store.ask(GatherPacket(request.settlement_id))
        sources = Sources(Cities((*packet.cities().all, *self._cities.all)))
        return pb.GetPacketResponse(
            settlement=settlement_to(packet.settlement, sources),
            facts=[_fact_to(fact) for fact in packet.facts],
            rules=[
                pb.PacketRules(digest=kept.digest, document=kept.document)
                for kept in packet.rules
            ],
            rows=[await self._row_to(row) async for row in self._rows(packet)],
            hash=NAMES[self._store.hasher],
        )

    async def _rows(self, packet: SettlementPacket) -> AsyncIterator[ToldRow]:
        """Yield the row as first written if that can be told again, and as it is stored."""
        stored, first = packet.settlement, packet.first
        leaves = []
        if stored.settled_at and stored != first:
            row = await find_told(
                self._store, first, stored.settled_at, as_stored=False
            )
            leaves.append(row)
        for at in (stored.reversed_at, stored.settled_at):
            if at is not None:
                row = await find_told(self._store, stored, at, as_stored=True)
                if row is not None:
                    leaves.append(row)
                    break
        for row in leaves:
            if row is not None:
                yield row

    async def _row_to(self, row: ToldRow) -> pb.PacketRow:
        leaf = row.leaf
        return pb.PacketRow(
            text=row.text,
            values=[
                pb.PacketValue(column=v.column, value=v.value, opener=v.opener)
                for v in row.values
            ],
            position=row.position,
            hashes=leaf.hashes,
            body=leaf.body,
            inclusion=await self._prove(leaf),
        )


def _fact_to(fact: FormerFact) -> pb.PacketFact:
    message = pb.PacketFact(kind=fact.kind, key=fact.key, content=fact.content)
    record = fact.record
    if not isinstance(record, Binding):
        message.revision = record.revision
        if record.known_from is not None:
            write_instant(record.known_from, message.known_from)
    return message
