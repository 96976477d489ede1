"""`gongji new-city`, `hooks` and `doctor`: what a city team is given."""

from __future__ import annotations

from pathlib import Path

import click

from gongji.binding.workdays import Workdays
from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import key_options
from gongji.cli.plugins import installed_cities, pins_of
from gongji.cli.terminal import Terminal, rows_of
from gongji.kit import doctor, hooks
from gongji.kit.newcity import answers, interview, project
from gongji.serve.clock import system_clock
from gongji.store.keys.source import Keys


class _ClickDesk:
    """The interview's desk at a terminal; see `interview.Desk`."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def say(self, text: str) -> None:
        """Print lines."""
        self._terminal.page(f"{text}\n")

    def ask(self, question: str) -> str:
        """Return what is typed, without spaces around it."""
        text: str = click.prompt(question, default="", show_default=False, type=str)
        return text.strip()

    def confirm(self, question: str) -> bool:
        """Return whether the answer is yes; no by default."""
        return bool(click.confirm(question, default=False))


@click.command("new-city")
@click.option(
    "--answers",
    "answers_path",
    type=click.Path(path_type=Path),
    help="答案文件（TOML）；不给则逐题询问。",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="写入的目录，不得已存在；默认 gongji-名称。",
)
@click.pass_obj
def new_city_command(
    terminal: Terminal, answers_path: Path | None, out: Path | None
) -> None:
    """为一个新城市生成完整的规则项目：规则、条款、案例、说明与 CI。"""
    if answers_path:
        policy = answers.read_file(answers_path)
    else:
        policy = answers.read(interview.hold(_ClickDesk(terminal)))
    folder = out or Path(project.FOLDER.format(policy.pinyin))
    written = project.write(policy, folder)
    rows = [{"file": str(path)} for path in written.paths]
    terminal.table("written", rows, ["file"])
    if not written.formatted:
        terminal.warn(project.UNFORMATTED.format(folder=folder))
    terminal.say("接下来：")
    for command in (
        f"cd {folder}",
        "pip install -e . gongji-conformance",
        f"gongji check {policy.pinyin}",
        f"pytest --pyargs gongji_conformance --gongji-city {policy.pinyin}",
        "gongji serve",
    ):
        terminal.say(f"  {command}")


@click.command("hooks")
@click.argument("city", required=False)
@click.option("--trace", is_flag=True, help="列出加载该城市时的每次钩子调用。")
@click.pass_obj
def hooks_command(terminal: Terminal, city: str | None, *, trace: bool) -> None:
    """列出每个钩子的签名、所问与回答者。"""
    if trace:
        if not city:
            raise click.UsageError(
                "--trace 须指明城市，如 gongji hooks chuzhou --trace"
            )
        _show_trace(terminal, city)
        return
    cities = installed_cities()
    rows = hooks.listing(cities, cities.named(city) if city else None)
    terminal.table("hooks", rows, hooks.HOOK_COLUMNS)


def _show_trace(terminal: Terminal, city: str) -> None:
    """Print the hook calls of loading a city; SystemExit if it does not load."""
    calls, problem = hooks.trace(city)
    rows = rows_of(calls, hooks.CALL_COLUMNS)
    terminal.table("calls", rows, hooks.CALL_COLUMNS)
    if problem:
        problems = [{"problem": line} for line in problem.splitlines()]
        terminal.table("problems", problems, ["problem"])
        raise SystemExit(1)


@click.command("doctor", cls=ConfiguredCommand, table="serve")
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
    help="数据库地址；默认数据目录中的 SQLite。",
)
@click.option(
    "--calendar",
    type=click.Path(path_type=Path),
    help="补充的节假日（TOML）。",
)
@key_options
@click.pass_obj
def doctor_command(
    terminal: Terminal, data: Path, key: Keys, database: str, calendar: Path | None
) -> None:
    """找出已安装而未加载的插件、打不开或不可靠的数据和未知的日历，说明原因与办法；
    有问题则以 1 退出。"""
    workdays = Workdays.from_toml(calendar) if calendar else Workdays()
    pins = pins_of()
    findings = list(
        doctor.findings(data, workdays, system_clock(), database, pins, key=key)
    )
    for line in doctor.healthy(data, database, pins):
        terminal.say(line)
    if findings:
        rows = rows_of(findings, doctor.FINDING_COLUMNS)
        terminal.table("diagnosis", rows, doctor.FINDING_COLUMNS)
        raise SystemExit(1)
    terminal.say("一切正常")
