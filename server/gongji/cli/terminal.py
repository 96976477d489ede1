"""How the command speaks to people: tables on a terminal, plain columns or JSON in a
pipe; labels in two languages."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

LABELS: Mapping[str, tuple[str, str]] = {
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
    "credited": ("划入", "credited"),
    "credits": ("划入结果", "credits"),
    "declared": ("声明", "declared"),
    "diagnosis": ("需要处理的问题", "diagnosis"),
    "difference": ("相差", "difference"),
    "differences": ("差异", "differences"),
    "duplicate": ("对方重复", "duplicate"),
    "effect": ("影响", "effect"),
    "extremes": ("次序与拆分的极端情形", "what order and splitting can do"),
    "field": ("字段", "field"),
    "figures": ("数额", "figures"),
    "file": ("文件", "file"),
    "findings": ("证明与查验所见", "findings"),
    "fund": ("统筹支付", "fund"),
    "hook": ("规则", "rule"),
    "hooks": ("钩子", "hooks"),
    "in_words": ("取值", "value"),
    "kind": ("类别", "kind"),
    "layer": ("层级", "layer"),
    "mend": ("缺行或改法", "what to write"),
    "message": ("说明", "message"),
    "missing_here": ("我方缺", "missing here"),
    "missing_there": ("对方缺", "missing there"),
    "ours_account": ("我方个账", "our account"),
    "ours_fund": ("我方基金", "our fund"),
    "ours_patient": ("我方人员", "our patient"),
    "ours_total": ("我方总额", "our total"),
    "overridden": ("自定规则数", "rules of its own"),
    "periods": ("时段(含候选)", "periods, with candidates"),
    "person_no": ("人员编号", "person"),
    "pinyin": ("名称", "name"),
    "plugin": ("插件", "plugin"),
    "problem": ("问题", "problem"),
    "problems": ("未通过的检查", "problems"),
    "proof": ("证明范围", "what was proved"),
    "question": ("所问", "question"),
    "reason": ("原因", "reason"),
    "received": ("收到", "received"),
    "refund": ("撤销", "refund"),
    "refused": ("未接受", "refused"),
    "refused_plugins": ("未能加载的插件", "plugins refused"),
    "remedy": ("办法", "remedy"),
    "replayed": ("此前已划入", "credited before"),
    "reversed_only_here": ("仅我方撤销", "reversed only here"),
    "reversed_only_there": ("仅对方撤销", "reversed only there"),
    "row": ("行", "row"),
    "rows": ("行数", "rows"),
    "rules": ("规则取值", "rule values"),
    "settle_request_id": ("原请求编号", "settle request"),
    "settlement_id": ("结算编号", "settlement"),
    "settles": ("裁定的矛盾", "settles"),
    "severity": ("等级", "severity"),
    "signature": ("签名", "signature"),
    "since": ("施行日", "since"),
    "situation": ("情形或位置", "situation or line"),
    "situations": ("情形", "situations"),
    "standing": ("在职退休", "standing"),
    "subject": ("对象", "subject"),
    "table": ("待遇表", "table"),
    "tables": ("待遇表数", "tables"),
    "theirs_account": ("对方个账", "their account"),
    "theirs_fund": ("对方基金", "their fund"),
    "theirs_patient": ("对方人员", "their patient"),
    "theirs_total": ("对方总额", "their total"),
    "totals": ("合计", "totals"),
    "unchanged": ("无变化", "unchanged"),
    "version": ("版本", "version"),
    "visits": ("就诊", "visits"),
    "why": ("理由", "why"),
    "written": ("写入", "written"),
}
"""Labels by key: Chinese, English. Clauses and values stay Chinese."""


class Terminal:
    """Where results go: rich tables if somebody looks, tab-separated lines or JSON if a
    program reads."""

    def __init__(self, *, lang: str = "zh", as_json: bool = False) -> None:
        self._english = lang == "en"
        self.as_json = as_json
        self.console = Console(soft_wrap=not sys.stdout.isatty())
        self.errors = Console(stderr=True)

    def label(self, key: str) -> str:
        """The label of a column or heading in the chosen language; the key itself where
        it has none."""
        return LABELS[key][self._english] if key in LABELS else key

    def table(
        self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
    ) -> None:
        """Rows under a title; a column is a key of every row."""
        rows = list(rows)
        if self.as_json:
            self.json({title: rows})
        elif self.console.is_terminal:
            shown = Table(
                title=self.label(title), title_justify="left", header_style="bold"
            )
            for column in columns:
                shown.add_column(self.label(column), overflow="fold")
            for row in rows:
                shown.add_row(*(str(row[c]) for c in columns))
            self.console.print(shown)
        else:
            sys.stdout.write(f"# {self.label(title)}\n")
            sys.stdout.write("\t".join(self.label(c) for c in columns) + "\n")
            for row in rows:
                sys.stdout.write(
                    "\t".join(str(row[c]).replace("\n", " ") for c in columns) + "\n"
                )

    def json(self, value: object) -> None:
        """One JSON document on one line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")

    def markdown(self, text: str) -> None:
        """Markdown: rendered on a terminal, as it is in a pipe."""
        if self.console.is_terminal:
            self.console.print(Markdown(text))
        else:
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def say(self, text: str = "") -> None:
        """A line for people."""
        if not self.as_json:
            self.console.print(text, markup=False, highlight=False)
