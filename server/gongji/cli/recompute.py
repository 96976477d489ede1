"""`gongji recompute`: a stored settlement decided once more, beside what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client.consequences import PAYERS
from gongji.rules.money import yuan
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc

_TIMES: Final[Mapping[str, str]] = {"then": "按当时", "now": "按现在"}


@click.command("recompute", cls=CallingCommand)
@click.argument("settlement_id", metavar="SETTLEMENT_ID")
@click.option(
    "--as",
    "time",
    type=click.Choice(list(_TIMES)),
    help="then 按作出时的事实与规则；now 按现在所知与现行规则；默认两者都列。",
)
@target_options
@click.pass_obj
def recompute_command(
    terminal: Terminal, settlement_id: str, time: str | None, target: ServerTarget
) -> None:
    """重算一笔结算，逐个付款方与所存的对照；按当时重算与所存不一致则以 1 退出。"""
    with target.connect() as channel:
        service = settlement_pb2_grpc.SettlementServiceStub(channel)
        reply = service.Recompute(pb.RecomputeRequest(settlement_id=settlement_id))
    done = {"then": reply.as_then, "now": reply.as_now}
    shown = {name: done[name] for name in ([time] if time else _TIMES)}
    rows = list(_rows(reply.stored, shown))
    if terminal.as_json:
        terminal.json({"recomputed": rows} | {n: _as_json(r) for n, r in shown.items()})
    else:
        terminal.table("recomputed", rows, ["payer", "purse", "stored", *shown])
        for name, result in shown.items():
            terminal.say(f"{_TIMES[name]}：{_in_words(name, result)}")
    if "then" in shown and not reply.as_then.equal:
        raise SystemExit(1)


def _rows(
    stored: pb.Settlement, shown: Mapping[str, pb.Recomputation]
) -> Iterable[dict[str, str]]:
    """Yield each payer's amounts in yuan: as stored and as decided once more."""
    columns = {"stored": _by_payer(stored)}
    columns |= {name: _by_payer(result.settlement) for name, result in shown.items()}
    for payer in dict.fromkeys(key for paid in columns.values() for key in paid):
        kind, purse = payer
        amounts = {
            # Nobody pays anything of a bill that is not settled.
            name: yuan(paid.get(payer, 0)) if paid else "—"
            for name, paid in columns.items()
        }
        yield {"payer": PAYERS[kind], "purse": purse, **amounts}


def _by_payer(settlement: pb.Settlement) -> dict[tuple[int, str], int]:
    paid: dict[tuple[int, str], int] = {}
    for line in settlement.lines:
        payer = (int(line.payer), line.purse)
        paid[payer] = paid.get(payer, 0) + line.fen
    return paid


def _in_words(name: str, result: pb.Recomputation) -> str:
    outcome = result.WhichOneof("result")
    if outcome == "impossible":
        return result.impossible
    if outcome == "refusal":
        cited = "、".join(clause.id for clause in result.refusal.clauses)
        under = f"（{cited}）" if cited else ""
        return f"不予结算：{result.refusal.message}{under}"
    if result.equal:
        return "与所存一致"
    fields = "、".join(result.different)
    changed = "，所存的内容曾被改动，请核查" if name == "then" else ""
    return f"与所存不同：{fields}{changed}"


def _as_json(result: pb.Recomputation) -> dict[str, Any]:
    return {
        "equal": result.equal,
        "different": list(result.different),
        "refused": result.refusal.reason,
        "impossible": result.impossible,
    }
