"""`gongji policy`: a policy checked, explained, and shown as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gongji.access import table
from gongji.access.callers import ALL, Caller
from gongji.access.lines import line_of
from gongji.access.policy import FilePolicy, PolicyFaultError
from gongji.access.rights import (
    KEYS_OF_SCOPES,
    ON_SANDBOXES,
    RIGHTS,
    AccessScope,
    own_in,
    right_of,
    scopes_of,
)
from gongji.cli.terminal import Terminal
from gongji.text.files import read_text

_FILE: Final = click.Path(path_type=Path)

_WORDS: Final = {
    AccessScope.CHANNEL: "本调用方的渠道",
    AccessScope.INSTITUTION: "本调用方的机构",
    AccessScope.CITY: "本调用方的城市",
}


@click.group("policy")
def policy_group() -> None:
    """访问策略：查验，说明某个调用方能做什么，列出权限表。"""


@policy_group.command("check")
@click.argument("file", type=_FILE, metavar="FILE")
@click.pass_obj
def check_command(terminal: Terminal, file: Path) -> None:
    """查验策略文件，逐条列出问题与所在的行；有问题则以 1 退出。"""
    text = read_text(file)
    try:
        policy = FilePolicy.of(text, file.name)
    except PolicyFaultError as fault:
        rows = [
            {
                "row": str(line_of(text, problem.path) or ""),
                "field": ".".join(problem.path),
                "problem": problem.message,
            }
            for problem in fault.problems
        ]
        terminal.table("problems", rows, ["row", "field", "problem"])
        raise SystemExit(1) from None
    notes = list(_notes(policy))
    if terminal.as_json:
        summary = {"revision": policy.revision, "callers": sorted(policy.callers)}
        terminal.json({**summary, "notes": notes})
        return
    terminal.say(f"策略 {policy.revision} 可用：{len(policy.callers)} 个调用方")
    for note in notes:
        terminal.say(f"提示：{note}")


@policy_group.command("explain")
@click.argument("file", type=_FILE, metavar="FILE")
@click.argument("caller", metavar="CALLER")
@click.argument("methods", nargs=-1, metavar="[METHOD]...")
@click.pass_obj
def explain_command(
    terminal: Terminal, file: Path, caller: str, methods: tuple[str, ...]
) -> None:
    """说明一个调用方可以调用哪些方法，限于什么，为什么不可以。"""
    policy = FilePolicy.at(file)
    known = policy.callers.get(caller)
    if known is None:
        named = "、".join(sorted(policy.callers))
        raise ValueError(f"策略中没有调用方 {caller}，有的是 {named}")
    # As in the log too: gongji.v1.SettlementService/Settle.
    asked = [method.rpartition("/")[2] for method in methods] or list(RIGHTS)
    for method in asked:
        if method not in RIGHTS:
            raise ValueError(f"没有方法 {method}，有的是 {'、'.join(RIGHTS)}")
    rows = [
        {"method": method, "may": may, "reason": reason}
        for method in asked
        for may, reason in [_explained(known, method)]
    ]
    terminal.table("rights", rows, ["method", "may", "reason"])


@policy_group.command("table")
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@click.pass_obj
def table_command(terminal: Terminal, file: Path | None) -> None:
    """写出权限表（CSV）：每个方法乘每一类调用方；给出策略则乘其中每个调用方。"""
    if file is None:
        rows = list(table.of_kinds())
    else:
        rows = list(table.of_callers(FilePolicy.at(file).callers.values()))
    if terminal.as_json:
        terminal.json({"rights": [msgspec.to_builtins(row) for row in rows]})
    else:
        terminal.page(as_csv(rows))


def as_csv(rows: Iterable[table.RightRow]) -> str:
    """Return a table of rights as it is kept in a file."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(table.COLUMNS)
    for row in rows:
        values: dict[str, Any] = msgspec.to_builtins(row)
        writer.writerow([values[column] for column in table.COLUMNS])
    return written.getvalue()


def _explained(caller: Caller, method: str) -> tuple[str, str]:
    """Return whether a caller may call a method, in a word and in a sentence."""
    right = right_of(method, caller.kind, sandbox=True)
    if right is None:
        kinds = "、".join(RIGHTS[method])
        return "不可以", f"{caller.kind} 类没有这项权利，有的是 {kinds}"
    if right_of(method, caller.kind, sandbox=False) is None:
        return "仅沙盒", "tester 类在沙盒上不受限制，别处什么也不可以"
    limits = [_limit(caller, scope) for scope in AccessScope if scope in right]
    if method in ON_SANDBOXES:
        return "仅沙盒", "；".join(limits) or "不受限制"
    return "可以", "；".join(limits) or "不受限制"


def _limit(caller: Caller, scope: AccessScope) -> str:
    if scope is AccessScope.SUBJECT:
        return "须代当事人办理（x-gongji-subject-bin）"
    own = own_in(caller, scope)
    if own is ALL:
        return f"{_WORDS[scope]}不限"
    listed = "、".join(sorted(own)) if isinstance(own, frozenset) else ""
    return f"限{_WORDS[scope]}（{listed}）"


def _notes(policy: FilePolicy) -> Iterator[str]:
    """Yield what is allowed in a policy but has no effect."""
    for name, entry in policy.document.callers.items():
        for scope, key in KEYS_OF_SCOPES.items():
            if getattr(entry, key) and scope not in scopes_of(entry.kind):
                yield f"callers.{name}.{key}：{entry.kind} 类调用方用不到"
        if not (entry.certificates or entry.tokens):
            yield f"callers.{name}：既没有证书也没有令牌，无人能以此名调用"
