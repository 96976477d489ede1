"""TOML as operators and city teams write it."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_WORDS: Final = {
    "Expected '='": "键之后应是等号",
    "Expected newline": "一行只写一项",
    "Expected ']": "方括号没有闭合",
    "Unclosed": "括号没有闭合",
    "Unterminated": "引号没有闭合",
    "Illegal character '\\n'": "引号没有闭合",
    "Expected '\"": "引号没有闭合",
    "Expected \"'": "引号没有闭合",
    "Invalid value": "值写得不对（文本须加引号）",
    "Invalid date": "没有这个日期或时刻",
    "Unescaped": "双引号里的反斜杠须写两个",
    "Cannot": "同一个键或节写了两次",
    "Duplicate": "同一个键写了两次",
}
"""What the parser's sentences begin with, and mean. Others are shown by their place only."""


_DEEPEST_KEY: Final = 32

# The parser keeps every part of a key once for each before it: 100,000 parts, in 200 KB,
# are 20 GB.
_DEEP_KEY: Final = re.compile(
    r"(?:^|[\[{,])[ \t]*(?:(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*)"
    rf"{{{_DEEPEST_KEY}}}",
    re.MULTILINE,
)


def document_of(text: str) -> dict[str, Any]:
    """Return what a TOML text says. ValueError with a Chinese sentence."""
    if _DEEP_KEY.search(text):
        raise ValueError("TOML 嵌套过深")
    try:
        return tomllib.loads(text)
    # The parser calls itself once a level.
    except RecursionError:
        raise ValueError("TOML 嵌套过深") from None
    except ValueError as fault:
        # Also of a day no calendar has, which is a ValueError of its own.
        raise ValueError(f"不是 TOML：{_told(str(fault))}") from fault


def _told(fault: str) -> str:
    """Return the parser's sentence in Chinese, with its place."""
    words = next(
        (told for begins, told in _WORDS.items() if fault.startswith(begins)),
        "写得不对",
    )
    place = _PLACE.search(fault)
    if not place:
        return words
    line, column = place.groups()
    return f"第 {line} 行第 {column} 列，{words}" if line else f"到文件末尾，{words}"
