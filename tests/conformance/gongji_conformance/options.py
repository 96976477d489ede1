"""The suite's options: one table for `pytest --gongji-…` and `gongji conformance …`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "--gongji-"
RUN: Final = "pytest --pyargs gongji_conformance"
PROGRAM: Final = "program"
"""Name of an option that says by which other command pytest was started."""
PROGRAM_KEY: Final = "gongji_program"
_PATHS: Final = frozenset({"FILE", "DIR"})
"""Names of values that are paths."""
_OF_MANY: Final = (
    "gongji_quick",
    "gongji_profile",
    "gongji_report",
    "gongji_mutation",
)
"""Options that choose among many tests or speak of all of them."""
_SECRET: Final = frozenset({"metadata"})
"""Options whose values are not printed."""


@dataclass(
    frozen=True,
    slots=True,
)
class Option:
    """One option: its name without prefix, its value's name ("" for a flag), its help."""

    name: str
    metavar: str
    help: str
    multiple: bool = False

    @property
    def key(self) -> str:
        """The name of its value among pytest's options."""
        return f"gongji_{self.name.replace('-', '_')}"


OPTIONS: Final = (
    Option(
        "city",
        "NAME",
        "只测这个城市（拼音，如 chuzhou）；可重复。默认：每个已接入的城市",
        multiple=True,
    ),
    Option(
        "target",
        "HOST:PORT",
        "测一个正在运行的沙盒服务（gongji serve --sandbox）。默认：在本进程内另起一个",
    ),
    Option(
        "ca",
        "FILE",
        "用 TLS 连接，以此 PEM 文件中的根证书核对服务；写 system 则用系统的根证书",
    ),
    Option("cert", "FILE", "本方的 TLS 证书链（PEM），与 --gongji-key 同写"),
    Option("key", "FILE", "本方的 TLS 私钥（PEM）"),
    Option(
        "token-file",
        "FILE",
        "令牌文件：随每次调用以 authorization: Bearer … 发送；不加密时只发往本机",
    ),
    Option(
        "callers",
        "FILE",
        "各类调用方的凭据（TOML），测规范 access 用；写法见 README. "
        "默认：只在本进程内另起的服务上测",
    ),
    Option(
        "caller",
        "NAME",
        "调用方名称（x-gongji-caller）。默认：gongji-conformance",
    ),
    Option(
        "metadata",
        "KEY=VALUE",
        "随每次调用发送的元数据，如 authorization=…；可重复；不写入报告",
        multiple=True,
    ),
    Option(
        "profile",
        "NAME@VERSION[,…]",
        "只测这些规范，如 core@2025.1,wallet@2025.1. 默认：全部",
    ),
    Option(
        "quick",
        "",
        "每条规矩只测一种情形，每类案例只测一例；5 秒以内；不评等级",
    ),
    Option(
        "known-fail",
        "FILE",
        "已知不合的清单（TOML: id, reason, owner, expires）；已经合乎或已到期的使整次失败",
    ),
    Option("report", "DIR", "写出 report.json, report.html, junit.xml, badge.svg"),
    Option(
        "seed",
        "NUMBER",
        "虚构人员编号与请求编号的随机种子。默认：随机，写在报告中",
    ),
    Option(
        "mutation",
        "FILE",
        "变异测试的结果（JSON），评铂级用；可重复，一城一份",
        multiple=True,
    ),
    Option(
        "today",
        "YYYY-MM-DD",
        "今天：已知不合的到期与核对日期的新旧以此为准。默认：系统日期",
    ),
)


BY_ENVIRONMENT: Final = ("target", "ca", "cert", "key", "token-file")
"""Options that `gongji conformance` also takes as GONGJI_…, as every command does."""


Values = Mapping[str, Any]
"""The values of pytest's options by key."""


def chosen(values: Values) -> Iterator[tuple[Option, str]]:
    """Yield every chosen option, once for each of its values; a flag's value is ""."""
    for option in OPTIONS:
        value = values.get(option.key)
        if not value:
            continue
        if not option.metavar:
            yield option, ""
            continue
        for part in value if option.multiple else [value]:
            yield option, str(part)


def arguments(values: Values) -> list[str]:
    """Return the options as arguments of pytest."""
    spelt = [_spelt(option, value) for option, value in chosen(values)]
    return [argument for arguments in spelt for argument in arguments]


def command(
    values: Values,
    city: str = "",
    only: str = "",
) -> str:
    """Return a command that repeats a run, or one city and one id of it.

    Secrets are left for the reader to fill in.
    """
    changed = dict(values)
    if city:
        changed["gongji_city"] = [city]
    if only:
        # What decides which tests run, or what is made of them, does not matter
        # when it is one.
        changed |= dict.fromkeys(_OF_MANY)
    written = [(option, _public(option, value)) for option, value in chosen(changed)]
    program = values.get(PROGRAM_KEY, "")
    if program:
        return shlex.join(_as_program(program, written, only))
    parts = RUN.split()
    for option, value in written:
        parts += _spelt(option, value)
    if only:
        parts += ["-k", only]
    return shlex.join(parts)


def _as_program(
    program: str, written: Sequence[tuple[Option, str]], only: str
) -> Iterator[str]:
    """Yield the words of `gongji conformance`: cities first, options without prefix."""
    yield from program.split()
    yield from [value for option, value in written if option.name == "city"]
    for option, value in written:
        if option.name != "city":
            yield f"--{option.name}"
            yield from [value] if option.metavar else []
    if only:
        yield from ("--only", only)


def as_typed(values: Values, text: str) -> str:
    """Return a text that names options as whoever started the run types them."""
    return text.replace(PREFIX, "--") if values.get(PROGRAM_KEY) else text


def _public(option: Option, value: str) -> str:
    """Hide the value of a secret."""
    if option.name not in _SECRET:
        return value
    key, _, _ = value.partition("=")
    return f"{key}=***"


def _spelt(option: Option, value: str) -> Sequence[str]:
    """Write an option as arguments."""
    name = PREFIX + option.name
    # Alone, a path would be taken for a place to look for tests.
    if option.metavar in _PATHS:
        return [f"{name}={value}"]
    if option.metavar:
        return [name, value]
    return [name]
