"""`gongji national convert`: messages of the national interface to gongji.v1 and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import click

from gongji.cli.nationalserve import national_serve_command
from gongji.cli.options import text_file
from gongji.cli.terminal import Terminal
from gongji.national.convert import (
    document,
    from_national,
    reply_to,
    to_national,
    undocumented,
)
from gongji.national.details import difference_line, line_of, rows_from
from gongji.national.dialect import HN
from gongji.national.fields import UnmappedNode
from gongji.national.forms import NationalFault
from gongji.national.reconcile import statements
from gongji.national.text import dumps, loads
from gongji.text.files import TextFile
from gongji.v1 import settlement_pb2 as pb

_ROWS: Final = ("ReconcileRow", "ReconcileDetailsResponse")
"""Kinds of which a file has one a line."""


@click.group("national")
def national_group() -> None:
    """国家接口报文：与 gongji.v1 互转，或以 HTTP 办理。"""


national_group.add_command(national_serve_command)


@national_group.command("convert")
@click.argument("file", callback=text_file)
@click.option(
    "--from-national",
    "direction",
    flag_value="from",
    help="自国家报文转为 gongji.v1；不写则看内容。",
)
@click.option(
    "--to-national",
    "direction",
    flag_value="to",
    help="自 gongji.v1 转为国家报文；不写则看内容。",
)
@click.option(
    "--request",
    callback=text_file,
    help="所答复的国家请求（JSON），或所对的明细文件（TXT）。",
)
@click.option(
    "--identities-only", is_flag=True, help="只核对恒等式 I1-I5，不输出报文。"
)
@click.pass_obj
def convert_command(
    terminal: Terminal,
    file: TextFile,
    direction: str | None,
    request: TextFile | None,
    *,
    identities_only: bool,
) -> None:
    """转换一个国家报文（JSON）、一个 3202 明细文件（TXT），或本命令先前的输出；FILE 为 -
    时读标准输入。"""
    text = file.text()
    if not text.strip():
        raise NationalFault("输入是空的")
    request_text = request.text() if request else ""
    if direction == "to" or (direction is None and _is_document(text)):
        converted = _to_national(text, request_text)
    else:
        converted = _from_national(text)
    # All or nothing: half a file would look like a whole one.
    lines = list(converted)
    if identities_only:
        terminal.message(f"恒等式 I1-I5 成立（{HN.name}）")
        return
    for line in lines:
        terminal.message(line)


def _from_national(text: str) -> Iterator[str]:
    """Yield a message as one document, or a file of rows as one document a row."""
    if _is_json(text):
        yield dumps(document(*from_national(loads(text), HN)), indent=2)
        return
    for row, unmapped in rows_from(_lines(text)):
        yield dumps(document(row, unmapped))


def _to_national(text: str, request: str) -> Iterator[str]:
    """Yield one message, or a file's lines if the documents are rows."""
    first = _first_document(text)
    if isinstance(first, Mapping) and first.get("kind") in _ROWS:
        yield from _row_lines(text, request)
        return
    proto, unmapped = undocumented(loads(text))
    if request:
        message: object = reply_to(proto, loads(request, "--request"), HN)
    elif isinstance(proto, pb.ReconcileTotalsRequest) and proto.totals:
        message = statements(proto, unmapped, HN)
    else:
        message = to_national(proto, unmapped, HN)
    yield dumps(message, indent=2)


def _row_lines(text: str, request: str) -> Iterator[str]:
    """Yield rows, or differences with the visits of the institution's own rows."""
    visits = {
        row.settlement_id: unmapped.fields.get("mdtrt_id")
        for row, unmapped in rows_from(_lines(request))
    }
    for number, line in enumerate(_lines(text), start=1):
        row, unmapped = undocumented(loads(line, f"第 {number} 行"), UnmappedNode)
        if isinstance(row, pb.ReconcileRow):
            yield line_of(row, unmapped)
        elif isinstance(row, pb.ReconcileDetailsResponse):
            visit = visits.get(row.settlement_id) or ""
            yield difference_line(row, mdtrt_id=visit)
        else:
            raise NationalFault(f"明细文件中不能有 {row.DESCRIPTOR.name}")


def _lines(text: str) -> list[str]:
    """Return the lines of a file."""
    # Not splitlines(): in the national files only a line feed ends a line.
    return text.removesuffix("\n").split("\n") if text else []


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["}


def _is_document(text: str) -> bool:
    """Return whether the text is what this command writes: it has a kind."""
    first = _first_document(text)
    return isinstance(first, Mapping) and "kind" in first


def _first_document(text: str) -> object:
    """Return the text as JSON, or its first line if each is a document, or None."""
    for candidate in (text, text.partition("\n")[0]):
        try:
            return loads(candidate) if _is_json(candidate) else None
        except NationalFault:
            continue
    return None
