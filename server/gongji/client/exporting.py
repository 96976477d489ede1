"""A person's export written as files: JSON lines a kind of record, and a page of contents.

index.html            what there is, in Chinese
person.jsonl …        one record a line, as the service tells it
"""

from __future__ import annotations

import html
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import grpc

from gongji.v1 import access_pb2 as pb
from gongji.v1 import access_pb2_grpc, types_pb2

KINDS: Final[Mapping[str, str]] = {
    "person": "登记：现在的",
    "person_revision": "登记：从前的各个版本",
    "staged_person": "正在进行的导入中所说的",
    "import": "带来登记的各次导入",
    "binding": "绑定，包括从前的",
    "claim": "手工报销申请",
    "filing": "异地就医备案",
    "settlement": "结算",
    "aid_charge": "为他人支付的（只有日期、机构与金额）",
    "account": "个人账户余额",
    "entry": "个人账户明细",
    "credit": "按月划入",
    "brought_forward": "结转转入",
    "premium": "代缴居民医保费",
    "accumulator": "年度累计",
    "meter_reading": "其他累计",
    "wallet": "医保钱包",
    "wallet_transfer": "医保钱包转账，包括收到的",
    "statement": "开具过的查询单",
    "guesses": "渠道对此人说错的次数",
    "request": "请求",
    "access": "谁看过、动过这些资料",
}
"""What each kind of record is called, in the order of the page."""


class _Files(Protocol):
    """Where files of an export are written."""

    def append(self, name: str, content: bytes) -> None:
        """Append to a file."""


def export(channel: grpc.Channel, person_no: str, out: Path, at: datetime) -> int:
    """Write everything held about a person into a new folder, or a new .zip file.

    Returns how many records. FileExistsError, OSError; RpcError, and then nothing is left.
    """
    service = access_pb2_grpc.AccessServiceStub(channel)
    person = types_pb2.PersonRef(person_no=person_no)
    replies = service.ExportPerson(pb.ExportPersonRequest(person=person))
    # Before anything is made: a refusal comes with the first reply.
    first = next(replies, None)
    counts: dict[str, int] = {}
    with _zipped(out) if out.suffix == ".zip" else _folder(out) as files:
        for reply in _with_first(first, replies):
            for record in reply.records:
                counts[record.kind] = counts.get(record.kind, 0) + 1
                files.append(f"{record.kind}.jsonl", f"{record.content}\n".encode())
        files.append("index.html", page(person_no, counts, at).encode())
    return sum(counts.values())


def _with_first(
    first: pb.ExportPersonResponse | None, others: Iterable[pb.ExportPersonResponse]
) -> Iterator[pb.ExportPersonResponse]:
    if first is not None:
        yield first
    yield from others


def page(person_no: str, counts: Mapping[str, int], at: datetime) -> str:
    """Return the page of contents: kind, file and how many records."""
    known = [kind for kind in KINDS if kind in counts]
    # Kinds of a later service go by their own names.
    rows = [
        f"<tr><td>{html.escape(KINDS.get(kind, kind))}</td>"
        f'<td><a href="{html.escape(kind)}.jsonl">{html.escape(kind)}.jsonl</a></td>'
        f"<td>{counts[kind]}</td></tr>"
        for kind in (*known, *sorted(counts.keys() - KINDS.keys()))
    ]
    return _PAGE.format(
        person=html.escape(person_no), at=f"{at:%Y-%m-%d %H:%M}", rows="\n".join(rows)
    )


_PAGE: Final = """\
<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>{person} 的全部资料</title></head>
<body>
<h1>{person} 的全部资料</h1>
<p>导出于 {at}。每类记录一个文件，一行一条 JSON：金额以分计，时刻写明时区。
本人的资料为原文，他人的编号均已掩去。</p>
<table>
<tr><th>内容</th><th>文件</th><th>条数</th></tr>
{rows}
</table>
<p>查阅、复制：《个人信息保护法》第四十五条；更正、补充：第四十六条；删除：第四十七条。</p>
</body>
</html>
"""


class _Folder:
    """Files of a folder that only its owner reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, BinaryIO] = {}

    def append(self, name: str, content: bytes) -> None:
        """Append to a file."""
        file = self._open.get(name)
        if file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            descriptor = os.open(self._folder / name, flags, 0o600)
            file = self._open[name] = os.fdopen(descriptor, "wb")
        file.write(content)

    def close(self) -> list[Path]:
        """Close all files; return their paths."""
        for file in self._open.values():
            file.close()
        return [self._folder / name for name in self._open]


@contextmanager
def _folder(out: Path) -> Iterator[_Files]:
    """Write into a new folder, which goes again if anything fails."""
    out.mkdir(mode=0o700, parents=True)
    files = _Folder(out)
    try:
        yield files
    except BaseException:
        for path in files.close():
            path.unlink()
        out.rmdir()
        raise
    files.close()


@contextmanager
def _zipped(out: Path) -> Iterator[_Files]:
    """Write into a new archive, which goes again if anything fails."""
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # An archive takes one file after the other: they are put together beside it.
        with tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}-"
        ) as made:
            folder = Path(made) / "parts"
            with _folder(folder) as files:
                yield files
            with (
                os.fdopen(descriptor, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                for path in sorted(folder.iterdir()):
                    archive.write(path, path.name)
    except BaseException:
        out.unlink()
        raise
