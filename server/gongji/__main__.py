"""The `gongji` command; the only place that wires things together."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import click
import grpc
from rich.progress import Progress

from gongji import (
    __version__,
    check,
    cities,
    crediting,
    crew,
    demo,
    gateway,
    guide,
    importer,
    reconcile_file,
    serve,
    statement,
    workers,
)
from gongji.client import connect, refusal_of
from gongji.clock import system_clock
from gongji.codes import SHANGHAI
from gongji.errors import Refusal
from gongji.kit.commands import COMMANDS as KIT
from gongji.national.command import national
from gongji.store import migrate
from gongji.terminal import Terminal

DEFAULT_ADDRESS = "127.0.0.1:50051"
MOST_WORKERS = 64
_DAY = click.DateTime(["%Y-%m-%d"])
_SHAPES = ("table", "csv", "json", "pdf")


COMMANDS = "gongji.commands"
"""Entry-point group of commands other packages bring, e.g. `gongji conformance`; loaded when asked for."""


_DATABASE_HELP = "数据库地址, 如 postgresql://主机/库名; 默认数据目录中的 SQLite."


class Faults(click.Group):
    """A group whose commands end with a sentence, never with a traceback, where the user can mend the matter."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own commands and those other packages bring."""
        return sorted({*super().list_commands(ctx), *metadata.entry_points(group=COMMANDS).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of our own, or one another package brings."""
        return super().get_command(ctx, cmd_name) or _brought(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; turns refusals and faults of files into one line on standard error and exit code 1."""
        try:
            return super().invoke(ctx)
        except Refusal as refused:
            cited = "、".join(c.id for c in refused.clauses)
            raise click.ClickException(refused.message + (f" ({cited})" if cited else "")) from refused
        except grpc.RpcError as error:
            told = refusal_of(error)
            unanswered = f"服务没有应答({told.code.name}): {told.message}; 请确认服务已启动, 地址以 --target 指明"
            raise click.ClickException(told.message if told.reason else unanswered) from error
        except (importer.FileFaultError, ValueError, OSError) as fault:
            raise click.ClickException(str(fault)) from fault


def _brought(name: str) -> click.Command | None:
    """A command of another package; one that says what is wrong where it cannot be loaded."""
    for entry in metadata.entry_points(group=COMMANDS, name=name):
        try:
            command = entry.load()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the other commands work
            return _unloadable(name, f"{entry.value} 未能加载: {type(fault).__name__}: {fault}")
        if isinstance(command, click.Command):
            return command
        return _unloadable(name, f"{entry.value} 不是命令")
    return None


def _unloadable(name: str, told: str) -> click.Command:
    def fail(**_: object) -> None:
        raise click.ClickException(told)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=fail, short_help=told, context_settings=settings)


@click.group(cls=Faults, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="标签语言; 条款一律为中文.")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON, 供程序读取.")
@click.version_option(__version__, prog_name="gongji")
@click.pass_context
def main(ctx: click.Context, lang: str, *, as_json: bool) -> None:
    """医保个人账户家庭共济与门诊共济: 绑定与结算服务."""
    ctx.obj = Terminal(lang=lang, as_json=as_json)


@main.command("serve")
@click.option("--address", default=DEFAULT_ADDRESS, show_default=True, help="监听地址; 端口 0 表示任选空闲端口.")
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path("var"), show_default=True, help="数据库与密钥目录."
)
@click.option("--database", default="", metavar="URL", help=_DATABASE_HELP)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=1,
    show_default=True,
    metavar="N",
    help="几个进程共用此端口; 多于一个须用 PostgreSQL.",
)
@click.option(
    "--gateway/--no-gateway",
    default=gateway.pays,
    help="收发报文另成一个进程; 默认: 多于一个处理器时.",
)
@click.option("--sample", is_flag=True, help="登记库为空时载入虚构的样例人群.")
@click.option("--sandbox", is_flag=True, help="开放 SandboxService(拨钟、清空); 切勿用于真实数据.")
@click.option("--adopt", multiple=True, metavar="CITY:NAME@DAY", help="自某日起采用候选修订, 如 341100:V2@2025-01-01.")
@click.option(
    "--retired-credit", multiple=True, metavar="CITY:YUAN@DAY", help="退休人员每月定额划入, 如 341100:70.00@2022-07-01."
)
@click.option(
    "--calendar",
    type=click.Path(exists=True, path_type=Path),
    help="补充年份的节假日与补班日(TOML), 见 server/README.md.",
)
@click.pass_obj
def serve_command(terminal: Terminal, /, **options: Any) -> None:
    """启动服务; Ctrl-C 停止."""
    settings = serve.Settings.parse(**options)
    with suppress(KeyboardInterrupt):
        if settings.workers > 1:
            asyncio.run(workers.serve_many(settings, terminal))
            return
        with asyncio.Runner(loop_factory=crew.new_event_loop) as runner:
            runner.run(serve.serve(settings, terminal))


