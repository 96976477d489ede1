"""`gongji sandbox`: a service of invented people for integrators, and a page of who is who."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from gongji.cities.city import Cities
from gongji.cli.announcing import tell_started
from gongji.cli.installed import tool_command
from gongji.cli.serving import run_server
from gongji.cli.terminal import Terminal
from gongji.client.connection import connect
from gongji.client.sandbox.page import sandbox_page
from gongji.client.sandbox.requests import account_of, new_id
from gongji.rules.codes import SHANGHAI
from gongji.serve.listening import check_free, is_loopback
from gongji.serve.pages import ServedPage, page_at
from gongji.serve.service import Up
from gongji.serve.settings import SANDBOX_MARK, Settings
from gongji.store.private_files import make_folder
from gongji.v1 import sandbox_pb2, sandbox_pb2_grpc

DEFAULT_SANDBOX: Final = "127.0.0.1:50061"

_MARKED: Final = (
    "这是 gongji sandbox 的数据：其中的人、账户、机构都是虚构的，任何人都能清空它。\n"
    "切勿存放真实数据；停下沙盒之后，整个目录可以删除。\n"
)


@click.group("sandbox", invoke_without_command=True)
@click.option(
    "--address",
    default=DEFAULT_SANDBOX,
    show_default=True,
    help="监听地址，只在本机；端口 0 表示任选空闲端口。",
)
@click.option(
    "--page-address",
    default="127.0.0.1:50062",
    show_default=True,
    metavar="HOST:PORT",
    help="「谁是谁」一页的监听地址，只在本机。",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("gongji-sandbox"),
    show_default=True,
    help="沙盒自己的目录：新的、空的，或从前的沙盒的。",
)
@click.pass_context
def sandbox_command(
    context: click.Context, address: str, page_address: str, data: Path
) -> None:
    """给接入方试用的服务：虚构的人，可以拨的钟，按吩咐出的故障；Ctrl-C 停止。"""
    if context.invoked_subcommand is None:
        run_sandbox(context.obj, address, page_address, data)


@sandbox_command.command("voucher")
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--institution",
    "institution_code",
    required=True,
    metavar="CODE",
    help="出示的定点医药机构，12 位编号；别的机构用不得。",
)
@click.option(
    "--address",
    help=f"运行中的沙盒的地址；默认是 gongji sandbox 的 --address：{DEFAULT_SANDBOX}。",
)
@click.pass_context
def voucher_command(
    context: click.Context, person_no: str, institution_code: str, address: str | None
) -> None:
    """问运行中的沙盒要一个医保电子凭证令牌：一家机构、一分钟、一笔结算。"""
    request = sandbox_pb2.IssueVoucherRequest(
        request_id=new_id(), person_no=person_no, institution_code=institution_code
    )
    # `gongji sandbox --address A voucher` means the sandbox at A.
    group = context.parent.params if context.parent else {}
    at = address or group.get("address", DEFAULT_SANDBOX)
    with connect(at, "sandbox-voucher") as channel:
        issued = sandbox_pb2_grpc.SandboxServiceStub(channel).IssueVoucher(request)
    expires_at = issued.expires_at.ToDatetime(tzinfo=SHANGHAI)
    row = {"token": issued.token, "expires_at": f"{expires_at:%Y-%m-%d %H:%M:%S}"}
    terminal: Terminal = context.obj
    terminal.table("voucher", [row], ["token", "expires_at"])


def run_sandbox(
    terminal: Terminal, address: str, page_address: str, data: Path
) -> None:
    """Run a sandbox until it is stopped. ValueError; OSError."""
    if not is_loopback(page_address):
        raise ValueError(f"--page-address {page_address} 不是本机回环地址")
    check_free(page_address)
    mark_folder(data)
    settings = Settings(address=address, data=data, sample=True, sandbox=True)
    with ExitStack() as stack:

        def tell(
            terminal: Terminal,
            settings: Settings,
            cities: Cities,
            warnings: Iterable[str],
            up: Up,
        ) -> None:
            del warnings
            channel = stack.enter_context(connect(up.address, "sandbox-page"))
            page = ServedPage(
                "/",
                "text/html; charset=utf-8",
                lambda: sandbox_page(channel, up.address, tool_command("buf")),
            )
            at = stack.enter_context(page_at(page_address, page))
            said = sentences(settings, up.address, at)
            tell_started(terminal, settings, cities, up, said, table=False)

        run_server(settings, terminal, tell)


def mark_folder(data: Path) -> None:
    """Make a folder a sandbox's. ValueError if it is another's; OSError."""
    mark = data / SANDBOX_MARK
    if mark.exists():
        return
    if data.exists() and any(data.iterdir()):
        raise ValueError(
            f"目录 {data} 里有别的东西，不是沙盒的：沙盒会被随时清空，不与别的数据同在一处；"
            "请给出一个新的目录（--data）"
        )
    make_folder(data)
    mark.write_text(_MARKED, encoding="utf-8")


def sentences(settings: Settings, address: str, page: str) -> Iterator[str]:
    """Yield what an integrator needs first."""
    yield f"沙盒在 {address} 应答，数据在 {settings.data}/；Ctrl-C 停止。"
    yield "  其中的人都是虚构的；任何人都能清空它，切勿放入真实数据。"
    yield f"谁是谁、可以照抄的请求：http://{page}/"
    yield "令牌：不需要，带了也不核对；只监听本机。"
    yield "电子凭证：gongji sandbox voucher CZ001 --institution H34110000001 得到一个令牌。"
    yield "时钟：随时间走，SandboxService/SetClock 拨动。"
    yield "故障：调用带上元数据 x-gongji-sandbox-fault，如 lost-reply，见那一页。"
    yield "接下来可在另一终端键入："
    command = account_of("CZ001").buf(address, tool_command("buf"))
    yield "\n".join(f"  {line}" for line in command.splitlines())
    yield f"  gongji guide chuzhou --target {address}    # 滁州办理指南"
