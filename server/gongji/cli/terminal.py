"""Output of the command: tables on a terminal, plain columns or JSON in a pipe.

All that the command prints goes through here. Names and remarks come from elsewhere:
whatever stands in them, they are text, never markup, links or controls of a terminal.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, NoReturn

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from gongji.cli.grid import GridColumn, is_amounts, rows_in
from gongji.cli.installed import as_installed
from gongji.cli.layout import wrapped
from gongji.text.characters import shown, shown_json, shown_lines

LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "without_table": ("没有门诊待遇的险种", "schemes without a table"),
    "accesses": ("访问记录", "accesses"),
    "at": ("时刻", "at"),
    "caller": ("调用方", "caller"),
    "caller_kind": ("调用方类别", "kind of caller"),
    "fields": ("内容", "fields"),
    "purpose": ("目的", "purpose"),
    "request_id": ("请求编号", "request"),
    "adoptions": ("已采用的候选修订", "adopted revisions"),
    "against": ("相反条款", "against"),
    "against_fund": ("对照支付", "fund, otherwise"),
    "against_visits": ("对照", "against"),
    "agreeing": ("一致", "agreeing"),
    "amount": ("金额或人员不符", "amount or patient"),
    "answer": ("回答", "answer"),
    "answered_by": ("回答者", "answered by"),
    "area_code": ("医保区划", "area"),
    "arguments": ("参数", "arguments"),
    "calls": ("钩子调用", "hook calls"),
    "cities": ("已接入的城市", "cities served"),
    "city": ("城市", "city"),
    "clauses": ("条款", "clauses"),
    "count": ("笔数", "count"),
    "credited": ("划入", "credited"),
    "credits": ("划入结果", "credits"),
    "day": ("日", "day"),
    "declared": ("声明", "declared"),
    "diagnosis": ("需要处理的问题", "diagnosis"),
    "difference": ("相差", "difference"),
    "differences": ("差异", "differences"),
    "duplicate": ("对方重复", "duplicate"),
    "digest": ("摘要", "digest"),
    "due": ("待核实的条款", "clauses to verify"),
    "sheet_changes": ("与规则清单的不同", "differences from the sheet"),
    "effect": ("影响", "effect"),
    "explained": ("依据", "explained"),
    "extremes": ("次序与拆分的极端情形", "what order and splitting can do"),
    "field": ("字段", "field"),
    "figures": ("数额", "figures"),
    "file": ("文件", "file"),
    "findings": ("证明与查验所见", "findings"),
    "fund": ("统筹支付", "fund"),
    "tried_curve": ("基金随金额怎样支付", "the fund's curve"),
    "tried_clauses": ("依据", "clauses"),
    "tried_in_scope": ("政策范围内", "in scope"),
    "clause_number": ("编号", "clause"),
    "clause_text": ("原文", "text"),
    "clause_source": ("出处", "source"),
    "tried_bar": ("曲线", "curve"),
    "ground": ("依据", "ground"),
    "kept": ("留下的", "kept"),
    "hook": ("规则", "rule"),
    "hooks": ("钩子", "hooks"),
    "import_id": ("导入编号", "import"),
    "in_words": ("取值", "value"),
    "data_keys": ("数据密钥", "data keys"),
    "data_key": ("密钥", "key"),
    "suite": ("算法", "algorithms"),
    "state": ("状态", "state"),
    "made": ("生成日", "made"),
    "valid_until": ("期限", "until"),
    "sealed": ("已密封次数", "seals"),
    "most_seals": ("上限", "at most"),
    "kind": ("类别", "kind"),
    "layer": ("层级", "layer"),
    "may": ("可否", "may"),
    "method": ("方法", "method"),
    "mend": ("缺行或改法", "what to write"),
    "first_settlement": ("首次结算", "first settlement"),
    "institution_msgid": ("机构与 msgid", "institution and msgid"),
    "later_settlement": ("又一次结算", "later settlement"),
    "message": ("说明", "message"),
    "repeated": ("重复结算的报文", "messages settled again"),
    "missing_here": ("我方缺", "missing here"),
    "missing_there": ("对方缺", "missing there"),
    "ours_account": ("我方个账", "our account"),
    "ours_fund": ("我方基金", "our fund"),
    "ours_patient": ("我方人员", "our patient"),
    "ours_total": ("我方总额", "our total"),
    "origin": ("来处", "from"),
    "option": ("选项", "option"),
    "setting": ("取值", "value"),
    "settings": ("设定", "settings"),
    "section": ("节", "section"),
    "overridden": ("自定规则数", "rules of its own"),
    "periods": ("时段（含候选）", "periods, with candidates"),
    "now": ("按现在", "as now"),
    "payer": ("付款方", "payer"),
    "person_no": ("人员编号", "person"),
    "pinyin": ("名称", "name"),
    "plugin": ("插件", "plugin"),
    "problem": ("问题", "problem"),
    "problems": ("未通过的检查", "problems"),
    "proof": ("证明范围", "what was proved"),
    "purse": ("账户", "purse"),
    "question": ("所问", "question"),
    "reason": ("原因", "reason"),
    "received": ("收到", "received"),
    "before": ("早于", "before"),
    "oldest": ("最早", "oldest"),
    "retention": ("到期的", "expired"),
    "recomputed": ("重算", "recomputed"),
    "refund": ("撤销", "refund"),
    "refused": ("未接受", "refused"),
    "refused_plugins": ("未能加载的插件", "plugins refused"),
    "remedy": ("办法", "remedy"),
    "replayed": ("此前已划入", "credited before"),
    "reversed_only_here": ("仅我方撤销", "reversed only here"),
    "reversed_only_there": ("仅对方撤销", "reversed only there"),
    "row": ("行", "row"),
    "rows": ("行数", "rows"),
    "rights": ("权限", "rights"),
    "rules": ("规则取值", "rule values"),
    "scheme": ("险种", "scheme"),
    "settle_request_id": ("原请求编号", "settle request"),
    "settlement_id": ("结算编号", "settlement"),
    "settles": ("裁定的矛盾", "settles"),
    "severity": ("等级", "severity"),
    "signature": ("签名", "signature"),
    "since": ("施行日", "since"),
    "situation": ("情形或位置", "situation or line"),
    "situations": ("情形", "situations"),
    "standing": ("在职退休", "standing"),
    "stored": ("所存", "stored"),
    "subject": ("对象", "subject"),
    "table": ("待遇表", "table"),
    "tables": ("待遇表数", "tables"),
    "theirs_account": ("对方个账", "their account"),
    "theirs_fund": ("对方基金", "their fund"),
    "theirs_patient": ("对方人员", "their patient"),
    "theirs_total": ("对方总额", "their total"),
    "then": ("按当时", "as then"),
    "totals": ("合计", "totals"),
    "unchanged": ("无变化", "unchanged"),
    "version": ("版本", "version"),
    "visit_kind": ("医疗类别", "visit kind"),
    "visits": ("就诊", "visits"),
    "why": ("理由", "why"),
    "written": ("写入", "written"),
    "server": ("服务", "server"),
    "operator": ("运营方的设定", "operator's decisions"),
    "methods": ("方法", "methods"),
    "refusals": ("拒绝", "refusals"),
    "callers": ("调用方", "callers"),
    "cities_now": ("城市", "cities"),
    "processes": ("进程", "processes"),
    "database": ("数据库", "database"),
    "calls_per_s": ("每秒调用", "calls/s"),
    "waiting": ("等候", "waiting"),
    "batch": ("一批", "batch"),
    "commit_p50_ms": ("提交 p50 毫秒", "commit p50 ms"),
    "commit_p99_ms": ("提交 p99 毫秒", "commit p99 ms"),
    "leaves": ("日志条数", "leaves"),
    "leaves_per_s": ("每秒日志", "leaves/s"),
    "unsigned_s": ("检查点之后秒", "s since signed"),
    "failed_per_s": ("每秒未成", "failed/s"),
    "p50_ms": ("p50 毫秒", "p50 ms"),
    "p99_ms": ("p99 毫秒", "p99 ms"),
    "refused_per_s": ("每秒拒绝", "refused/s"),
    "in_flight": ("在办", "in flight"),
    "over_limit_per_s": ("每秒超额", "over limit/s"),
    "served": ("在服务", "served"),
    "decided_per_s": ("每秒决定", "decided/s"),
    "process": ("进程", "process"),
    "memory_mib": ("内存 MiB", "MiB"),
    "cpu": ("处理器", "CPU"),
    "descriptors": ("描述符", "descriptors"),
    "silent_s": ("未报数秒", "s silent"),
}
"""Labels by key: Chinese, English. Clauses and values stay Chinese."""


_CLAUSES: Final = frozenset({"clauses", "against", "settles", "依据", "条款"})
"""Columns of clauses: a line is broken only between two of them."""


def rows_of(records: Iterable[object], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return records as rows of a table: their attributes by column."""
    return [
        {column: getattr(record, column) for column in columns} for record in records
    ]


