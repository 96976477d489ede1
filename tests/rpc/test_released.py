"""A client of the first release is served: it has the messages of that release alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.scaffold.service import Service

IMAGE: Final = Path(__file__).parents[2] / "protos" / "gongji-0.1.0.binpb"


class ReleasedClient:
    """A caller that was compiled from a release's image."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = descriptor_pool.DescriptorPool()
        for file in FileDescriptorSet.FromString(IMAGE.read_bytes()).file:
            self._pool.Add(file)

    async def call(self, name: str, method: str, **fields: Any) -> dict[str, Any]:
        """Call a method with these fields, as JSON writes them; return its reply so."""
        described = self._pool.FindServiceByName(f"gongji.v1.{name}")
        rpc = described.methods_by_name[method]
        asked = message_factory.GetMessageClass(rpc.input_type)
        replied = message_factory.GetMessageClass(rpc.output_type)
        send = self._service.channel.unary_unary(
            f"/gongji.v1.{name}/{method}",
            request_serializer=asked.SerializeToString,
            response_deserializer=replied.FromString,
        )
        reply = await send(ParseDict(fields, asked()))
        return MessageToDict(reply, preserving_proto_field_name=True)


BILL: Final = {
    "patient": {"person_no": "P2"},
    "institution_code": "H34110000002",
    "service_day": "2025-09-30",
    "visit_kind": "VISIT_KIND_OUTPATIENT",
    "total_fen": "100000",
    "in_scope_fen": "100000",
    "account_use": "ACCOUNT_USE_CITY_ORDER",
}


APPLICATION: Final = {
    "request_id": "8c2f0b52-3a0e-4a41-8c5b-0a3c33b35a11",
    "holder": {"person_no": "P1"},
    "member": {"person_no": "P2"},
    "relation": "10",
    "purposes": ["PURPOSE_VISIT"],
    "channel": "window",
}


async def test_a_client_of_the_first_release_reads_bindings(service: Service) -> None:
    """It reads a binding, and why an application is refused."""
    client = ReleasedClient(service)
    await service.bind("P1", "P2")
    member = {"person_no": "P2"}
    bound = await client.call("BindingService", "ListBindings", member=member)
    assert ["BINDING_STATE_ACTIVE"] == [row["state"] for row in bound["bindings"]]
    submit = partial(client.call, "BindingService")
    refused = await service.refused(submit, "SubmitBinding", **APPLICATION)
    assert "FAILED_PRECONDITION NOT_ELIGIBLE" == refused.outcome


async def test_a_client_of_the_first_release_settles(service: Service) -> None:
    """It quotes, settles, is replayed, lists and reverses."""
    await service.bind("P1", "P2")
    await service.give("P1", 50_000)
    call = partial(ReleasedClient(service).call, "SettlementService")
    quoted = await call("Quote", bill=BILL)
    request = {"request_id": service.new_id(), "bill": BILL}
    settled = await call("Settle", **request)
    number = settled["settlement"]["settlement_id"]
    assert quoted["settlement"]["aid_fen"] == settled["settlement"]["aid_fen"]
    assert (await call("Settle", **request))["receipt"]["replayed"]
    listed = await call("ListSettlements", patient={"person_no": "P2"})
    assert [number] == [row["settlement_id"] for row in listed["rows"]]
    back = await call("Reverse", request_id=service.new_id(), settlement_id=number)
    assert ["50000"] == [refund["fen"] for refund in back["refunds"]]
