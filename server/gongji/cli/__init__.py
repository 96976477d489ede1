"""The `gongji` command, a file a group of commands."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import click
import grpc

from gongji import __version__
from gongji.cli.cities import check_command, cities_command, guide_command
from gongji.cli.demo import demo_command
from gongji.cli.kit import COMMANDS as KIT
from gongji.cli.national import national
from gongji.cli.records import credit_command, import_command, reconcile_command
from gongji.cli.serve import migrate_command, serve_command
from gongji.cli.statement import statement_command
from gongji.cli.terminal import Terminal
from gongji.client import imports
from gongji.client.connection import refusal_of
from gongji.model.refusals import Refusal

COMMANDS = "gongji.commands"
"""Entry-point group of commands other packages bring, e.g. `gongji conformance`; loaded
when asked for."""


class Faults(click.Group):
    """A group whose commands end with a sentence, never with a traceback, where the
    user can mend the matter."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own commands and those other packages bring."""
        return sorted(
            {*super().list_commands(ctx), *metadata.entry_points(group=COMMANDS).names}
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of our own, or one another package brings."""
        return super().get_command(ctx, cmd_name) or _brought(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; turns refusals and faults of files into one line on
        standard error and exit code 1."""
        try:
            return super().invoke(ctx)
        except Refusal as refused:
            cited = "、".join(c.id for c in refused.clauses)
            raise click.ClickException(
                refused.message + (f" ({cited})" if cited else "")
            ) from refused
        except grpc.RpcError as error:
            told = refusal_of(error)
            unanswered = (
                f"服务没有应答({told.code.name}): {told.message}; 请确认服务已启动, "
                "地址以 --target 指明"
            )
            raise click.ClickException(
                told.message if told.reason else unanswered
            ) from error
        except (imports.FileFaultError, ValueError, OSError) as fault:
            raise click.ClickException(str(fault)) from fault


def _brought(name: str) -> click.Command | None:
    """A command of another package; one that says what is wrong where it cannot be loaded."""
    for entry in metadata.entry_points(group=COMMANDS, name=name):
        try:
            command = entry.load()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the other commands work
            return _unloadable(
                name, f"{entry.value} 未能加载: {type(fault).__name__}: {fault}"
            )
        if isinstance(command, click.Command):
            return command
        return _unloadable(name, f"{entry.value} 不是命令")
    return None


def _unloadable(name: str, told: str) -> click.Command:
    def fail(**_: object) -> None:
        raise click.ClickException(told)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=fail, short_help=told, context_settings=settings
    )


@click.group(cls=Faults, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    default="zh",
    help="标签语言; 条款一律为中文.",
)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON, 供程序读取.")
@click.version_option(__version__, prog_name="gongji")
@click.pass_context
def main(ctx: click.Context, lang: str, *, as_json: bool) -> None:
    """医保个人账户家庭共济与门诊共济: 绑定与结算服务."""
    ctx.obj = Terminal(lang=lang, as_json=as_json)


for command in (
    serve_command,
    migrate_command,
    cities_command,
    guide_command,
    check_command,
    import_command,
    credit_command,
    statement_command,
    reconcile_command,
    demo_command,
    national,
    *KIT,
):
    main.add_command(command)
