"""Find half-width punctuation in Chinese text (GB/T 15834), full-width in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HAN: Final = r"\u3400-\u9fff"

# What Chinese text sets on its left: a character, a bracket or quote of its own.
_BESIDE: Final = rf"[{_HAN}」』》”’）〕】…]"

VALUE: Final = "\ufffc"
"""Stands in the text of a literal for a value: not for code, whose marks are its own."""

HALF_WIDTH: Final = re.compile(
    rf"{_BESIDE}[,;!?](?=[\s{_HAN}「《“（]|$)"  # 甲, 乙
    rf"|(?!…){_BESIDE}[,;]"  # 甲;B, but token=…;object=… is typed so
    rf"|{_BESIDE}:(?=\s|$)"  # 甲: 乙, but 主机:端口 is typed so
    rf"|[,;] ?(?=[{_HAN}「《“（])"  # A, 乙 or A,乙
    r"|^[,;] "  # a part that is put behind another
    rf"|\([\w、]*\)(?=[{_HAN}])"  # a(b)甲
    rf"|[{_HAN}]\((?![a-z_.]*\()"  # 甲(
    rf"|[{_HAN}]\)"  # 甲)
    rf"|{VALUE}\((?=[{_HAN}{VALUE}])"  # a value in brackets behind another
    rf"|[{_HAN}]\.(?=\s|$)"  # 甲.
    rf"|） (?=[{_HAN}{VALUE}])"  # a blank beside a bracket that has its own
)
"""One mark, with what stands beside it."""

# Code and addresses within a text are not its punctuation.
_CODE: Final = re.compile(r"```.*?```|`[^`]*`|\]\([^)\s]*\)|https?://\S+", re.DOTALL)

_FULL_WIDTH: Final = re.compile("[，。；：！？（）]")

_IN_QUOTES: Final = re.compile(r'"[^"]*"|「[^」]*」|“[^”]*”')

_WORD: Final = re.compile(r"[A-Za-z]{2,}")

# How an English sentence begins, and what binds one that begins with Chinese words.
_ENGLISH: Final = re.compile(
    r"\s*(?:[A-Z][A-Za-z]*,?|psn_cert_type of) [a-z`]|[^|\n]*\b(?:and|in|the) [a-z]"
)


def marks(text: str) -> list[str]:
    """Return the marks of a text that are the other language's, with what stands beside.

    Half-width ones of a Chinese text, full-width ones of an English sentence.
    """
    bare = _CODE.sub("`", text)
    wrong = HALF_WIDTH
    if not is_chinese(bare):
        if not _ENGLISH.match(bare):
            return []
        wrong, bare = _FULL_WIDTH, _IN_QUOTES.sub('"', bare)
    return [
        bare[max(0, found.start() - 8) : found.end() + 8]
        for found in wrong.finditer(bare)
    ]


def is_chinese(text: str) -> bool:
    """Say whether a text is written in Chinese, with a foreign word here and there."""
    characters = re.findall(f"[{_HAN}]", text)
    words = _WORD.findall(text)
    return len(characters) > len(words) and not _ENGLISH.match(text)


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Return the line and text of every string of a module; a value in it is `VALUE`."""
    tree = ast.parse(path.read_text("utf-8"))
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_text, node.values))


def paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """Return the first line and text of every paragraph of a page, blocks of code apart."""
    text = _blank(re.compile(r"```.*?```", re.DOTALL), path.read_text("utf-8"))
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        yield line, paragraph
        line += paragraph.count("\n")


def _text(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return VALUE


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: "\n" * found.group().count("\n"), text)
