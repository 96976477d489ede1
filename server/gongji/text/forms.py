"""How a value is written (写法): its form in words, and what was probably meant by another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from gongji.text.characters import shown, without_unseen

MOST_SHOWN: Final = 30
"""Most characters of a value that is repeated."""

_MOST_JUDGED: Final = 200
"""Characters of the longest value of which anybody asks what was meant."""


class Guess(NamedTuple):
    """What is to be changed, in Chinese, and the value then; each "" if nobody can tell."""

    hint: str = ""
    text: str = ""


class TextForm(NamedTuple):
    """A form of texts: what it is in Chinese, a text that has it, and who has it.

    `meant` guesses what a text without it should have been.
    """

    told: str
    example: str
    fits: Callable[[str], bool]
    meant: Callable[[str], Guess]

    @property
    def required(self) -> str:
        """Return the form in words, with an example."""
        return f"{self.told}，例如 {self.example}"

    def fault_of(self, text: str, masked: str = "") -> str:
        """Return what is asked for, what was sent, and what was probably meant.

        `masked` is shown in place of a personal value, and then no other value is.
        """
        if len(text) > _MOST_JUDGED:
            return f"{self.required}；收到 {len(text)} 个字符"
        hidden = masked or _hidden(text)
        guess = self.meant(text)
        meant = "" if hidden else guess.text
        said = [f"收到{as_sent(text, hidden)}", guess.hint]
        said.append(meant and f"应写作 {meant}")
        # A status keeps 160 characters: what was meant shows as well how it is written.
        long = meant and len(self.example) > MOST_SHOWN
        asked = self.told if long else self.required
        return f"{asked}；{'，'.join(filter(None, said))}"


def as_sent(text: str, masked: str = "") -> str:
    """Return a value in quotes, on one line; hidden if it looks like a person's number."""
    clear = masked or _hidden(text) or shown(text)
    if len(clear) > MOST_SHOWN:
        return f"「{clear[:MOST_SHOWN]}…」（共 {len(text)} 个字符）"
    return f"「{clear}」"


def _hidden(text: str) -> str:
    """Return a text with every character hidden if a person's number may be in it."""
    plain = _SEPARATORS.sub("", _half_width(text))
    return "" if _PERSONAL.search(plain) is None else "*" * len(text)


# An identity card, one of before 1999, or a mobile phone; a code of an institution has
# a letter before as many digits as a phone.
_PERSONAL: Final = re.compile(
    r"[0-9]{15,}|(?<![0-9A-Za-z])(?:00)?(?:86)?1[3-9][0-9]{9}(?![0-9])"
)

_SEPARATORS: Final = re.compile(r"[\s+()·._/,-]")


def pattern_form(pattern: re.Pattern[str], meaning: str, example: str) -> TextForm:
    """Return the form of texts that match a pattern as a whole."""

    def fits(text: str) -> bool:
        return pattern.fullmatch(text) is not None

    between = " " if meaning[:1].isascii() else ""
    told = f"须为{between}{meaning}"
    return TextForm(told, example, fits, lambda text: mended(text, fits))


def mended(text: str, fits: Callable[[str], bool]) -> Guess:
    """Return the least change after which a text fits, of those that people forget."""
    words = []
    whole = without_unseen(text) == without_unseen(text, inside=False)
    for word, change in _SPOILT:
        changed = change(text)
        if changed != text:
            words.append(word)
            text = changed
    for word, rewrite in _WRITTEN_OTHERWISE:
        changed = rewrite(text)
        if fits(changed):
            # Words that were apart may be joined by a stroke: set_top_box.
            known = changed.upper() == changed or whole
            return Guess(_asked([*words, word]), changed if known else "")
    return Guess(_asked(words))


def _asked(words: list[str]) -> str:
    said = "、".join(filter(None, words))
    return f"请{said}" if said else ""


