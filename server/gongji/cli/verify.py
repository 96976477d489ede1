"""`gongji verify`: everything that is stored recomputed, in place of believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any, Final

import click
import msgspec

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.terminal import Terminal
from gongji.rpc.call_line import stamp
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
    "decisions": ("结算、划入与代缴逐笔重新作出", "笔"),
}
"""What a phase looks at, and the measure word of what it counts."""

_FOLDER: Final = "verify"
"""The folder, in the data folder, of what lies between two stages."""

_EVERY_S: Final = 5.0
"""Seconds between two lines of progress."""

_INTERRUPTED: Final = 130

_MOST: Final = 1000
"""Findings that are listed with `--all`."""


@click.command("verify", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="数据库与密钥目录。",
)
@click.option(
    "--database",
    default="",
    metavar="URL",
    help="数据库地址，如 postgresql://主机/库名；默认数据目录中的 SQLite。",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=lambda: os.cpu_count() or 1,
    metavar="N",
    help="几个进程同时核对；默认：处理器个数。",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="中间文件的目录（只供本人读写，用后删去）；默认：数据目录中的 verify。",
)
@click.option(
    "--checkpoint",
    "kept",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="保存在别处的检查点（gongji log checkpoint FILE）；可多次给出。",
)
@click.option(
    "--resume", is_flag=True, help="接着上次中断处核对；数据库此后写过的，从头核对。"
)
@click.option(
    "--all", "every", is_flag=True, help=f"列出所有不符之处（至多 {_MOST} 处）。"
)
@key_options
@click.pass_obj
def verify_command(terminal: Terminal, /, **options: Any) -> None:
    """核对全部所存：文件、日志、各行、余额与累计；有不符即以 1 退出。"""
    asked = _asked(**options)
    try:
        results = list(_told(terminal, asked))
    except UnreadableError as error:
        raise click.ClickException(f"数据库不能读取：{error}") from error
    except KeyboardInterrupt:
        # Not 1, which says that something does not hold.
        terminal.warn("核对中断，还没有结论；以 --resume 接着做")
        raise SystemExit(_INTERRUPTED) from None
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


class VerifyProgress:
    """Tells on standard error how far a stage is: a bar on a terminal, else lines of JSON."""

    def __init__(
        self, terminal: Terminal, clock: Callable[[], float] = monotonic
    ) -> None:
        self._terminal = terminal
        self._clock = clock
        self._told = clock()
        self._stage = ""
        self._bar = ExitStack()
        self._advance: Callable[[], None] = _nothing

    def __call__(self, progress: TaskProgress) -> None:
        """Tell of a task that is done; JSON at most every few seconds."""
        if self._terminal.errors.is_terminal:
            self._draw(progress)
            return
        now = self._clock()
        if now >= self._told + _EVERY_S:
            self._told = now
            self._write(progress)

    def end(self) -> None:
        """Take the bar away."""
        self._bar.close()

    def _draw(self, progress: TaskProgress) -> None:
        if progress.stage != self._stage:
            self._bar.close()
            self._stage = progress.stage
            name, _ = _WORDS[progress.phase]
            bar = self._terminal.progress(name, progress.total)
            self._advance = self._bar.enter_context(bar)
            # What a run that was cut short had done already.
            for _ in range(progress.done - 1):
                self._advance()
        self._advance()

    def _write(self, progress: TaskProgress) -> None:
        said = msgspec.to_builtins(progress)
        self._terminal.event({"event": "verifying", "timestamp": stamp(), **said})


def _nothing() -> None:
    """Advance no bar."""


def _told(terminal: Terminal, asked: Verification) -> Iterator[PhaseResult]:
    """Yield each phase's result, told as it is over."""
    progress = VerifyProgress(terminal)
    try:
        for result in verify(asked, progress):
            progress.end()
            for line in _lines(result, kept_elsewhere=bool(asked.checkpoints)):
                terminal.say(line)
            yield result
    finally:
        progress.end()


def _lines(result: PhaseResult, *, kept_elsewhere: bool) -> Iterator[str]:
    """Yield what people are told of a phase that is over."""
    name, unit = _WORDS[result.phase]
    verdict = f"{len(result.findings)} 处不符" if result.findings else "相符"
    yield (
        f"{name}：{result.count} {unit}，{result.seconds:.1f} 秒，"
        f"每秒 {result.rate} {unit}，{verdict}"
    )
    if result.taken_over:
        yield (
            f"其中 {result.taken_over}/{result.tasks} 份由 {result.began} "
            "开始而中断的核对做完，没有再看：此后对那些内容的改动，不在这次的结论之内"
        )
    if result.phase == "log" and not kept_elsewhere:
        yield _proved(result.proved)
    if result.undecided:
        yield f"另有 {result.undecided} 笔作出时规则尚未留存，不能重新作出，未核对其数额"


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
        "tasks": result.tasks,
        "taken_over": result.taken_over,
        "began": result.began,
        "findings": [msgspec.to_builtins(one) for one in result.findings[:_MOST]],
    }
