"""Characters that nobody sees: found in what comes in, escaped in what goes out."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
"""C0 and C1: line breaks, tabs and the escapes that steer a terminal."""

# Soft hyphen, joiners, marks of direction, fillers, tags: nothing is drawn for them, or
# what stands beside them is drawn elsewhere. Variation selectors only choose a glyph of
# the character before them, and private characters are names that Unicode does not have
# yet (生僻字): neither is listed.
_INVISIBLE: Final = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)

_NO_CHARACTERS: Final = r"\ud800-\udfff\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
"""Halves of a pair, and what Unicode will never assign."""

_BLANKS: Final = r" \xa0\u1680\u2000-\u200a\u202f\u205f\u3000"

_UNSEEN: Final = re.compile(f"[{_CONTROLS}{_INVISIBLE}{_NO_CHARACTERS}]")

_UNSEEN_IN_LINES: Final = re.compile(f"(?!\n)[{_CONTROLS}{_INVISIBLE}{_NO_CHARACTERS}]")

_SELECTORS: Final = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Variation selectors: in a name they choose a glyph, in an identifier nobody sees them."""

_GAP: Final = re.compile(
    f"[{_CONTROLS}{_INVISIBLE}{_NO_CHARACTERS}{_BLANKS}{_SELECTORS}]"
)

_UNDECODED: Final = re.compile("[\udc80-\udcff]")
"""Bytes of arguments and names of files, as Python keeps those it cannot decode."""

_ONLY_BLANKS: Final = re.compile(f"[{_BLANKS}{_SELECTORS}]*")


def problem_of_text(text: str) -> str:
    """Return why a text is none that people can read, in Chinese; "" if it is one.

    It may end with a blank, as a CHAR column of a database does; it has a character to
    see, and none that is not seen.
    """
    # hot path: every text of every request; most are of ASCII alone.
    if text.isascii() and text.isprintable() and not text.isspace():
        return ""
    found = _UNSEEN.search(text)
    if found is not None:
        return f"含有看不见的字符或换行（{code_point(found[0])}）"
    if text and _ONLY_BLANKS.fullmatch(text) is not None:
        return "只有空白"
    return ""


def problem_of_identifier(text: str) -> str:
    """Return why a text is no identifier, in Chinese; "" if nothing blank is in it."""
    # hot path, as above.
    if text.isascii() and text.isprintable() and " " not in text:
        return ""
    found = _GAP.search(text)
    if found is None:
        return ""
    return f"编号的前后和中间不得有空白或看不见的字符（{code_point(found[0])}）"


def without_unseen(text: str, *, inside: bool = True) -> str:
    """Return a text without what nobody sees, and without blanks, inside it or around it."""
    if inside:
        return _GAP.sub("", text)
    return _UNSEEN.sub("", text).strip()


def code_point(char: str) -> str:
    """Return a character as Unicode numbers it: U+200B."""
    return f"U+{ord(char):04X}"


def shown(text: str) -> str:
    """Return a text on one line, with an escape (U+200B as u200b) for what nobody sees."""
    return _UNSEEN.sub(_escaped, _recovered(text))


def shown_lines(text: str) -> str:
    """Return lines, with escapes as `shown`."""
    return _UNSEEN_IN_LINES.sub(_escaped, _recovered(text))


def shown_json(document: str) -> str:
    """Return a JSON document of the same value, with JSON's escapes in place of controls.

    Between its texts are line breaks and blanks only.
    """
    return _UNSEEN_IN_LINES.sub(_json_escaped, _recovered(document))


def _recovered(text: str) -> str:
    """Return a text with the bytes read as UTF-8 that the locale could not decode."""
    if _UNDECODED.search(text) is None:
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    # Half a pair that stands for no byte.
    except UnicodeEncodeError:
        return text
    return raw.decode("utf-8", "surrogateescape")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _json_escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(
        f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2)
    )
