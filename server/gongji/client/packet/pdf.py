"""A packet as a sheet for people: who pays what under which clause, and how it is proved."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from gongji.audit.hashing import digest_of
from gongji.client.consequences import PAYERS
from gongji.client.log import hasher_of
from gongji.client.statement.pdf import print_page
from gongji.rules.codes import SHANGHAI
from gongji.rules.money import yuan
from gongji.v1 import packet_pb2 as pb

_TEMPLATE: Final = files(__package__).joinpath("template.typ")

_PARTS: Final = {
    "out_of_catalogue_fen": "目录外",
    "above_limit_fen": "超限价",
    "first_selfpay_fen": "先行自付",
    "in_scope_fen": "符合范围",
}

_FACTS: Final = {"person": "参保人", "institution": "机构", "binding": "绑定"}


def to_pdf(packet: pb.GetPacketResponse, file: bytes, printed_at: datetime) -> bytes:
    """Return the sheet of a packet and its file, as PDF. UnprintableError."""
    document = {
        "settlements": [
            _settlement(one) for one in (packet.settlement, *packet.replacements)
        ],
        "facts": [_fact(fact) for fact in packet.facts],
        "rules": [rules.digest for rules in packet.rules],
        "proofs": [_proof(row) for row in packet.rows],
        "digest": digest_of(hasher_of(packet.hash), file),
        "printed_at": _instant(printed_at),
    }
    inputs = {"packet": json.dumps(document)}
    return print_page(_TEMPLATE.read_bytes(), inputs, printed_at)


def _settlement(settlement: Any) -> dict[str, Any]:
    """Return whose bill was settled, when, by which program, and who pays what."""
    bill, decided_by = settlement.bill, settlement.decided_by
    return {
        "id": settlement.settlement_id,
        "settled_at": _instant(settlement.settled_at.ToDatetime(SHANGHAI)),
        "reversed": _reversed(settlement),
        "replaces": settlement.replaces,
        "filing_no": bill.filing_no,
        "patient": bill.patient.person_no,
        "institution": bill.institution_code,
        "service_day": bill.service_day,
        "total": yuan(bill.total_fen),
        "parts": [[name, yuan(getattr(bill, f))] for f, name in _PARTS.items()],
        "decided_by": [
            decided_by.plugin,
            decided_by.plugin_version,
            decided_by.core_version,
        ],
        "lines": [_line(line) for line in settlement.lines],
    }


def _reversed(settlement: Any) -> str | None:
    """Return when and why it was reversed, and what stands in its place."""
    if not settlement.HasField("reversed_at"):
        return None
    at = _instant(settlement.reversed_at.ToDatetime(SHANGHAI))
    told = f"{at} {settlement.reversed_why}".rstrip()
    if settlement.replaced_by:
        told += f"，由 {settlement.replaced_by} 取代"
    return told


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _line(line: Any) -> dict[str, Any]:
    return {
        "payer": PAYERS[int(line.payer)],
        "purse": line.purse,
        "fen": yuan(line.fen),
        "words": line.in_words,
        "formula": line.formula,
        "inputs": "，".join(f"{name} {value}" for name, value in line.inputs.items()),
        "clauses": [
            {"id": c.id, "source": c.source, "text": c.text} for c in line.rule.clauses
        ],
    }


def _fact(fact: pb.PacketFact) -> list[str]:
    known = "—"
    if fact.HasField("known_from"):
        known = _instant(fact.known_from.ToDatetime(SHANGHAI))
    return [_FACTS[fact.kind], fact.key, str(fact.revision or "—"), known]


def _proof(row: pb.PacketRow) -> dict[str, Any]:
    body = json.loads(row.body)
    shown = {value.column: value.value for value in row.values}
    settlement = json.loads(shown["doc"])
    return {
        "settlement": settlement["settlement_id"],
        "state": "撤销" if settlement.get("reversed_at") else "作出",
        "what": body["what"],
        "writer": f"{body['writer']}/{body['number']}",
        "index": row.inclusion.index if row.HasField("inclusion") else None,
        "checkpoint": row.inclusion.checkpoint.decode(),
        "public_key": row.inclusion.public_key,
    }