@main.command("migrate")
@click.option("--data", type=click.Path(path_type=Path), default=Path("var"), show_default=True, help="密钥目录.")
@click.option("--database", default="", metavar="URL", help=_DATABASE_HELP)
@click.pass_obj
def migrate_command(terminal: Terminal, data: Path, database: str) -> None:
    """把数据库结构升级到本程序的版本; 只向前, 先停服务并备份."""
    before, after = migrate(database or data / serve.DATABASE, data / serve.KEY_FILE)
    terminal.say(f"数据库结构: 第 {before} 版 → 第 {after} 版" if before != after else f"已是第 {after} 版, 无需迁移")


@main.command("cities")
@click.pass_obj
def cities_command(terminal: Terminal) -> None:
    """列出已接入的城市与未能加载的插件."""
    serve.show_cities(terminal, cities.load_cities())


@main.command("guide")
@click.argument("city")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="指南适用的日期; 默认今天.")
@click.option("--html", "as_html", is_flag=True, help="输出一个自足的网页.")
@click.pass_obj
def guide_command(terminal: Terminal, city: str, day: Any, *, as_html: bool) -> None:
    """打印一个城市的办理指南, 全部内容出自规则取值."""
    chosen = cities.load_cities().named(city)
    on = day.date() if day else system_clock().date()
    if as_html:
        sys.stdout.write(guide.html(chosen, on))
    else:
        terminal.markdown(guide.markdown(chosen, on))


@main.command("check")
@click.argument("city")
@click.option("--strict", is_flag=True, help="提示(重复、被遮蔽、不起作用的取值)也算未通过.")
@click.pass_obj
def check_command(terminal: Terminal, city: str, *, strict: bool) -> None:
    """核对并证明一个城市的插件: 列出规则取值与条款、次序与拆分的影响、待遇表的证明、插件是否只依规则作答."""
    if not check.run(terminal, city, strict=strict):
        raise SystemExit(1)


@main.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def import_command(terminal: Terminal, path: Path, target: str) -> None:
    """把人员、机构或结转余额的 CSV 文件送入服务; 出错的行被列出, 其余写入."""
    kind, rows = importer.read(path)
    with connect(target) as channel, Progress(console=terminal.errors, transient=True) as bar:
        task = bar.add_task(path.name, total=len(rows))
        done = importer.send(channel, kind, rows, lambda: bar.advance(task))
    counts = {"received": done.received, "written": done.written, "unchanged": done.unchanged, "refused": done.refused}
    terminal.table(kind, [counts], list(counts))
    if done.errors:
        errors = [{"row": row, "field": field, "message": message} for row, field, message in done.errors]
        terminal.table("refused", errors, ["row", "field", "message"])
        raise SystemExit(1)


@main.command("credit")
@click.argument("month", metavar="YYYY-MM", type=click.DateTime(["%Y-%m"]))
@click.option("--persons", type=click.File(encoding="utf-8-sig"), default="-", help="CSV(person_no 列); 默认标准输入.")
@click.option("--attempt", type=click.IntRange(min=1), default=1, help="更正原因后再次办理被拒绝的人: 2、3 ….")
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def credit_command(terminal: Terminal, month: datetime, persons: TextIO, attempt: int, target: str) -> None:
    """为名单上的每个人划入一个月; 重复运行不会重复划入."""
    numbers = crediting.read(persons)
    with connect(target) as channel, Progress(console=terminal.errors, transient=True) as bar:
        task = bar.add_task(f"{month:%Y-%m}", total=len(numbers))
        done = crediting.send(channel, f"{month:%Y-%m}", numbers, lambda: bar.advance(task), attempt=attempt)
    counts = {"credited": done.credited, "replayed": done.replayed, "refused": done.refused}
    terminal.table("credits", [counts], list(counts))
    if done.refused:
        columns = ["row", "person_no", "reason", "message"]
        terminal.table("refused", [{c: getattr(r, c) for c in columns} for r in done.refusals], columns)
        raise SystemExit(1)


