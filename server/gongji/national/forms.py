"""How the national interface writes a value, and how ours reads it; exact, never float.

An empty number is "0" there, any other empty is ""; null and "" are read as empty,
numbers may come as JSON numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from gongji.model import normal
from gongji.rules.codes import SHANGHAI, EvidenceType, Scheme, VisitKind
from gongji.rules.days import EARLIEST, LATEST
from gongji.text.forms import as_sent
from gongji.v1 import settlement_pb2 as pb


# As FileFaultError: a message that cannot be read, not a program's error.
class NationalFault(ValueError):  # noqa: N818 - see above
    """A message cannot be converted; the sentence names field and value, in Chinese.

    It is one line of bounded length: what it quotes came from outside.
    """

    def __init__(self, sentence: str) -> None:
        shortened = sentence[:_TOLD] + ("…" if len(sentence) > _TOLD else "")
        # Escapes, and what would turn a terminal's line round, are spelt out.
        super().__init__(
            "".join(c if c.isprintable() else _spelt(c) for c in shortened)
        )


def _spelt(character: str) -> str:
    """Return a blank for a line's end, an escape for what cannot be printed."""
    return " " if character.isspace() else ascii(character)[1:-1]


_TOLD: Final = 1000
"""Most characters of a sentence."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a value.

    `read` takes the national value and its field, NationalFault if malformed; `write` ours.
    """

    read: Callable[[object, str], Any]
    write: Callable[[Any], str]


_AMOUNT = re.compile(r"(-?)([0-9]{1,14})(?:\.([0-9]{1,2})0*)?")

_RATIO = re.compile(r"([0-9])(?:\.([0-9]{1,4})0*)?")

_COUNT = re.compile(r"-?[0-9]{1,10}")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")

