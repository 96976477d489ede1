"""One reader for every file: its encoding is told or refused, never guessed wrong."""

from __future__ import annotations

import io
import os
import re
import threading
import tracemalloc
from pathlib import Path

import pytest
from gongji.text import files
from gongji.text.files import LONGEST_LINE, FileFaultError, TextFile, read_text
from hypothesis import given
from hypothesis import strategies as st

TEXT = "编号,姓名\r\nP1,张三\r\nP2,古丽米热·艾比布力\n"
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8-sig",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "utf-16": "utf-16",
    "utf-16-le with a mark": "utf-16",
    "utf-16-be with a mark": "utf-16",
}


def encoded(text: str, encoding: str) -> bytes:
    plain, _, mark = encoding.partition(" ")
    return (("\ufeff" if mark else "") + text).encode(plain)


def opened(content: bytes) -> TextFile:
    return TextFile("名单.csv", io.BytesIO(content))


def lines(content: bytes) -> list[str | None]:
    return [line for _, line in opened(content).lines()]


@pytest.mark.parametrize(("written", "found"), ENCODINGS.items(), ids=ENCODINGS)
def test_what_offices_write(written: str, found: str) -> None:
    """A file says the same in every encoding, however often it is read."""
    file = opened(encoded(TEXT, written))
    assert found == file.encoding
    for _ in range(2):
        assert TEXT == file.text()
        assert TEXT.splitlines() == [line for _, line in file.lines()]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(encoding: str) -> None:
    """UTF-16 is known by a first character of ASCII, as every file of ours has."""
    content = ("a" + TEXT).encode(encoding)
    assert ("a" + TEXT).splitlines() == lines(content)


@given(st.text(st.characters(codec="gb18030"), min_size=1))
def test_no_name_becomes_another(text: str) -> None:
    """Whatever is written in GB18030 is read as it was, or refused; never as another."""
    content = f"a,{text}".encode("gb18030")
    try:
        read = opened(content).text()
    except FileFaultError:
        return
    assert f"a,{text}" == read or content.isascii() or content == read.encode("utf-8")


ROWS = "a\n" + "P1,张三\n" * 9
FAULTS = {
    "nothing": (b"", " 是空文件"),
    "a mark and nothing": (b"\xef\xbb\xbf", " 是空文件"),
    "a mark of UTF-16 and nothing": (b"\xff\xfe", " 是空文件"),
    "a workbook": (b"PK\x03\x04\x14", "Excel 工作簿"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1", "Excel 工作簿"),
    "no text": (b"a\n\n\xff\xff\n", "第 3 行不是 UTF-8、GB18030 或 UTF-16"),
    "UTF-8 with a wrong byte": (
        ROWS.encode() + b"P2,\xff\n",
        "第 11 行有损坏的 UTF-8",
    ),
    "UTF-8 cut within a character": ("P1,张王".encode()[:-1], "第 1 行有损坏的 UTF-8"),
    "UTF-8 with a row of GBK": (
        ROWS.encode() + "P2,李四\n".encode("gbk"),
        "第 11 行有损坏的 UTF-8",
    ),
    "GBK with a row of UTF-8": (
        ROWS.encode("gbk") + "P2,张王\n".encode(),
        "GB18030 与 UTF-8 混杂，如第 11 行",
    ),
    "GBK that is UTF-8 too": ("a\n毛茂\n".encode("gbk"), "既可读作 UTF-8，也可读作"),
    "UTF-16 with half a pair": (
        "a\n".encode("utf-16") + b"\x00\xd8\n\x00",
        "第 2 行不是",
    ),
    "UTF-16 cut within a character": ("a\n张".encode("utf-16")[:-1], "第 2 行不是"),
    "UTF-8 by its mark alone": (
        b"\xef\xbb\xbfa\n" + "张".encode("gbk"),
        "第 2 行不是",
    ),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_told_is_refused(content: bytes, message: str) -> None:
    """The sentence names the file and the line."""
    with pytest.raises(FileFaultError, match=f"^名单.csv.*{re.escape(message)}"):
        opened(content)


def test_a_fault_beyond_the_first_chunk(tmp_path: Path) -> None:
    """A wrong byte is found wherever it stands, and counted to its line."""
    path = tmp_path / "x.csv"
    path.write_bytes(ROWS.encode() * 20_000 + b"\xff")
    with pytest.raises(FileFaultError, match=f"^x.csv 第 {20_000 * 10 + 1} 行"):
        read_text(path)


def test_a_long_line_is_not_kept() -> None:
    """A line too long is told by its number, in little memory; the next is read."""
    size = 64 << 20
    content = b"a\n" + b"x" * size + b"\nb\n" + b"y" * LONGEST_LINE
    file = opened(content)
    tracemalloc.start()
    lengths = [len(line) if line else line for _, line in file.lines()]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [1, None, 1, LONGEST_LINE] == lengths
    assert most < 8 << 20


def test_rows_nobody_asks_for() -> None:
    """A file may be closed before its lines are all read, and the reader left behind."""
    file = opened(TEXT.encode())
    lines = file.lines()
    assert (1, "编号,姓名") == next(lines)
    file.close()
    lines.close()  # type: ignore[attr-defined] # a generator


def test_a_text_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would fill the memory is not read whole."""
    monkeypatch.setattr(files, "LARGEST_TEXT", 1 << 20)
    with pytest.raises(FileFaultError, match="超过 1 MiB"):
        opened(b"x" * ((1 << 20) + 1)).text()


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """A pipe, which can be read only once, is there as often as one likes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writing = threading.Thread(target=path.write_bytes, args=(TEXT.encode("gbk"),))
    writing.start()
    file = TextFile.at(path)
    writing.join()
    for _ in range(2):
        assert TEXT == file.text()


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, and a file that is not there, are refused in a sentence."""
    with pytest.raises(FileFaultError, match=r"是目录，不是文件$"):
        TextFile.at(tmp_path)
    with pytest.raises(FileFaultError, match=r"^没有文件 .*x\.csv$"):
        TextFile.at(tmp_path / "x.csv")


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is refused in a sentence; even if this user is root."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileFaultError, match=r"^没有读取 .*的权限$"):
        TextFile.at(tmp_path / "x.csv")