@main.command("statement")
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--side",
    type=click.Choice(statement.SIDES),
    default="holder",
    show_default=True,
    help="holder 共济消费(授权人), member 本人结算(就诊人), account 个人账户明细.",
)
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="查询的月份; 与 --from、--to 二选一.")
@click.option("--from", "first", type=_DAY, help="起始日(按结算时间, 含当日).")
@click.option("--to", "last", type=_DAY, help="结束日(含当日).")
@click.option("--format", "shape", type=click.Choice(_SHAPES), help="默认按 --out 的后缀, 否则为表格.")
@click.option("--out", type=click.File("wb", lazy=True), default="-", metavar="FILE", help="写入文件; 默认标准输出.")
@click.option("--printed-at", type=click.DateTime(["%Y-%m-%d %H:%M"]), help="PDF 上的打印时间; 默认现在.")
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def statement_command(terminal: Terminal, /, *, person_no: str, side: str, target: str, **options: Any) -> None:
    """共济消费查询: 打印一个人的共济消费、本人结算或账户明细."""
    period, out = _period(options["month"], options["first"], options["last"]), options["out"]
    shape = _shape(terminal, options["shape"], out)
    with connect(target) as channel:
        sheet = statement.fetch(channel, person_no, side, period)
    if shape == "table":
        terminal.table(sheet.heading, sheet.shown(), [column.head for column in sheet.columns])
    elif shape == "pdf":
        given = options["printed_at"]
        out.write(statement.to_pdf(sheet, given.replace(tzinfo=SHANGHAI) if given else system_clock()))
    else:
        out.write(statement.to_csv(sheet) if shape == "csv" else statement.to_json(sheet))


def _period(month: datetime | None, first: datetime | None, last: datetime | None) -> statement.Period:
    """The days asked for. UsageError where a month and days are both given."""
    if month and (first or last):
        raise click.UsageError("--month 与 --from、--to 只能二选一")
    if month:
        return statement.Period.of_month(month.date())
    return statement.Period(first.date() if first else None, last.date() if last else None)


def _shape(terminal: Terminal, asked: str | None, out: Any) -> str:
    """How to write it: as asked, as the file is called, or as a table. UsageError where the two do not go together."""
    suffix = Path(out.name).suffix.removeprefix(".")
    shape = asked or (suffix if suffix in _SHAPES else "json" if terminal.as_json else "table")
    if shape == "table" and out.name != "-":
        raise click.UsageError("--out 只写 csv、json 或 pdf; 请以此为后缀或用 --format 指明")
    if shape == "pdf" and out.name == "-" and sys.stdout.isatty():
        raise click.UsageError("PDF 不能显示在终端; 请用 --out FILE.pdf")
    return shape


@main.command("reconcile")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--institution", required=True, metavar="CODE", help="定点医药机构编号.")
@click.option("--from", "first", required=True, type=_DAY, help="结算起始日.")
@click.option("--to", "last", required=True, type=_DAY, help="结算截止日(含), 至多 31 天.")
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def reconcile_command(terminal: Terminal, path: Path, *, institution: str, first: Any, last: Any, target: str) -> None:
    """把机构的明细 CSV 与服务的账逐行核对; 列出差异, 不平则以 1 退出."""
    rows = reconcile_file.read(path)
    period = reconcile_file.Period(institution, first.date(), last.date())
    with connect(target) as channel, Progress(console=terminal.errors, transient=True) as bar:
        task = bar.add_task(path.name, total=len(rows))
        compared = reconcile_file.compare(channel, period, rows, lambda: bar.advance(task))
    in_words = str if terminal.as_json else terminal.label
    terminal.table("totals", reconcile_file.totals(compared, in_words), reconcile_file.TOTAL_COLUMNS)
    if compared.differences:
        terminal.table("differences", reconcile_file.lines(compared, in_words), reconcile_file.DIFFERENCE_COLUMNS)
        raise SystemExit(1)


@main.command("demo")
@click.pass_obj
def demo_command(terminal: Terminal) -> None:
    """另起一个沙盒服务, 经网络讲述三个家庭的一天."""
    demo.run(terminal)


main.add_command(national)
for command in KIT:
    main.add_command(command)


if __name__ == "__main__":
    main()
