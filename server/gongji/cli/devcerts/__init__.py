"""`gongji dev-certs`: an authority, certificates, tokens and a policy for trials."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from gongji.cli.devcerts.files import write_trial
from gongji.cli.terminal import Terminal


@click.command("dev-certs")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def dev_certs_command(terminal: Terminal, folder: Path) -> None:
    """写出试用的证书、令牌与访问策略到一个空目录：一个自建的签发机构，服务与各类调用方。"""
    paths = write_trial(folder)
    rows = [{"file": str(path)} for path in paths]
    terminal.table("written", rows, ["file"])
    terminal.say(
        "只供试用：签发机构的私钥就在其中，任何读得到它的人都能冒充任何调用方；"
        "正式运行的证书请由贵单位的签发机构签发。"
    )
    config = shlex.quote(str(folder / "gongji.toml"))
    terminal.say("启动服务，然后在另一个终端以运营方的证书查询：")
    terminal.say(f"  gongji serve --sample --config {config}")
    terminal.say(f"  gongji statement CZ001 --config {config}")
