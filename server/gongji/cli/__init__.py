"""The `gongji` command: a file a group of commands."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from io import TextIOWrapper
from typing import Any, Final

# As servers have it. Before the imports: to look for cycles among modules is a tenth of
# a start.
gc.set_threshold(50_000, 20, 50)

# gRPC reads it once, when it is imported. What it prints by itself is no sentence of ours
# and no line of the log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Of TLS 1.2 the suite that HTTP/2 requires (RFC 9113, 9.2.2), for either kind of key: gRPC
# has no order of its own, and among several the caller would choose.
os.environ.setdefault(
    "GRPC_SSL_CIPHER_SUITES",
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
)

import click
import grpc

from gongji import __version__
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem
from gongji.cli.config import CommandsByName, configured
from gongji.cli.installed import as_installed, own_command
from gongji.cli.options import ServerTarget, target_of
from gongji.cli.terminal import Terminal, on_terminal
from gongji.cli.usage import in_words
from gongji.client.connection import refusal_of
from gongji.client.diagnosis import why_unreached
from gongji.model.refusals import Refusal
from gongji.store.process_memory import keep_private
from gongji.text.characters import shown_lines
from gongji.text.faults import sentence_of

ENTRY_POINTS: Final = "gongji.commands"
"""Group of entry points by which other packages add commands, e.g. `gongji conformance`.

Each is loaded only when it is called.
"""


class ExtensibleGroup(click.Group):
    """Our own commands and those of other packages; faults end in one sentence."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command; whatever the locale, its output is UTF-8."""
        # Nearly every command holds clear data of people, or a key.
        keep_private()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # Arguments that are no text in the locale are printed as they came.
                stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        # What usage says to type can be typed; a shell completes by the name.
        shown = {"prog_name": own_command(), "complete_var": "_GONGJI_COMPLETE"}
        return super().main(*args, **(shown | extra))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        installed = metadata.entry_points(group=ENTRY_POINTS).names
        return sorted({*super().list_commands(ctx), *installed})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one of our own commands, or one of another package."""
        return super().get_command(ctx, cmd_name) or _installed_command(cmd_name)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Return the context; what is wrong with the arguments is shown as text."""
        with _shown_faults():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit with 1 and one line on standard error if it fails."""
        with _shown_faults():
            try:
                return self._invoke(ctx)
            finally:
                # Here a reader that went away is noticed in time, not when Python ends.
                sys.stdout.flush()

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            cited = "、".join(clause.id for clause in refusal.clauses)
            message = refusal.message + (f" ({cited})" if cited else "")
            raise click.ClickException(message) from refusal
        except grpc.RpcError as error:
            message = _message_of(error, target_of(ctx))
            raise click.ClickException(message) from error
        # A reader that went away, such as head: click ends in silence.
        except BrokenPipeError:
            raise
        # What the user can mend: files, options, addresses. Anything else is a defect
        # of ours and keeps its traceback.
        except (ValueError, OSError) as fault:
            raise click.ClickException(sentence_of(fault)) from fault


@contextmanager
def _shown_faults() -> Iterator[None]:
    """Show a fault's message as text: it may repeat arguments, files and remarks."""
    try:
        yield
    except click.ClickException as fault:
        text = on_terminal(shown_lines(as_installed(in_words(fault))))
        if text == fault.format_message():
            raise
        if isinstance(fault, click.UsageError):
            raise click.UsageError(text, fault.ctx) from fault
        raise click.ClickException(text) from fault


def _message_of(error: grpc.RpcError, target: ServerTarget | None) -> str:
    """Return the service's refusal, or why it did not answer."""
    refusal = refusal_of(error)
    if refusal.reason:
        if refusal.code is grpc.StatusCode.UNAUTHENTICATED and target:
            return f"{refusal.message}（{target.shown()}）"
        return refusal.message
    if refusal.code is grpc.StatusCode.UNAVAILABLE and target:
        why = why_unreached(target.address, target.credentials)
        if why:
            return f"服务没有应答（{refusal.code.name}）：{why}"
    return (
        f"服务没有应答（{refusal.code.name}）：{refusal.message}；请确认服务已启动，"
        "地址以 --target 指明"
    )


def _installed_command(name: str) -> click.Command | None:
    """Return another package's command, or one that says why it cannot be loaded."""
    for entry in metadata.entry_points(group=ENTRY_POINTS, name=name):
        try:
            with contained(f"{entry.value} 未能加载"):
                command = entry.load()
        except PluginProblem as problem:
            return _failing_command(name, str(problem))
        if isinstance(command, click.Command):
            return command
        return _failing_command(name, f"{entry.value} 不是命令")
    return None


def _failing_command(name: str, reason: str) -> click.Command:
    def fail(**_: object) -> None:
        raise click.ClickException(reason)

    # Whatever it is called with, the reason is what the user must read.
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=fail, short_help=reason, context_settings=settings
    )


_OWN: Final[Mapping[str, str]] = {
    "serve": "serve:serve_command",
    "migrate": "migrate:migrate_command",
    "keys": "keys:keys_command",
    "rekey": "keys:rekey_command",
    "backup": "backup:backup_command",
    "restore": "backup:restore_command",
    "retention": "retention:retention_group",
    "verify": "verify:verify_command",
    "cities": "cities:cities_command",
    "guide": "cities:guide_command",
    "check": "cities:check_command",
    "sheet": "sheet:sheet_command",
    "try": "onebill:try_command",
    "import": "records:import_command",
    "credit": "records:credit_command",
    "benefits": "benefits:benefits_command",
    "statement": "statement:statement_command",
    "verify-statement": "statement:verify_statement_command",
    "reconcile": "records:reconcile_command",
    "recompute": "recompute:recompute_command",
    "explain": "explain:explain_command",
    "accesses": "accesses:accesses_command",
    "export": "privacy:export_command",
    "erase": "privacy:erase_command",
    "consequences": "consequences:consequences_command",
    "resettle": "consequences:resettle_command",
    "demo": "demo:demo_command",
    "sandbox": "sandbox:sandbox_command",
    "dev-certs": "devcerts:dev_certs_command",
    "config": "configcheck:config_group",
    "policy": "policy:policy_group",
    "log": "log:log_group",
    "national": "national:national_group",
    "new-city": "kit:new_city_command",
    "hooks": "kit:hooks_command",
    "doctor": "kit:doctor_command",
    "top": "top:top_command",
}
"""Module and name of each of our own commands. To import all takes twice as long as to
import one, and hundreds of processes are started by scripts and tests."""


@click.group(
    cls=ExtensibleGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    default="zh",
    help="标签语言；条款一律为中文。",
)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON，供程序读取。")
@click.version_option(__version__, prog_name="gongji")
@click.pass_context
def main(ctx: click.Context, lang: str, *, as_json: bool) -> None:
    """医保个人账户家庭共济与门诊共济：绑定与结算服务。"""
    ctx.obj = Terminal(lang=lang, as_json=as_json)


configured(main, CommandsByName(__name__, _OWN))
