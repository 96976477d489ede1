"""`gongji explain`: why a settlement is what it is, and the packet that proves it."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO

import click

from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import packet
from gongji.client.consequences import PAYERS
from gongji.client.packet.pdf import to_pdf
from gongji.rules.codes import SHANGHAI
from gongji.rules.money import yuan
from gongji.serve.clock import system_clock
from gongji.v1 import packet_pb2 as pb


@click.command("explain", cls=CallingCommand)
@click.argument("settlement_id", metavar="SETTLEMENT_ID")
@click.option(
    "--packet",
    "file",
    type=click.File("wb", lazy=True),
    metavar="FILE",
    help="写出裁决材料（JSON）：账单、当时的事实与规则、逐行依据、日志中的证明。",
)
@click.option(
    "--pdf",
    type=click.File("wb", lazy=True),
    metavar="FILE",
    help="写出给人读的一份（PDF）。",
)
@click.option(
    "--printed-at",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    help="PDF 上的打印时间；默认现在。",
)
@target_options
@click.pass_obj
def explain_command(
    terminal: Terminal,
    settlement_id: str,
    *,
    file: BinaryIO | None,
    pdf: BinaryIO | None,
    printed_at: datetime | None,
    target: ServerTarget,
) -> None:
    """说明一笔结算：谁付多少，依据哪一条；并写出别人不用本系统也能核对的材料。"""
    with target.connect() as channel:
        gathered = packet.fetch(channel, settlement_id)
    content = packet.to_file(gathered)
    if file is not None:
        file.write(content)
    if pdf is not None:
        at = printed_at.replace(tzinfo=SHANGHAI) if printed_at else system_clock()
        pdf.write(to_pdf(gathered, content, at))
    _show(terminal, gathered)


def _show(terminal: Terminal, gathered: pb.GetPacketResponse) -> None:
    settlement = gathered.settlement
    rows = [
        {
            "payer": PAYERS[int(line.payer)],
            "purse": line.purse,
            "yuan": yuan(line.fen),
            "clauses": "、".join(clause.id for clause in line.rule.clauses),
            "in_words": line.in_words,
        }
        for line in settlement.lines
    ]
    terminal.table("explained", rows, ["payer", "purse", "yuan", "clauses", "in_words"])
    if settlement.HasField("evidence"):
        seen = settlement.evidence
        clauses = "、".join(clause.id for clause in seen.rule.clauses)
        terminal.say(f"就诊凭证：{seen.in_words}（{clauses}）")
    for row in gathered.rows:
        if row.HasField("inclusion"):
            terminal.say(f"日志：第 {row.inclusion.index} 片叶，已在签名的检查点之中")
        else:
            terminal.say("日志：已写入，下一个检查点将包含它；那之后再取材料")
