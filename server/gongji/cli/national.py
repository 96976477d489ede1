"""`gongji national convert`: one message, or a file of rows, from the national
interface to ours or back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import click

from gongji.national.convert import (
    document,
    from_national,
    reply_to,
    to_national,
    undocumented,
)
from gongji.national.details import difference_line, line_of, rows_from
from gongji.national.dialect import HN
from gongji.national.fields import KeptNode
from gongji.national.forms import NationalFault
from gongji.national.reconcile import statements
from gongji.national.text import dumps, loads
from gongji.v1 import settlement_pb2 as pb

_ROWS: Final = ("ReconcileRow", "ReconcileDetailsResponse")
"""Kinds of which a file has one a line."""


@click.group("national")
def national() -> None:
    """国家接口报文(2206、2207、2208、2601、3201、3202)与 gongji.v1 互转."""


@national.command("convert")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--from-national",
    "direction",
    flag_value="from",
    help="自国家报文转为 gongji.v1; 不写则看内容.",
)
@click.option(
    "--to-national",
    "direction",
    flag_value="to",
    help="自 gongji.v1 转为国家报文; 不写则看内容.",
)
@click.option(
    "--request",
    type=click.File("rb"),
    help="所答复的国家请求(JSON), 或所对的明细文件(TXT).",
)
@click.option("--identities-only", is_flag=True, help="只核对恒等式 I1-I5, 不输出报文.")
def convert_command(
    file: BinaryIO,
    direction: str | None,
    request: BinaryIO | None,
    *,
    identities_only: bool,
) -> None:
    """转换一个国家报文(JSON)、一个 3202 明细文件(TXT), 或本命令先前的输出; FILE 为 -
    时读标准输入."""
    given = _text(file, "输入")
    if not given.strip():
        raise NationalFault("输入是空的")
    back = direction == "to" or (direction is None and _ours(given))
    asked = _text(request, "--request") if request else ""
    # All or nothing: half a file would look like a whole one.
    written = list(_to_national(given, asked) if back else _from_national(given))
    for line in written:
        if not identities_only:
            click.echo(line)
    if identities_only:
        click.echo(f"恒等式 I1-I5 成立({HN.name})")


def _from_national(given: str) -> Iterator[str]:
    if not _is_json(given):
        for row, rest in rows_from(_lines(given)):
            yield dumps(document(row, rest))
        return
    yield dumps(document(*from_national(loads(given), HN)), indent=2)


def _to_national(given: str, asked: str) -> Iterator[str]:
    first = _first(given)
    if isinstance(first, Mapping) and first.get("kind") in _ROWS:
        visits = {
            row.settlement_id: rest.rest.get("mdtrt_id")
            for row, rest in rows_from(_lines(asked))
        }
        for number, line in enumerate(_lines(given), start=1):
            yield _row_line(loads(line, f"第 {number} 行"), visits)
        return
    value = loads(given)
    ours, kept = undocumented(value)
    if asked:
        yield dumps(reply_to(ours, loads(asked, "--request"), HN), indent=2)
    elif isinstance(ours, pb.ReconcileTotalsRequest) and ours.totals:
        yield dumps(statements(ours, kept, HN), indent=2)
    else:
        yield dumps(to_national(ours, kept, HN), indent=2)


def _row_line(value: object, visits: Mapping[str, Any]) -> str:
    row, rest = undocumented(value, KeptNode)
    if isinstance(row, pb.ReconcileRow):
        return line_of(row, rest)
    if isinstance(row, pb.ReconcileDetailsResponse):
        return difference_line(row, mdtrt_id=visits.get(row.settlement_id) or "")
    raise NationalFault(f"明细文件中不能有 {row.DESCRIPTOR.name}")


def _text(file: BinaryIO, what: str) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise NationalFault(f"{what} 不是 UTF-8 文本") from fault


def _lines(text: str) -> list[str]:
    """Lines of a file; only a line feed ends one."""
    return text.removesuffix("\n").split("\n") if text else []


def _is_json(given: str) -> bool:
    return given.lstrip()[:1] in {"{", "["}


def _ours(given: str) -> bool:
    """Whether it is what this command writes, told by its kind."""
    first = _first(given)
    return isinstance(first, Mapping) and "kind" in first


def _first(given: str) -> object:
    """The whole as JSON, or its first line where each line is a document; None for neither."""
    for text in (given, given.partition("\n")[0]):
        try:
            return loads(text) if _is_json(given) else None
        except NationalFault:
            continue
    return None
