"""The one reader of files (文件): whatever encoding an office writes, in bounded memory.

UTF-8 with or without a byte order mark, GB18030 (GBK), and UTF-16.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Final, NoReturn, Self

from gongji.text.faults import words_of

LONGEST_LINE: Final = 131_072
"""Characters of a line; a longer one is none of ours, and is not kept."""

LARGEST_TEXT: Final = 64 << 20
"""Bytes of a file that is read whole."""

_KEPT: Final = 16 << 20
"""Bytes of a pipe kept in memory; more go to a temporary file without a name."""

_CHUNK: Final = 1 << 16

_BEYOND_TWO_BYTES: Final = re.compile("[\u0800-\ufffc\ufffe-\U0010ffff]")
"""What UTF-8 writes in three bytes or four, as it does every Chinese character; not
U+FFFD, which stands for damage."""

_NOTHING: Final = (b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of .xlsx and .xls."""

_ADVICE: Final = "请另存为带 BOM 的 UTF-8（表格软件中称“CSV UTF-8”）"


class FileFaultError(ValueError):
    """A file cannot be read; the message names it, in Chinese."""


class TextFile:
    """A file as text, read from its beginning as often as one likes.

    FileFaultError if it cannot be read, is empty, or its encoding cannot be told.
    """

    def __init__(self, name: str, source: IO[bytes]) -> None:
        self.name = name
        self._source = source
        self.encoding = _Encoding(name, self._source).found()

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open the file at a path; `-` is standard input."""
        if str(path) == "-":
            return cls("标准输入", _copied(sys.stdin.buffer))
        with _named_faults(path):
            source: IO[bytes] = path.open("rb")
            if not source.seekable():
                with source:
                    source = _copied(source)
            return cls(path.name, source)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def lines(self) -> Iterator[tuple[int, str | None]]:
        """Yield the lines from 1 without their ends; None if one is too long to keep."""
        with self._decoded(newline=None) as text:
            number = 0
            while line := text.readline(LONGEST_LINE + 1):
                number += 1
                if line.endswith("\n"):
                    yield number, line[:-1]
                elif len(line) <= LONGEST_LINE:
                    yield number, line
                else:
                    _skip_line(text)
                    yield number, None

    def text(self) -> str:
        """Return the whole text. FileFaultError if it is too large."""
        if self._source.seek(0, io.SEEK_END) > LARGEST_TEXT:
            raise FileFaultError(
                f"{self.name} 超过 {LARGEST_TEXT >> 20} MiB，不能整个读入"
            )
        # As it is: in some files only a line feed ends a line.
        with self._decoded(newline="") as text:
            return text.read()

    @contextmanager
    def _decoded(self, *, newline: str | None) -> Iterator[io.TextIOWrapper]:
        self._source.seek(0)
        text = io.TextIOWrapper(self._source, encoding=self.encoding, newline=newline)
        try:
            yield text
        finally:
            # Else the file would be closed with its wrapper. Rows that nobody asked for
            # may outlive the file.
            if not self._source.closed:
                text.detach()


def read_text(path: Path) -> str:
    """Return the text of a file. FileFaultError."""
    file = TextFile.at(path)
    try:
        return file.text()
    finally:
        file.close()


def _copied(source: IO[bytes]) -> IO[bytes]:
    """Return a copy of a pipe, which can be read only once."""
    copy = tempfile.SpooledTemporaryFile(max_size=_KEPT)  # noqa: SIM115 - outlives this
    copyfileobj(source, copy, _CHUNK)
    return copy


def _skip_line(text: io.TextIOWrapper) -> None:
    while (part := text.readline(LONGEST_LINE)) and not part.endswith("\n"):
        pass


@contextmanager
def _named_faults(path: Path) -> Iterator[None]:
    """Say in Chinese why the file at a path cannot be opened. FileFaultError."""
    try:
        yield
    except FileNotFoundError as fault:
        raise FileFaultError(f"没有文件 {path}") from fault
    except IsADirectoryError as fault:
        raise FileFaultError(f"{path} 是目录，不是文件") from fault
    except PermissionError as fault:
        raise FileFaultError(f"没有读取 {path} 的权限") from fault
    except OSError as fault:
        raise FileFaultError(f"{path} 不能读取：{words_of(fault)}") from fault


class _Encoding:
    """Tells a file's encoding from all of its bytes, chunk by chunk."""

    def __init__(self, name: str, source: IO[bytes]) -> None:
        self._name = name
        self._source = source

    def found(self) -> str:
        """Return the name of the encoding. FileFaultError with the first wrong line."""
        encoding = self._marked()
        if encoding:
            self._hold(encoding)
            return encoding
        damage = self._damage("utf-8")
        if damage is None:
            return self._unmarked_utf8()
        if self._mostly_utf8():
            self._fail("utf-8", damage, "有损坏的 UTF-8 字符")
        self._hold("gb18030")
        self._refuse_mixture()
        return "gb18030"

    def _marked(self) -> str:
        """Return the encoding that the first bytes tell; "" if they tell none."""
        self._source.seek(0)
        head = self._source.read(4)
        if head in _NOTHING:
            raise FileFaultError(f"{self._name} 是空文件")
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head in _WORKBOOKS:
            raise FileFaultError(f"{self._name} 是 Excel 工作簿；{_ADVICE}")
        # Every kind of file begins with a character of ASCII: a header, a brace, a table.
        match [byte != 0 for byte in head[:2]]:
            case [True, False]:
                return "utf-16-le"
            case [False, True]:
                return "utf-16-be"
        return ""

    def _hold(self, encoding: str) -> None:
        damage = self._damage(encoding)
        if damage is not None:
            self._fail(encoding, damage, "不是 UTF-8、GB18030 或 UTF-16 文本")

    def _fail(self, encoding: str, position: int, problem: str) -> NoReturn:
        line = self._line_of(encoding, position)
        raise FileFaultError(f"{self._name} 第 {line} 行{problem}；{_ADVICE}")

    def _chunks(self) -> Iterator[bytes]:
        self._source.seek(0)
        while chunk := self._source.read(_CHUNK):
            yield chunk

    def _damage(self, encoding: str) -> int | None:
        """Return the position of the first byte that is no text; None if all are."""
        decoder = codecs.getincrementaldecoder(encoding)()
        read = 0
        try:
            for chunk in self._chunks():
                read += len(chunk)
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as fault:
            # The object may begin before its chunk, with what was kept of the last one.
            return read - len(fault.object) + fault.start
        return None

    def _replaced(self, encoding: str) -> Iterator[str]:
        """Yield the text, U+FFFD in place of damage."""
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        for chunk in self._chunks():
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)

    def _unmarked_utf8(self) -> str:
        ascii_only = True
        for text in self._replaced("utf-8"):
            if _BEYOND_TWO_BYTES.search(text):
                return "utf-8"
            ascii_only = ascii_only and text.isascii()
        if ascii_only:
            return "utf-8"
        # 毛茂 in GBK are the bytes of ëï in UTF-8: a guess would rename somebody.
        raise FileFaultError(
            f"{self._name} 既可读作 UTF-8，也可读作 GB18030；{_ADVICE}"
        )

    def _mostly_utf8(self) -> bool:
        """Return whether this is damaged UTF-8 rather than GB18030."""
        sound = damaged = 0
        for text in self._replaced("utf-8"):
            sound += len(_BEYOND_TWO_BYTES.findall(text))
            damaged += text.count("\ufffd")
        if sound > damaged:
            return True
        # Chinese in UTF-8 is every other character a rare one if read as GB18030.
        return sound > 0 and self._rare_in_gb18030()

    def _rare_in_gb18030(self) -> bool:
        wide = everyday = 0
        for text in self._replaced("gb18030"):
            beyond = "".join(_BEYOND_TWO_BYTES.findall(text))
            wide += len(beyond)
            everyday += len(beyond.encode("gb2312", "ignore")) // 2
        return everyday * 4 < wide * 3

    def _refuse_mixture(self) -> None:
        """Refuse a line of UTF-8 in a file of GB18030, which would be read as nonsense."""
        self._source.seek(0)
        number = 0
        while line := self._source.readline(LONGEST_LINE):
            number += line.endswith(b"\n")
            if not line.isascii() and _is_utf8_only(line):
                number += not line.endswith(b"\n")
                raise FileFaultError(
                    f"{self._name} 中 GB18030 与 UTF-8 混杂，如第 {number} 行；{_ADVICE}"
                )

    def _line_of(self, encoding: str, position: int) -> int:
        """Return the line, from 1, of a position in bytes."""
        newlines = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(encoding)("replace"), translate=True
        )
        line, left = 1, position
        for chunk in self._chunks():
            line += newlines.decode(chunk[:left]).count("\n")
            left -= len(chunk)
            if left <= 0:
                break
        return line


def _is_utf8_only(line: bytes) -> bool:
    """Return whether a line is Chinese in UTF-8 and in GB18030 no everyday text."""
    try:
        if not _BEYOND_TWO_BYTES.search(line.decode("utf-8")):
            return False
        line.decode("gb18030", "replace").encode("gb2312")
    except UnicodeDecodeError:
        return False
    except UnicodeEncodeError:
        return True
    return False