def _half_width(text: str) -> str:
    """Return a text with digits, letters, signs and dashes in half width."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", text))


_DASHES: Final = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63]")

_SPOILT: Final = (
    ("去掉空白和看不见的字符", without_unseen),
    ("把全角字符改为半角", _half_width),
)


def _joined(text: str) -> str:
    return re.sub(r"[-_./\\{}()]", "", text)


def _joined_capitals(text: str) -> str:
    """Return a text without strokes; as it is if it has small letters, as set-top-box."""
    return _joined(text) if text.upper() == text else text


def _same(text: str) -> str:
    return text


_WRITTEN_OTHERWISE: Final = (
    ("", _same),
    ("把小写字母改为大写", str.upper),
    ("把大写字母改为小写", str.lower),
    ("去掉分隔符", _joined_capitals),
    ("去掉分隔符、把小写字母改为大写", lambda text: _joined(text).upper()),
)

# Digits spelled out: \d and fromisoformat also take those of other scripts and forms.
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")

_ANY_DAY: Final = re.compile(
    r"([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))"
    r"(?P<time>(?:[T ]|(?<=[日])).+|[0-9]{4,6})?",
    re.IGNORECASE,
)

_ANY_MONTH: Final = re.compile(r"([0-9]{4})(?:[-/.年]([0-9]{1,2})月?|([0-9]{2}))")

_ZONE: Final = re.compile(r"(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})\s*$", re.IGNORECASE)

_SHANGHAI: Final = re.compile(r"\+08:?00\s*$")

_NOT_BY_YEAR: Final = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}")

_SINCE_1970: Final = re.compile(r"[0-9]{10}|[0-9]{13}")


def is_day(text: str) -> bool:
    """Return whether a text is a day of the calendar, YYYY-MM-DD."""
    return _DAY.fullmatch(text) is not None and _exists(text)


def is_month(text: str) -> bool:
    """Return whether a text is a month of the calendar, YYYY-MM."""
    return _MONTH.fullmatch(text) is not None and _exists(f"{text}-01")


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def day_meant(text: str) -> Guess:
    """Return which day a text that is not written as one means."""
    plain = _half_width(without_unseen(text, inside=False)).strip(_QUOTES)
    found = _ANY_DAY.fullmatch(plain)
    if found is not None:
        guess = _day_of(found)
        return guess if guess.hint or plain != guess.text else _spoilt(text, guess)
    month = _ANY_MONTH.fullmatch(plain)
    if month is not None:
        return Guess("这是月份，请写明是哪一日")
    if re.fullmatch(r"[0-9]{4}(?:年|)", plain):
        return Guess("这是年份，请写明月和日")
    if _NOT_BY_YEAR.fullmatch(plain):
        return Guess("请按年、月、日的次序写")
    if _SINCE_1970.fullmatch(plain):
        return Guess("像是时间戳，请写日期")
    return Guess()


def _spoilt(text: str, guess: Guess) -> Guess:
    """Return a guess that says which characters are not as they should be."""
    return guess._replace(hint=mended(text, lambda changed: changed == guess.text).hint)


def _day_of(found: re.Match[str]) -> Guess:
    year, *rest = found.groups()[:5]
    month, day = [part for part in rest if part]
    meant = f"{year}-{month:0>2}-{day:0>2}"
    if not _exists(meant):
        return Guess("日历上没有这一天")
    time = found["time"]
    if not time:
        return Guess(text=meant)
    # The same instant is another day elsewhere.
    if _ZONE.search(time) and not _SHANGHAI.search(time):
        return Guess("只写日期，不写时刻；日期按北京时间")
    return Guess("只写日期，不写时刻", meant)


def month_meant(text: str) -> Guess:
    """Return which month a text that is not written as one means."""
    plain = _half_width(without_unseen(text, inside=False)).strip(_QUOTES)
    found = _ANY_MONTH.fullmatch(plain)
    day = _ANY_DAY.fullmatch(plain)
    if found is None and day is None:
        return Guess()
    parts = [part for part in (found or day).groups() if part]  # type: ignore[union-attr]
    meant = f"{parts[0]}-{parts[1]:0>2}"
    if not is_month(meant):
        return Guess("日历上没有这个月")
    if found is None:
        return Guess("只写到月，不写日", meant)
    return Guess(text=meant) if plain != meant else _spoilt(text, Guess(text=meant))


_QUOTES: Final = "'\"`“”‘’,;，；。 "
"""What is copied along with a value."""

_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)

_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID in its 36 characters."""
    return _UUID.fullmatch(text) is not None


def uuid_meant(text: str) -> Guess:
    """Return which UUID a text means that is not written as one."""
    plain = _half_width(without_unseen(text))
    plain = plain.removeprefix("urn:uuid:").strip("{}()\"'")
    digits = plain.replace("-", "")
    if _HEX.fullmatch(digits) is None:
        return Guess("每笔新请求由调用方生成一个")
    parts = (
        digits[at:to] for at, to in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    )
    return Guess("只写 36 个半角字符，分为五段", "-".join(parts))


DAY: Final = TextForm("日期须写作 YYYY-MM-DD", "2026-01-31", is_day, day_meant)

MONTH: Final = TextForm("月份须写作 YYYY-MM", "2026-01", is_month, month_meant)

UUID: Final = TextForm(
    "须为 UUID（36 个字符）",
    "8c2f0b52-3a0e-4a41-8c5b-0a3c33b35a11",
    is_uuid,
    uuid_meant,
)