_UNSEEN: Final = re.compile(f"[ {normal.FILLERS}\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""What is printable to Python and not seen."""

_EXPONENT: Final = 30
"""Numbers further from 1 than this many digits are none of the interface's; spelling
them out could fill the memory."""


_JSON_TYPES: Final = {bool: "真假值", list: "数组", dict: "对象"}
"""What JSON's values that are neither text nor number are called."""


def text_of(value: object, field: str) -> str:
    """Return a JSON text or number as text, digit for digit; null is empty. NationalFault."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # True is an int to Python and no number to the interface.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # JSON's 1e999999999 is a number too.
    spellable = isinstance(value, Decimal) and abs(value.adjusted()) <= _EXPONENT
    if isinstance(value, Decimal) and value.is_finite() and spellable:
        return format(value, "f")
    found = _JSON_TYPES.get(type(value), "过大或过小的数")
    raise NationalFault(f"{field} 应为文本或数字，得到{found}")


def amount(fen: int) -> str:
    """Return fen as N16,2: 123456 → "1234.56"."""
    whole, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{cents:02d}"


def moment_of(value: object, field: str) -> datetime | None:
    """Return the instant of yyyy-MM-dd HH:mm:ss in Shanghai; None if empty. NationalFault."""
    text = text_of(value, field)
    if not text:
        return None
    try:
        # fromisoformat alone accepts other spellings, such as a week of the year.
        if _MOMENT.fullmatch(text):
            at = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
            return _within(at, f"{field}{as_sent(text)}")
    except NationalFault:
        raise
    except ValueError:
        pass
    raise NationalFault(f"{field} 应写作 yyyy-MM-dd HH:mm:ss，得到{as_sent(text)}")


def day_of(value: object, field: str) -> str:
    """Return the day of yyyy-MM-dd HH:mm:ss as yyyy-MM-dd; "" if empty. NationalFault."""
    at = moment_of(value, field)
    return at.date().isoformat() if at else ""


def instant_of(stamp: Timestamp) -> datetime:
    """Return an instant of ours in Shanghai. NationalFault beyond 1900 to 2199."""
    try:
        at = stamp.ToDatetime(SHANGHAI)
    # Nothing keeps a document of ours from an instant near the calendar's end.
    except (ValueError, OverflowError):
        at = None
    return _within(at, "时刻")


def _within(at: datetime | None, what: str) -> datetime:
    """Return an instant a clock may show. NationalFault."""
    if at is None or not EARLIEST <= at < LATEST:
        years = f"{EARLIEST.year} 年至 {LATEST.year - 1} 年"
        # Whoever writes 1900-01-01 00:00:00 in Shanghai means an instant of 1899 there.
        raise NationalFault(f"{what} 须在世界时（UTC）{years}之间")
    return at


def _identifier_of(value: object, field: str) -> str:
    text = text_of(value, field)
    refuse_padding(text, field)
    return text


def _carried_identifier(value: object, field: str) -> object:
    if isinstance(value, str):
        refuse_padding(value, field)
    return value


def refuse_padding(text: str, field: str) -> None:
    """NationalFault at the first character that is a blank, a control or not seen."""
    # hot path: one pass in C for what is letters and digits, however long.
    if text.isprintable() and _UNSEEN.search(text) is None:
        return
    for place, character in enumerate(text, start=1):
        if not normal.shows(character):
            # The place and the character, not the value: it may be an identity number.
            raise NationalFault(
                f"{field} 的第 {place} 个字符是空白或控制字符"
                f"（U+{ord(character):04X}），编号中不得有"
            )


def _amount_of(value: object, field: str) -> int:
    text = text_of(value, field)
    if not text:
        return 0
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise NationalFault(
            f"{field} 不是以元为单位、最多两位小数的金额（N16,2）：{as_sent(text)}"
        )
    sign, whole, cents = match.groups()
    fen = int(whole) * 100 + int((cents or "").ljust(2, "0"))
    return -fen if sign else fen


def _ratio_of(value: object, field: str) -> int:
    text = text_of(value, field)
    if not text:
        return 0
    match = _RATIO.fullmatch(text)
    if match is None:
        raise NationalFault(f"{field} 不是最多四位小数的比例（N5,4）：{as_sent(text)}")
    whole, decimals = match.groups()
    return int(whole) * 10_000 + int((decimals or "").ljust(4, "0"))


def _count_of(value: object, field: str) -> int:
    text = text_of(value, field)
    if not text:
        return 0
    if _COUNT.fullmatch(text) is None:
        raise NationalFault(f"{field} 不是整数（N10）：{as_sent(text)}")
    return int(text)


def _day_of(value: object, field: str) -> str:
    text = text_of(value, field)
    try:
        if not text or (_DAY.fullmatch(text) and date.fromisoformat(text)):
            return text
    except ValueError:
        pass
    raise NationalFault(f"{field} 应写作 yyyy-MM-dd，得到{as_sent(text)}")


def _stamp_of(value: object, field: str) -> Timestamp | None:
    at = moment_of(value, field)
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _stamp(stamp: Timestamp | None) -> str:
    """Return the text; whole seconds, the national field holds no more."""
    if stamp is None:
        return ""
    at = instant_of(stamp).replace(tzinfo=None)
    return at.isoformat(" ", "seconds")


def _coded(codes: dict[str, int], nothing: int | None = 0) -> Form:
    """Return the form of a closed list; of several codes for one of ours the first is written."""
    # Reversed, so that of several codes for one value the first in the list wins.
    first = {proto: code for code, proto in reversed(codes.items())}

    def read(value: object, field: str) -> int | None:
        text = text_of(value, field)
        if text and text not in codes:
            raise NationalFault(
                f"{field} 没有代码{as_sent(text)}；可用 {'、'.join(codes)}"
            )
        return codes[text] if text else nothing

    return Form(read, lambda proto: first.get(proto, ""))


ANY: Final = Form(lambda value, _: value, str)
"""A value nobody here looks at."""

TEXT: Final = Form(text_of, str)

ID: Final = Form(_identifier_of, str)
"""An identifier: a text without blanks and control characters."""

ANY_ID: Final = Form(_carried_identifier, str)
"""An identifier nobody here looks at, which may also be a number or absent."""


def _in_head(form: Form) -> Form:
    """Return a form whose value is also a text, or a number, of bounded length."""

    def read(value: object, field: str) -> Any:
        if len(text_of(value, field)) > LONGEST_IN_HEAD:
            raise NationalFault(f"{field} 超过 {LONGEST_IN_HEAD} 个字符")
        return form.read(value, field)

    return Form(read, form.write)


LONGEST_IN_HEAD: Final = 2000
"""Characters of a field of the head: those of the longest, dev_safe_info."""

HEAD_TEXT: Final = _in_head(ANY)

HEAD_ID: Final = _in_head(ID)

HEAD_ANY_ID: Final = _in_head(ANY_ID)

AMOUNT: Final = Form(_amount_of, amount)
"""N16,2 in yuan ↔ fen."""

RATIO: Final = Form(_ratio_of, lambda bp: f"{bp // 10_000}.{bp % 10_000:04d}")
"""N5,4 ↔ basis points."""

COUNT: Final = Form(_count_of, str)

DAY: Final = Form(_day_of, str)

MOMENT: Final = Form(_stamp_of, _stamp)
"""yyyy-MM-dd HH:mm:ss in Shanghai ↔ Timestamp."""

SCHEME: Final = _coded({str(s.value): s.value for s in Scheme})
"""insutype; only the schemes settled here."""

VISIT: Final = _coded(
    {**{str(v.value): v.value for v in VisitKind}, "1301": VisitKind.EMERGENCY}
)
"""med_type; 1301 急诊抢救 is an emergency."""

USE: Final = _coded(
    {"0": pb.ACCOUNT_USE_NONE, "1": pb.ACCOUNT_USE_OWN, "2": pb.ACCOUNT_USE_CITY_ORDER}
)
"""acct_used_flag."""

EVIDENCE: Final = _coded({f"{kind:02d}": int(kind) for kind in EvidenceType})
"""mdtrt_cert_type."""

REFUND: Final = _coded({"0": False, "1": True}, nothing=False)
"""refd_setl_flag of a row: 1 is a reverse row."""

STANDING: Final = _coded({"0": True, "1": False}, nothing=False)
"""refd_setl_flag of totals: 0 counts what stands, 1 reversals too."""

BALANCED: Final = _coded({"0": True, "1": False}, nothing=None)
"""stmt_rslt: 0 equal (平), 1 different (不平)."""
