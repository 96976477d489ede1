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
from gongji.store.told import ShownValue, ToldRow, find_told
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
        stands, *replacements = packet.settlements
        sources = Sources(Cities((*packet.cities().all, *self._cities.all)))
        return pb.GetPacketResponse(
            settlement=settlement_to(stands, sources),
            replacements=[settlement_to(one, sources) for one in replacements],
            facts=[_fact_to(fact) for fact in packet.facts],
            rules=[
                pb.PacketRules(digest=kept.digest, document=kept.document)
                for kept in packet.rules
            ],
            rows=[await self._row_to(row) async for row in self._rows(packet)],
            hash=NAMES[self._store.hasher],
        )

    async def _rows(self, packet: SettlementPacket) -> AsyncIterator[ToldRow]:
        """Yield the rows of the settlements, as they were written, that are in the log."""
        for written in packet.rows():
            row = await find_told(
                self._store,
                written.settlement,
                written.at,
                as_stored=written.as_stored,
            )
            if row is not None:
                yield row

    async def _row_to(self, row: ToldRow) -> pb.PacketRow:
        leaf = row.leaf
        return pb.PacketRow(
            text=row.text,
            values=list(map(_value_to, row.values)),
            sealed=list(map(_value_to, row.sealed)),
            position=row.position,
            hashes=leaf.hashes,
            body=leaf.body,
            inclusion=await self._prove(leaf),
        )


def _value_to(shown: ShownValue) -> pb.PacketValue:
    return pb.PacketValue(column=shown.column, value=shown.value, opener=shown.opener)


def _fact_to(fact: FormerFact) -> pb.PacketFact:
    message = pb.PacketFact(kind=fact.kind, key=fact.key, content=fact.content)
    record = fact.record
    if not isinstance(record, Binding):
        message.revision = record.revision
        if record.known_from is not None:
            write_instant(record.known_from, message.known_from)
    return message
