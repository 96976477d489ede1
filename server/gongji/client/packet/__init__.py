"""The packet of a settlement as a file a program judges, and as a sheet a person reads."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToDict

from gongji.v1 import packet_pb2 as pb
from gongji.v1 import packet_pb2_grpc

FORMAT: Final = "gongji-packet/1"
"""What stands in the file; examples/referee/README.md describes it."""

_HASH_BYTES: Final = 32


def fetch(channel: grpc.Channel, settlement_id: str) -> pb.GetPacketResponse:
    """Return a settlement's packet. grpc.RpcError."""
    service = packet_pb2_grpc.PacketServiceStub(channel)
    reply: pb.GetPacketResponse = service.GetPacket(
        pb.GetPacketRequest(settlement_id=settlement_id)
    )
    return reply


def to_file(packet: pb.GetPacketResponse) -> bytes:
    """Return a packet as JSON: texts that are hashed stand in it as they are."""
    content = {
        "format": FORMAT,
        "settlement_id": packet.settlement.settlement_id,
        "hash": packet.hash,
        "settlement": as_dict(packet.settlement),
        "replacements": [as_dict(one) for one in packet.replacements],
        "facts": [_fact(fact) for fact in packet.facts],
        "rules": [
            {"digest": rules.digest, "document": rules.document.decode()}
            for rules in packet.rules
        ],
        "rows": [_row(row) for row in packet.rows],
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def as_dict(message: Any) -> dict[str, Any]:
    """Return a message as JSON, its fields named as in the protos."""
    content: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return content


def _fact(fact: pb.PacketFact) -> dict[str, Any]:
    return as_dict(fact) | {"content": json.loads(fact.content)}


def _row(row: pb.PacketRow) -> dict[str, Any]:
    starts = range(0, len(row.hashes), _HASH_BYTES)
    return {
        "text": row.text.decode(),
        "values": _shown(row.values),
        "sealed": _shown(row.sealed),
        "position": row.position,
        "hashes": [_text(row.hashes[start : start + _HASH_BYTES]) for start in starts],
        "body": row.body.decode(),
        "inclusion": _inclusion(row) if row.HasField("inclusion") else None,
    }


def _shown(values: Iterable[pb.PacketValue]) -> dict[str, dict[str, str]]:
    return {
        shown.column: {"value": shown.value.decode(), "opener": _text(shown.opener)}
        for shown in values
    }


def _inclusion(row: pb.PacketRow) -> dict[str, Any]:
    proof = row.inclusion
    return {
        "index": proof.index,
        "path": [_text(one) for one in proof.path],
        "checkpoint": proof.checkpoint.decode(),
        "public_key": proof.public_key,
    }


def _text(content: bytes) -> str:
    return b64encode(content).decode()
