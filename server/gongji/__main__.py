"""The `gongji` command; the only place that wires things together."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import grpc
from rich.progress import Progress

from gongji import __version__, cities, demo, guide, importer, serve
from gongji.cities import City
from gongji.client import connect, refusal_of
from gongji.clock import system_clock
from gongji.errors import Refusal
from gongji.hookspecs import question
from gongji.terminal import Terminal
from gongji.words import in_words

DEFAULT_ADDRESS = "127.0.0.1:50051"


class Faults(click.Group):
    """A group whose commands end with a sentence, never with a traceback, where the user can mend the matter."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; turns refusals and faults of files into one line on standard error and exit code 1."""
        try:
            return super().invoke(ctx)
        except Refusal as refused:
            cited = "、".join(c.id for c in refused.clauses)
            raise click.ClickException(refused.message + (f" ({cited})" if cited else "")) from refused
        except grpc.RpcError as error:
            raise click.ClickException(refusal_of(error).message) from error
        except (importer.FileFaultError, ValueError, OSError) as fault:
            raise click.ClickException(str(fault)) from fault


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
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=serve.new_event_loop) as runner:
        runner.run(serve.serve(settings, terminal))


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
@click.pass_obj
def check_command(terminal: Terminal, city: str) -> None:
    """核对一个城市的插件: 列出每个规则取值及其条款、日期, 以及每项未通过的检查."""
    found = cities.load_cities()
    faulty = [r for r in found.refused if r.pinyin == city]
    if faulty:
        rows = [{"plugin": r.plugin, "problem": line} for r in faulty for line in r.problem.splitlines()]
        terminal.table("refused_plugins", rows, ["plugin", "problem"])
        raise SystemExit(1)
    terminal.table("rules", _rule_rows(found.named(city)), _RULE_COLUMNS)


_RULE_COLUMNS = ("hook", "since", "in_words", "clauses", "against", "settles", "why", "layer")


def _rule_rows(city: City) -> Iterable[dict[str, str]]:
    """Every rule value of a city with its dates and clauses; candidates last."""
    for hook, timeline in city.timelines.items():
        for value in timeline:
            layer = "省级" if city.rules(max(value.since, city.first_day)).provincial(hook) else city.name
            yield {
                "hook": f"{hook} {question(hook)}",
                "since": str(value.since),
                "in_words": in_words(value.value),
                "clauses": "、".join(c.id for c in value.clauses),
                "against": "、".join(c.id for c in value.against),
                "settles": "、".join(x.id for x in value.settles),
                "why": value.why,
                "layer": layer,
            }
    for candidate in city.candidates:
        yield {
            "hook": f"{candidate.hook} (候选 {candidate.name})",
            "since": "—",
            "in_words": in_words(candidate.value),
            "clauses": "、".join(c.id for c in candidate.clauses),
            "against": "",
            "settles": "",
            "why": candidate.why_not,
            "layer": "候选",
        }


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


@main.command("demo")
@click.pass_obj
def demo_command(terminal: Terminal) -> None:
    """另起一个沙盒服务, 经网络讲述三个家庭的一天."""
    demo.run(terminal)


if __name__ == "__main__":
    main()