class Terminal:
    """Where results are printed: for people, or as JSON for programs."""

    def __init__(self, *, lang: str = "zh", as_json: bool = False) -> None:
        self._english = lang == "en"
        self.as_json = as_json
        self.console = _Console()
        # Without a terminal a line is never wrapped: programs read it whole.
        self.console.soft_wrap = not self.console.is_terminal
        self.errors = _Console(stderr=True)

    def label(self, key: str) -> str:
        """Return a key's label in the chosen language, the key itself if it has none."""
        return LABELS[key][self._english] if key in LABELS else key

    def table(
        self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
    ) -> None:
        """Print rows under a title; each column is a key of every row."""
        if self.as_json:
            self.json({title: list(rows)})
            return
        rows = list(rows)
        if self.console.is_terminal:
            for part in self.drawn(title, rows, columns):
                self.console.print(part, soft_wrap=isinstance(part, Text))
            return
        cells = [[str(row[key]) for key in columns] for row in rows]
        labels = [self.label(key) for key in columns]
        self._write_lines(self._title(title, rows), labels, cells)

    def _column(self, rows: Sequence[Mapping[str, Any]], key: str) -> GridColumn:
        values = [row[key] for row in rows]
        return GridColumn(
            shown(self.label(key)),
            [shown_lines(str(value)) for value in values],
            right=is_amounts(values),
            clauses=key in _CLAUSES,
        )

    def drawn(
        self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
    ) -> Iterator[RenderableType]:
        """Yield rows under a title as `table` prints them on a terminal."""
        rows = list(rows)
        yield Text(shown(self._title(title, rows)), "bold")
        if rows:
            named = [self._column(rows, key) for key in columns]
            # Side by side if they fit into the width, else one below the other.
            yield from rows_in(named, self.console.width)

    def _title(self, title: str, rows: Sequence[object]) -> str:
        """Return a title's label; without any rows it says so."""
        name = self.label(title)
        if rows:
            return name
        return name + ("：none" if self._english else "：没有")

    def _write_lines(
        self, title: str, labels: Iterable[str], cells: Iterable[Sequence[str]]
    ) -> None:
        """Write tab-separated lines, as other programs take them."""
        sys.stdout.write(f"# {shown(title)}\n")
        for row in ([*labels], *cells):
            # A line is a row, whatever a cell contains.
            line = "\t".join(shown(cell.replace("\n", " ")) for cell in row)
            sys.stdout.write(f"{line}\n")

    def json(self, value: object) -> None:
        """Write one JSON document on one line."""
        # Not by rich, which would wrap and colour it.
        document = json.dumps(value, ensure_ascii=False, default=str)
        sys.stdout.write(shown_json(document) + "\n")

    def event(self, fields: Mapping[str, object]) -> None:
        """Write one JSON line to standard error, as a log has it."""
        document = json.dumps(fields, ensure_ascii=False, default=str)
        sys.stderr.write(shown_json(document) + "\n")
        sys.stderr.flush()

    def markdown(self, text: str) -> None:
        """Print Markdown: rendered on a terminal, as it is in a pipe."""
        text = shown_lines(text)
        if self.console.is_terminal:
            # A tenth of the time in which a command starts: most print no Markdown.
            from gongji.cli.markdown import WholeMarkdown  # noqa: PLC0415

            self.console.print(WholeMarkdown(text))
        else:
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def page(self, text: str) -> None:
        """Write a document of lines as it is, but for what nobody sees."""
        sys.stdout.write(shown_lines(text))

    def message(self, line: str) -> None:
        """Write a line of a message for another program, TAB and all.

        On a terminal, where no program reads it, with escapes for what nobody sees.
        """
        if sys.stdout.isatty():
            line = "\t".join(map(shown_lines, line.split("\t")))
        sys.stdout.write(line + "\n")

    def whose(self, text: str, **fields: object) -> None:
        """Say first whose answer follows; in JSON a document of its own, if it has fields."""
        if self.as_json:
            if fields:
                self.json({"answered_by": fields})
        elif self.console.is_terminal:
            self.say(text)
        else:
            sys.stdout.write(f"# {shown(as_installed(text))}\n")

    def say(self, text: str = "") -> None:
        """Print lines for people; nothing if the output is JSON."""
        if not self.as_json:
            self._print_lines(self.console, text)

    def warn(self, text: str) -> None:
        """Print lines for people on standard error."""
        self._print_lines(self.errors, text)

    def _print_lines(self, console: Console, text: str) -> None:
        """Print lines as wide as the terminal is; a command to be copied stays one line."""
        for line in shown_lines(as_installed(text)).split("\n"):
            typed = line.startswith(" ") or not console.is_terminal
            for part in [line] if typed else wrapped(line, console.width):
                console.print(Text(part), soft_wrap=True)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar; yield what advances it by one."""
        # On standard error: standard output is for the result, which programs read.
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.errors, transient=True) as bar:
            task = bar.add_task(shown(label), total=total)
            yield lambda: bar.advance(task)


def on_terminal(message: str) -> str:
    """Return the message of a fault as click prints it, in lines as wide as a terminal."""
    console = _Console(stderr=True)
    if not console.is_terminal:
        return message
    lines = [
        [line] if line.startswith(" ") else wrapped(line, console.width)
        for line in f"{_ERROR}{message}".split("\n")
    ]
    return "\n".join(chain.from_iterable(lines)).removeprefix(_ERROR)


_ERROR: Final = "Error: "
"""What click puts before the message of a fault."""


class _Console(Console):
    """A console on which a text is only that: no markup, no emoji, no controls."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text as it is drawn; every text of a table or line comes here."""
        return super().render_str(shown_lines(text), **options)

    def on_broken_pipe(self) -> NoReturn:
        """Let the command end as it does on any other broken pipe."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
