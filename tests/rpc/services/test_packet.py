"""GetPacket over the wire: the example without our packages judges what it hands out,
over both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.packet import to_file
from gongji.v1 import packet_pb2 as pb
from gongji.v1 import packet_pb2_grpc

from tests.rpc.services.telling import AT_WORK, RETIRED_IN_JULY, resettle, tell
from tests.rpc.services.test_wallet import accepting, opening, sent
from tests.scaffold.service import Service

BOTH = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

PROGRAM = Path(__file__).parents[3] / "examples" / "referee" / "verify_packet.py"

Content = dict[str, Any]


async def packet(channel: grpc.aio.Channel, settlement_id: str) -> bytes:
    """The packet of a settlement."""
    packets = packet_pb2_grpc.PacketServiceStub(channel)
    request = pb.GetPacketRequest(settlement_id=settlement_id)
    gathered: pb.GetPacketResponse = await packets.GetPacket(request)
    return to_file(gathered)


async def settled(service: Service, **bill: Any) -> str:
    """A settlement that P1's purse and P2's pay of."""
    await service.give("P1", 50_00)
    await service.give("P2", 70_00)
    await service.bind("P2")
    reply = await service.settle(in_scope_fen=1000_00, **bill)
    return reply.settlement.settlement_id


async def reversed_(service: Service, settlement_id: str) -> None:
    """It is taken back."""
    await service.reverse(settlement_id=settlement_id, why="重复收费")


async def settled_again(service: Service, settlement_id: str) -> None:
    """It is settled again, for P1 was retired, and what took its place is taken back."""
    await tell(service, 1, RETIRED_IN_JULY)
    await resettle(service, settlement_id=settlement_id)
    await reversed_(service, settlement_id)


async def withdrawn(service: Service, settlement_id: str) -> None:
    """It is taken back, for P1 was not insured."""
    await tell(service, 1, [])
    await resettle(service, settlement_id=settlement_id)


async def restored(service: Service, settlement_id: str) -> None:
    """It is taken back and, since P1 was insured after all, settled again."""
    await withdrawn(service, settlement_id)
    await tell(service, 1, AT_WORK)
    await resettle(service, settlement_id=settlement_id)


Act = Callable[[Service, str], Awaitable[None]]

HISTORIES: Mapping[str, tuple[Act | None, list[str]]] = {
    "decided": (None, ["作出"]),
    "reversed": (reversed_, ["作出", "撤销"]),
    "settled again": (settled_again, ["作出", "撤销", "作出", "撤销"]),
    "withdrawn": (withdrawn, ["作出", "撤销"]),
    "restored": (restored, ["作出", "撤销", "撤销", "作出"]),
}
"""What became of a settlement, and the rows that prove it."""


def judged(content: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the program says of a packet, in a process that cannot import ours."""
    file = folder / "packet.json"
    file.write_bytes(content)
    # Isolated: neither the working folder nor the environment adds to its path.
    command = [sys.executable, "-I", str(PROGRAM), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def rows_in(told: str) -> list[str]:
    """What each row is of that the program tells of."""
    rows = [line for line in told.splitlines() if line.startswith("行：")]
    return ["撤销" if "撤销" in row else "作出" for row in rows]


def test_the_program_is_short_and_needs_nothing_of_ours() -> None:
    """At most 300 lines, which import neither gongji nor gRPC."""
    lines = PROGRAM.read_text("utf-8").splitlines()
    assert len(lines) <= 300
    imported = [line for line in lines if line.startswith(("import ", "from "))]
    assert not [line for line in imported if "gongji" in line or "grpc" in line]


@BOTH
@pytest.mark.parametrize("filing_no", ["", "F-2025-0001"])
@pytest.mark.parametrize("history", HISTORIES)
async def test_a_packet_holds(
    service: Service, tmp_path: Path, history: str, filing_no: str
) -> None:
    """What we hand out is judged right: each row it was ever written as is proved, by a
    leaf and a proof of its own, whatever of it is sealed."""
    act, expected = HISTORIES[history]
    settlement_id = await settled(service, filing_no=filing_no)
    if act is not None:
        await act(service, settlement_id)
    result = judged(await packet(service.channel, settlement_id), tmp_path)
    assert (0, "") == (result.returncode, result.stderr)
    assert expected == rows_in(result.stdout)
    assert len(expected) == result.stdout.count("检查点签名有效")
    assert "没有出示" not in result.stdout


async def test_what_a_wallet_paid_is_judged(service: Service, tmp_path: Path) -> None:
    """Money of a purse and of its owner's wallet is told apart, and adds up."""
    await service.give("P2", 70_00)
    for person_no in ("P1", "P2"):
        place = opening(service, person_no, use_place="341100")
        await service.wallets.OpenWallet(place)
    people = {"sender": service.ref("P2"), "receiver": service.ref("P1")}
    sent_to_p1 = await sent(service, **people, fen=70_00)
    accept = accepting(service, sent_to_p1, receiver=service.ref("P1"))
    await service.wallets.AcceptTransfer(accept)
    await service.give("P1", 50_00)
    settlement = (await service.settle(use_wallet=True)).settlement
    assert (70_00, 120_00) == (settlement.wallet_fen, settlement.account_fen)
    content = await packet(service.channel, settlement.settlement_id)
    result = judged(content, tmp_path)
    assert (0, "") == (result.returncode, result.stderr)


@BOTH
async def test_what_is_sealed_is_shown_and_proved(
    service: Service, tmp_path: Path
) -> None:
    """The filing number and the reason of the reversal stand in the packet, with what
    shows that the rows commit to them; another one is found."""
    settlement_id = await settled(service, filing_no="F-2025-0001")
    await reversed_(service, settlement_id)
    content = json.loads(await packet(service.channel, settlement_id))
    first, last = [row["sealed"] for row in content["rows"]]
    assert {"bill.filing_no": '"F-2025-0001"'} == {
        n: v["value"] for n, v in first.items()
    }
    assert '"重复收费"' == last["reversed_why"]["value"]
    last["reversed_why"]["value"] = '"退药"'
    result = judged(json.dumps(content).encode(), tmp_path)
    assert "reversed_why 的内容与承诺不符" in result.stderr


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


def _not_decided(content: Content) -> None:
    del content["rows"][0]


def _not_replaced(content: Content) -> None:
    del content["rows"][2:]


def _out_of_order(content: Content) -> None:
    rows = content["rows"]
    rows[2], rows[3] = rows[3], rows[2]
    for row in rows:
        row["inclusion"] = None


def _twice(content: Content) -> None:
    content["rows"].insert(0, content["rows"][0])


def _at_another_time(content: Content) -> None:
    body = json.loads(content["rows"][0]["body"])
    body["at"] += 1
    content["rows"][0]["body"] = json.dumps(body, separators=(",", ":"))


def _another_path(content: Content) -> None:
    content["rows"][-1]["inclusion"]["path"].pop()


OF_HISTORIES: dict[str, tuple[Callable[[Content], None], str]] = {
    "what took its place left out": (_not_replaced, "没有出示取代它的"),
    "its reversal before it": (_out_of_order, "作出之后内容有改动"),
    "a row twice": (_twice, "作出之后内容有改动"),
    "another time": (_at_another_time, "的时间与叶所载的不符"),
    "a proof cut short": (_another_path, "证明没有到达树根"),
}


@BOTH
async def test_a_history_that_is_changed_is_found(
    service: Service, tmp_path: Path
) -> None:
    """No row of a history can be left out, moved or repeated without being found; that
    the first is missing is said."""
    settlement_id = await settled(service)
    await settled_again(service, settlement_id)
    original = await packet(service.channel, settlement_id)
    for name, (change, sentence) in OF_HISTORIES.items():
        content = json.loads(original)
        change(content)
        result = judged(json.dumps(content).encode(), tmp_path)
        assert sentence in result.stderr + result.stdout, name
    content = json.loads(original)
    _not_decided(content)
    result = judged(json.dumps(content).encode(), tmp_path)
    assert f"没有出示 {settlement_id} 作出时的一行" in result.stdout


@BOTH
async def test_whatever_is_changed_is_found(service: Service, tmp_path: Path) -> None:
    """Each change of a packet is named, and exits with 1."""
    original = await packet(service.channel, await settled(service))
    for name, (change, sentence) in CHANGES.items():
        content = json.loads(original)
        change(content)
        result = judged(json.dumps(content).encode(), tmp_path)
        assert (1, True) == (result.returncode, sentence in result.stderr), name
