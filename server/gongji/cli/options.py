"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click
import grpc

from gongji.cli.config import ConfiguredCommand
from gongji.client.connection import connect
from gongji.client.credentials import LOCAL_TOKEN, Credentials, is_loopback
from gongji.rules.money import MAX_FEN, fen, yuan
from gongji.store.keys.suite import SUITES
from gongji.text.files import TextFile

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"


class _Written(click.DateTime):
    """A day or a month in one form; what is wrong is said in Chinese."""

    def __init__(self, form: str, example: str) -> None:
        super().__init__([form])
        self._example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the instant it begins. BadParameter."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"应写作 {self._example} 的样子，且在日历上，得到 {value!r}", param, ctx
            )


class Yuan(click.ParamType[int]):
    """An amount in yuan, of no less than nothing."""

    name = "yuan"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the fen. BadParameter."""
        # click converts again what it converted before.
        if isinstance(value, int):
            return value
        try:
            amount = fen(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)
        if not 0 <= amount <= MAX_FEN:
            self.fail(f"金额须在 0 与 {yuan(MAX_FEN)} 元之间", param, ctx)
        return amount


DAY: Final = _Written("%Y-%m-%d", "2025-09-30")

MONTH: Final = _Written("%Y-%m", "2025-09")


def crypto_option(told: str) -> Callable[..., Any]:
    """Return the option that names a suite of algorithms, explained by a text."""
    return click.option(
        "--crypto",
        type=click.Choice(["", *SUITES], case_sensitive=True),
        default="",
        metavar="NAME",
        help=told,
    )


def _date(_: click.Context, __: click.Parameter, day: datetime | None) -> date | None:
    return day.date() if day else None


accept_clock_option: Final = click.option(
    "--accept-clock",
    type=DAY,
    callback=_date,
    help="本机时钟的日期看来有误而确认无误时，写明该日期，如 2025-09-30。",
)
"""The day it is, said by the operator: of every command that writes to a database."""

_FILE: Final = click.Path(path_type=Path)

_TARGET_OPTIONS: Final = (
    click.option(
        "--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址。"
    ),
    click.option("--ca", type=_FILE, help="以 TLS 连接：核对服务证书的根证书（PEM）。"),
    click.option("--cert", type=_FILE, help="本方的证书（PEM），与 --key 同写。"),
    click.option("--key", type=_FILE, help="本方证书的私钥（PEM，权限 0600）。"),
    click.option(
        "--token-file",
        type=_FILE,
        help="令牌文件（权限 0600）；默认：连本机而不出示证书时，数据目录中的 "
        f"{LOCAL_TOKEN}。",
    ),
    click.option(
        "--server-name", default="", help="服务证书上的名称，与地址不同时写明。"
    ),
    click.option(
        "--data",
        type=_FILE,
        default=Path("var"),
        show_default=True,
        help="本机服务的数据目录，令牌在其中。",
    ),
)

_TARGET_NAMES: Final = (
    "target",
    "ca",
    "cert",
    "key",
    "token_file",
    "server_name",
    "data",
)

_META: Final = "gongji.target"


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """A running service that a command calls, and what the command shows of itself."""

    address: str
    credentials: Credentials

    @classmethod
    def of(cls, *, target: str, data: Path, **files: Any) -> ServerTarget:
        """Return the target of the options; a local server's token is found by itself."""
        credentials = Credentials(**files)
        local = data / LOCAL_TOKEN
        # It is for this machine's own server, which has no TLS.
        named = credentials.token_file or credentials.ca or credentials.cert
        if not named and is_loopback(target) and _is_there(local):
            credentials = Credentials(token_file=local)
        return cls(target, credentials)

    def connect(self) -> grpc.Channel:
        """Return a channel to the service. CredentialFaultError."""
        return connect(self.address, credentials=self.credentials)

    def shown(self) -> str:
        """Say what was shown, for whoever was not known by it."""
        files = (self.credentials.cert, self.credentials.token_file)
        shown = "、".join(str(file) for file in files if file)
        if shown:
            return f"出示的是 {shown}"
        if self.credentials.ca or not is_loopback(self.address):
            return "没有出示凭据：请以 --cert 与 --key，或 --token-file 指明"
        return (
            f"没有出示凭据：请以 --data 指明本机服务的数据目录（其中的 {LOCAL_TOKEN} 是令牌），"
            "或以 --token-file 指明令牌"
        )


def _is_there(path: Path) -> bool:
    """Return whether there is such a file, also if others may not see it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    # Whoever reads it says why it cannot be read.
    except OSError:
        return True
    return True


class CallingCommand(ConfiguredCommand):
    """A command that calls a service: its options of the target may be configured."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, table="client", named=_TARGET_NAMES, **attributes)


class AskingCommand(ConfiguredCommand):
    """A command that may ask a service; which one is always said where it is called."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        names = _TARGET_NAMES[1:]
        super().__init__(*arguments, table="client", named=names, **attributes)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a `CallingCommand` the options of its target; it is called with `target`."""

    @functools.wraps(command)
    def with_target(*arguments: Any, **options: Any) -> Any:
        values = {name: options.pop(name) for name in _TARGET_NAMES}
        target = ServerTarget.of(**values)
        # Whoever explains why nobody answered looks here.
        click.get_current_context().meta[_META] = target
        return command(*arguments, target=target, **options)

    decorated: Callable[..., Any] = with_target
    for option in reversed(_TARGET_OPTIONS):
        decorated = option(decorated)
    return decorated


def asked_service(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option to ask a running service; it is called with `service`."""

    @functools.wraps(command)
    def with_service(*arguments: Any, **options: Any) -> Any:
        values = {name: options.pop(name) for name in _TARGET_NAMES}
        service = ServerTarget.of(**values) if values["target"] else None
        click.get_current_context().meta[_META] = service
        return command(*arguments, service=service, **options)

    decorated: Callable[..., Any] = with_service
    for option in reversed(_TARGET_OPTIONS[1:]):
        decorated = option(decorated)
    return click.option(
        "--target",
        default="",
        metavar="HOST:PORT",
        help="问运行中的服务，连同它采用的修订与运营方的设定；默认只看本机安装的插件。",
    )(decorated)


def target_of(ctx: click.Context) -> ServerTarget | None:
    """Return the service that the running command calls; None if it calls none."""
    target: ServerTarget | None = ctx.meta.get(_META)
    return target


def text_file(
    ctx: click.Context, _: click.Parameter, path: str | None
) -> TextFile | None:
    """Open the file of an argument or option, `-` being standard input. FileFaultError."""
    if path is None:
        return None
    file = TextFile.at(Path(path))
    ctx.call_on_close(file.close)
    return file
