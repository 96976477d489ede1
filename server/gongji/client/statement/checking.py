"""A printed page compared with the counterfoil it was made from (验真)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from gongji.client.statement.pdf import UnprintableError, to_pdf
from gongji.client.statement.sheet import Sheet

_NUMBER_FORM: Final = r"(\d{8}-[0-9A-Z]{5}-[0-9A-Z]{5})"

_CODE_FORM: Final = r"([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})"

_NUMBER: Final = re.compile("编号" + _NUMBER_FORM)

_CODE: Final = re.compile("验证码" + _CODE_FORM)

MOST_BYTES: Final = 32 * 1024 * 1024
"""The longest statement is a tenth of it."""


class UnreadableStatementError(ValueError):
    """A file is no statement of ours; the message says why, in Chinese."""


class Printed(NamedTuple):
    """What a page can be asked for by."""

    number: str
    code: str


class LineDifference(NamedTuple):
    """Lines of a file where others were issued; "" if there are none."""

    printed: str
    issued: str


class FileComparison(NamedTuple):
    """How a file compares with what was issued."""

    identical: bool
    differences: tuple[LineDifference, ...]


def printed_on(file: bytes) -> Printed:
    """Return number and code of a file. UnreadableStatementError, UnprintableError."""
    text = "".join(_lines(file))
    number, code = _NUMBER.search(text), _CODE.search(text)
    if number is None or code is None:
        raise UnreadableStatementError(
            "文件中读不出查询单的编号与验证码：纸张扫描或拍照的，"
            "请照纸上所印以 --number 与 --code 输入"
        )
    return Printed(number[1], code[1])


def compared(file: bytes, sheet: Sheet) -> FileComparison:
    """Return how a file differs from the page of the statement that was issued.

    UnreadableStatementError, UnprintableError. Other bytes with the same text are no
    original: what is seen of them may be another picture.
    """
    issued = to_pdf(sheet)
    if file == issued:
        return FileComparison(identical=True, differences=())
    differences = _differences(_lines(file), _lines(issued))
    return FileComparison(identical=False, differences=tuple(differences))


def _differences(printed: list[str], issued: list[str]) -> Iterator[LineDifference]:
    matcher = SequenceMatcher(None, printed, issued, autojunk=False)
    for tag, start, end, issued_start, issued_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        yield LineDifference(
            " ".join(printed[start:end]), " ".join(issued[issued_start:issued_end])
        )


def _lines(file: bytes) -> list[str]:
    """Return the lines of all pages, without blanks: those depend on the typesetter."""
    if len(file) > MOST_BYTES:
        raise UnreadableStatementError("文件过大，不是查询单")
    try:
        import pypdfium2 as pdfium  # noqa: PLC0415 - an extra, needed only here
    except ImportError as missing:
        raise UnprintableError(
            f"核对 PDF 需要附加组件 {missing.name}，请运行 pip install 'gongji[pdf]'；"
            "或以 --number 与 --code 输入"
        ) from missing
    try:
        with pdfium.PdfDocument(file) as document:
            texts = [page.get_textpage().get_text_range() for page in document]
    except pdfium.PdfiumError as fault:
        raise UnreadableStatementError(f"文件不是可读的 PDF：{fault}") from fault
    lines = [re.sub(r"\s", "", line) for text in texts for line in text.splitlines()]
    return list(filter(None, lines))
