"""GetPacket over the wire: the example without our packages judges what it hands out,
over both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gongji.client.packet import to_file
from gongji.v1 import packet_pb2 as pb
from gongji.v1 import packet_pb2_grpc

from tests.scaffold.service import Service

BOTH = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

PROGRAM = Path(__file__).parents[3] / "examples" / "referee" / "verify_packet.py"

Content = dict[str, Any]


async def packet_of(service: Service, *, reverse: bool = False) -> bytes:
    """The packet of a settlement that P1's purse and P2's pay of."""
    await service.give("P1", 50_00)
    await service.give("P2", 70_00)
    await service.bind("P2")
    reply = await service.settle(in_scope_fen=1000_00)
    settlement_id = reply.settlement.settlement_id
    if reverse:
        await service.reverse(settlement_id=settlement_id)
    packets = packet_pb2_grpc.PacketServiceStub(service.channel)
    request = pb.GetPacketRequest(settlement_id=settlement_id)
    gathered: pb.GetPacketResponse = await packets.GetPacket(request)
    return to_file(gathered)


def judged(content: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the program says of a packet, in a process that cannot import ours."""
    file = folder / "packet.json"
    file.write_bytes(content)
    # Isolated: neither the working folder nor the environment adds to its path.
    command = [sys.executable, "-I", str(PROGRAM), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def test_the_program_is_short_and_needs_nothing_of_ours() -> None:
    """At most 300 lines, which import neither gongji nor gRPC."""
    lines = PROGRAM.read_text("utf-8").splitlines()
    assert len(lines) <= 300
    imported = [line for line in lines if line.startswith(("import ", "from "))]
    assert not [line for line in imported if "gongji" in line or "grpc" in line]


@BOTH
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_packet_holds(
    service: Service, tmp_path: Path, *, reverse: bool
) -> None:
    """What we hand out is judged right, a reversed settlement by both of its rows."""
    result = judged(await packet_of(service, reverse=reverse), tmp_path)
    assert (0, "") == (result.returncode, result.stderr)
    assert (2 if reverse else 1) == result.stdout.count("内容与日志中的散列一致")
    assert reverse == ("撤销" in result.stdout)


def _line(content: Content) -> None:
    shown = content["rows"][0]["values"]["doc"]
    shown["value"] = shown["value"].replace('"fen":', '"fen":1', 1)


def _text(content: Content) -> None:
    row = content["rows"][0]
    row["text"] = row["text"].replace("institution", "institutions")


def _patient(content: Content) -> None:
    content["rows"][0]["values"]["patient"]["value"] = "P9"


def _body(content: Content) -> None:
    row = content["rows"][0]
    body = json.loads(row["body"])
    body["records"] = body["records"][::-1]
    row["body"] = json.dumps(body)


def _neighbour(content: Content) -> None:
    hashes = content["rows"][0]["hashes"]
    hashes[0], hashes[1] = hashes[1], hashes[0]


def _rules(content: Content) -> None:
    rules = content["rules"][0]
    rules["document"] = rules["document"].replace("6000", "9000", 1)


def _no_rules(content: Content) -> None:
    content["rules"].clear()


def _other(content: Content) -> None:
    content["settlement_id"] = "S0"


def _hidden(content: Content) -> None:
    del content["rows"][0]["values"]["doc"]


CHANGES: dict[str, tuple[Callable[[Content], None], str]] = {
    "a line's amount": (_line, "doc 的内容与承诺不符"),
    "a column of the row": (_text, "行的文字与日志中的散列不符"),
    "the patient": (_patient, "patient 的内容与承诺不符"),
    "the leaf": (_body, "各行的散列与叶所载的不符"),
    "the order of rows": (_neighbour, "散列"),
    "a figure of the rules": (_rules, "与摘要不符"),
    "the rules left out": (_no_rules, "规则文档不是结算所依据的那些"),
    "another settlement's name": (_other, "行是另一笔结算"),
    "the content not shown": (_hidden, "没有出示 doc 的内容"),
}


@BOTH
async def test_whatever_is_changed_is_found(service: Service, tmp_path: Path) -> None:
    """Each change of a packet is named, and exits with 1."""
    original = await packet_of(service)
    for name, (change, sentence) in CHANGES.items():
        content = json.loads(original)
        change(content)
        result = judged(json.dumps(content).encode(), tmp_path)
        assert (1, True) == (result.returncode, sentence in result.stderr), name
