"""`gongji verify`: everything that is stored recomputed, in place of believed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any, Final

import click
import msgspec

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.terminal import Terminal
from gongji.serve.settings import DATABASE, SIGNING_KEY
from gongji.store.keys.source import Keys
from gongji.text.files import read_text
from gongji.verify.run import PhaseResult, TaskProgress, Verification, verify
from gongji.verify.snapshot import UnreadableError

_WORDS: Final = {
    "file": ("数据库文件", "项"),
    "log": ("日志", "叶"),
    "rows": ("各行与日志", "行"),
    "sums": ("余额、累计与分录", "条"),
    "decisions": ("逐笔重新结算", "笔"),
}
"""What a phase looks at, and the measure word of what it counts."""

_FOLDER: Final = "verify"
"""The folder, in the data folder, of what lies between two stages."""

_EVERY_S: Final = 5.0
"""Seconds between two lines of progress."""

_MOST: Final = 1000
"""Findings that are listed with `--all`."""


@click.command("verify", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="数据库与密钥目录.",
)
@click.option(
    "--database",
    default="",
    metavar="URL",
    help="数据库地址, 如 postgresql://主机/库名; 默认数据目录中的 SQLite.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=lambda: os.cpu_count() or 1,
    metavar="N",
    help="几个进程同时核对; 默认: 处理器个数.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="中间文件的目录(只供本人读写, 用后删去); 默认: 数据目录中的 verify.",
)
@click.option(
    "--checkpoint",
    "kept",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="保存在别处的检查点(gongji log checkpoint FILE); 可多次给出.",
)
@click.option(
    "--resume", is_flag=True, help="接着上次中断处核对, 若数据库此后没有写入."
)
@click.option(
    "--all", "every", is_flag=True, help=f"列出所有不符之处(至多 {_MOST} 处)."
)
@key_options
@click.pass_obj
def verify_command(terminal: Terminal, /, **options: Any) -> None:
    """核对全部所存: 文件、日志、各行、余额与累计; 有不符即以 1 退出."""
    asked = _asked(**options)
    try:
        results = list(_told(terminal, asked))
    except UnreadableError as error:
        raise click.ClickException(f"数据库不能读取：{error}") from error
    findings = [finding for result in results for finding in result.findings]
    if terminal.as_json:
        terminal.json({"phases": [_as_json(result) for result in results]})
    elif asked.every:
        for finding in findings[:_MOST]:
            terminal.say(finding.sentence)
        if findings:
            terminal.say(f"共 {len(findings)} 处不符")
    elif findings:
        terminal.say(findings[0].sentence)
    if findings:
        raise SystemExit(1)


def _asked(
    *,
    data: Path,
    key: Keys,
    database: str,
    work: Path | None,
    kept: tuple[Path, ...],
    **options: Any,
) -> Verification:
    """Return what the options ask for. FileFaultError, CheckpointFaultError."""
    return Verification(
        address=database or str(data / DATABASE),
        key_file=key,
        folder=work or data / _FOLDER,
        checkpoints=tuple([read_text(path) for path in kept]),
        signing_key=data / SIGNING_KEY,
        **options,
    )


class _Progress:
    """Tells on standard error how far a phase is, every few seconds."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told = monotonic()

    def __call__(self, progress: TaskProgress) -> None:
        """Tell it, unless something was told just now."""
        now = monotonic()
        if now < self._told + _EVERY_S:
            return
        self._told = now
        name, _ = _WORDS[progress.phase]
        self._terminal.warn(f"{name}：已做 {progress.done}/{progress.total} 份")


def _told(terminal: Terminal, asked: Verification) -> Iterable[PhaseResult]:
    """Yield each phase's result, told as it is over."""
    for result in verify(asked, _Progress(terminal)):
        if not terminal.as_json:
            name, unit = _WORDS[result.phase]
            verdict = f"{len(result.findings)} 处不符" if result.findings else "相符"
            terminal.say(
                f"{name}：{result.count} {unit}，{result.seconds:.1f} 秒，"
                f"每秒 {result.rate} {unit}，{verdict}"
            )
            if result.phase == "log" and not asked.checkpoints:
                terminal.say(_proved(result.proved))
            if result.undecided:
                terminal.say(
                    f"另有 {result.undecided} 笔作出时规则尚未留存，不能重新结算，未核对其数额"
                )
        yield result


def _proved(until: str) -> str:
    """Say up to when the log proves anything by itself."""
    if not until:
        return "日志还没有检查点：什么也证明不了；服务每分钟与停止时各签一个"
    return (
        f"没有给出保存在别处的检查点：只证明到 {until} 为止的叶未被改动，"
        "不能证明其后没有被截去，也不能证明整份日志没有另造"
    )


def _as_json(result: PhaseResult) -> dict[str, Any]:
    return {
        "phase": result.phase,
        "count": result.count,
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_s, 3),
        "proved": result.proved,
        "undecided": result.undecided,
        "findings": [msgspec.to_builtins(one) for one in result.findings[:_MOST]],
    }
