"""`gongji consequences` and `gongji resettle`: what late facts change, made good."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

import click

from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import consequences
from gongji.client.consequences import LateScope, MakingGood
from gongji.rules.codes import SHANGHAI
from gongji.rules.days import EARLIEST, LATEST
from gongji.rules.money import fen
from gongji.v1 import consequence_pb2 as pb
from gongji.v1.consequence_pb2_grpc import ConsequenceServiceStub

_PARTS: Final = {
    "in_scope": "符合政策范围金额",
    "first_selfpay": "先行自付金额",
    "above_limit": "超限价自费费用",
    "out_of_catalogue": "全自费金额",
}


class _Instant(click.ParamType[datetime]):
    """An instant of Shanghai, or with an offset of its own."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant. BadParameter."""
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} 不是时刻，应写作 YYYY-MM-DDTHH:MM:SS（上海时间）",
                param,
                ctx,
            )
        at = at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
        if not EARLIEST <= at < LATEST:
            self.fail("时刻须在世界时（UTC）1900 年至 2199 年之间", param, ctx)
        return at


class _Yuan(click.ParamType[int]):
    """An amount in yuan."""

    name = "yuan"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the fen. BadParameter."""
        try:
            amount = fen(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)
        if amount <= 0:
            self.fail("退回的金额须大于 0", param, ctx)
        return amount


@click.command("consequences", cls=CallingCommand)
@click.option(
    "--import", "import_id", metavar="ID", help="某次导入的编号（import_id）。"
)
@click.option(
    "--since", type=_Instant(), metavar="INSTANT", help="自此时刻起所知的一切。"
)
@click.option("--resettle", is_flag=True, help="逐条重新结算、补差、退回。")
@click.option(
    "--why", default="登记更正后重新结算", help="重新结算的事由，不含个人信息。"
)
@target_options
@click.pass_obj
def consequences_command(
    terminal: Terminal,
    import_id: str | None,
    since: datetime | None,
    why: str,
    target: ServerTarget,
    *,
    resettle: bool,
) -> None:
    """列出按现在所知会另作决定的结算、划入、代缴与绑定；有未能重新结算的以 1 退出。"""
    if (import_id is None) == (since is None):
        raise click.UsageError("请以 --import 与 --since 之一指明范围")
    scope = LateScope(import_id or "", since)
    count = 0
    with target.connect() as channel:
        making_good = MakingGood(channel, why)
        for reply in consequences.read(channel, scope):
            if reply.WhichOneof("message") == "progress":
                _tell_progress(terminal, reply.progress)
                continue
            count += 1
            _tell(terminal, reply, making_good if resettle else None)
    terminal.say(f"共 {count} 条" if count else "没有受影响的结算、划入、代缴与绑定")
    if making_good.failed:
        raise SystemExit(1)


def _tell(
    terminal: Terminal,
    reply: pb.ConsequencesResponse,
    making_good: MakingGood | None,
) -> None:
    """Print one consequence at once, and what was done about it."""
    done = making_good.make_good(reply) if making_good else ""
    if terminal.as_json:
        resettled = {"resettled": done} if done else {}
        terminal.json(consequences.as_json(reply) | resettled)
        return
    for line in consequences.in_words(reply):
        terminal.say(line)
    if done:
        terminal.say(f"  {done}")


def _tell_progress(terminal: Terminal, progress: pb.ConsequenceProgress) -> None:
    terminal.warn(
        f"已查 {progress.records_done:,}/{progress.records_total:,} 条登记，"
        f"{progress.settlements_seen:,} 笔结算"
    )


def _returned_options(command: Any) -> Any:
    for name, words in reversed(_PARTS.items()):
        option = f"--return-{name.replace('_', '-')}"
        command = click.option(
            option, name, type=_Yuan(), metavar="YUAN", help=f"退回的{words}（元）。"
        )(command)
    return command


@click.command("resettle", cls=CallingCommand)
@click.argument("settlement_id", metavar="SETTLEMENT_ID")
@click.option("--later", is_flag=True, help="连同该年度其后的各笔，依次重新结算。")
@_returned_options
@click.option("--why", default="", help="事由，不含个人信息。")
@click.option("--validate-only", is_flag=True, help="只看结果，什么也不写。")
@target_options
@click.pass_obj
def resettle_command(
    terminal: Terminal, /, *, settlement_id: str, target: ServerTarget, **options: Any
) -> None:
    """按现在所知重新结算一笔：退回原结算并重算；给出退回金额的为部分退费。"""
    request = pb.ResettleRequest(
        request_id=str(uuid.uuid4()),
        settlement_id=settlement_id,
        later=options["later"],
        why=options["why"],
        validate_only=options["validate_only"],
    )
    for name in _PARTS:
        if options[name] is not None:
            setattr(request.returned, f"{name}_fen", options[name])
    with target.connect() as channel:
        reply = ConsequenceServiceStub(channel).Resettle(request)
    if terminal.as_json:
        terminal.json(consequences.as_json(reply))
        return
    if request.validate_only:
        terminal.say("只看结果，没有写入：")
    for again in reply.settlements:
        terminal.say(consequences.again_in_words(again))
    if reply.next_settlement_id:
        terminal.say(f"其后还有，请再从 {reply.next_settlement_id} 起办理")
