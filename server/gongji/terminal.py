"""How the command speaks to people: tables on a terminal, plain columns or JSON in a pipe; labels in two languages."""

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
    "area_code": ("医保区划", "area"),
    "cities": ("已接入的城市", "cities served"),
    "city": ("城市", "city"),
    "clauses": ("条款", "clauses"),
    "field": ("字段", "field"),
    "hook": ("规则", "rule"),
    "in_words": ("取值", "value"),
    "layer": ("层级", "layer"),
    "message": ("说明", "message"),
    "overridden": ("自定规则数", "rules of its own"),
    "pinyin": ("名称", "name"),
    "plugin": ("插件", "plugin"),
    "problem": ("问题", "problem"),
    "received": ("收到", "received"),
    "refused": ("未接受", "refused"),
    "refused_plugins": ("未能加载的插件", "plugins refused"),
    "row": ("行", "row"),
    "rules": ("规则取值", "rule values"),
    "settles": ("裁定的矛盾", "settles"),
    "since": ("施行日", "since"),
    "unchanged": ("无变化", "unchanged"),
    "version": ("版本", "version"),
    "why": ("理由", "why"),
    "written": ("写入", "written"),
}
"""Labels by key: Chinese, English. Clauses and values stay Chinese."""


class Terminal:
    """Where results go: rich tables if somebody looks, tab-separated lines or JSON if a program reads."""

    def __init__(self, *, lang: str = "zh", as_json: bool = False) -> None:
        self._english = lang == "en"
        self._json = as_json
        self.console = Console(soft_wrap=not sys.stdout.isatty())
        self.errors = Console(stderr=True)

    def label(self, key: str) -> str:
        """The label of a column or heading in the chosen language; the key itself where it has none."""
        return LABELS[key][self._english] if key in LABELS else key

    def table(self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Rows under a title; a column is a key of every row."""
        rows = list(rows)
        if self._json:
            self.json({title: rows})
        elif self.console.is_terminal:
            shown = Table(title=self.label(title), title_justify="left", header_style="bold")
            for column in columns:
                shown.add_column(self.label(column), overflow="fold")
            for row in rows:
                shown.add_row(*(str(row[c]) for c in columns))
            self.console.print(shown)
        else:
            sys.stdout.write(f"# {self.label(title)}\n")
            sys.stdout.write("\t".join(self.label(c) for c in columns) + "\n")
            for row in rows:
                sys.stdout.write("\t".join(str(row[c]).replace("\n", " ") for c in columns) + "\n")

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
        if not self._json:
            self.console.print(text, markup=False, highlight=False)

    def complain(self, text: str) -> None:
        """A line on standard error."""
        self.errors.print(text, markup=False, highlight=False, style="red")
