"""How one answer is read: from what somebody typed or a TOML file holds to a value of the rules.

Every reader takes a string, a number, a date or a list, and raises ValueError with a
Chinese sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Final, TypeVar

from gongji.rules.benefits import BonusPoints, Oddity
from gongji.rules.binding import (
    CLOSE,
    DIRECT,
    NO_LIMIT,
    FamilyLimit,
    NoLimit,
    RelationSet,
    Scope,
)
from gongji.rules.channels import (
    ALWAYS,
    AlwaysOpen,
    Asked,
    AtOnce,
    ChannelKind,
    CounterHours,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
    ReviewLatency,
)
from gongji.rules.clauses import Grade
from gongji.rules.codes import Standing
from gongji.rules.money import FULL_BP, fen
from gongji.rules.terms import LEVELS, TERMS

T = TypeVar("T")

Reader = Callable[[Any], Any]

NONE: Final = "无"

UNLIMITED: Final = "不设限"

NOT_PAID: Final = "不支付"

ORIGINAL: Final = "原件"

IF_UNKNOWN: Final = "(查不到关系时)"

RELATIONS: Final[Mapping[str, RelationSet]] = {"直系亲属": DIRECT, "近亲属": CLOSE}

SCOPES: Final = {"同一统筹区": Scope.POOLING_AREA, "全省": Scope.PROVINCE}

KINDS: Final = {TERMS[ChannelKind][kind]: kind for kind in ChannelKind}

CHECKS: Final = {
    "实名认证": IdentityCheck.REAL_NAME,
    "医保电子凭证": IdentityCheck.E_VOUCHER,
    "人脸识别": IdentityCheck.FACE,
    "查验身份证": IdentityCheck.ID_CARD_SEEN,
}

FIELDS: Final = {
    "姓名": MemberField.NAME,
    "身份证号码": MemberField.CERTIFICATE_NUMBER,
    "联系电话": MemberField.PHONE,
    "参保地": MemberField.INSURED_PLACE,
}

MATERIALS: Final = {TERMS[MaterialKind][kind]: kind for kind in MaterialKind}

GRADES: Final = {
    TERMS[Grade][grade]: grade for grade in Grade if grade is not Grade.OPERATOR
}

ODDITIES: Final = {TERMS[Oddity][oddity]: oddity for oddity in Oddity}

_PARTS = re.compile(r"[\s、,，;；]+")

_RATIO = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?%?")

_FAMILY = re.compile(r"(\d{1,2})人?[,，、\s]*(不含|含)(?:授权人)?(?:本人)?")

_HOURS = re.compile(r"工作日\s*(\d{1,2}):(\d{2})\s*[-–至]\s*(\d{1,2}):(\d{2})")

_REVIEW = re.compile(
    r"(核验通过即时[,，;；]?\s*否则)?\s*(?:(\d{1,2})\s*[-–至]\s*)?(\d{1,2})\s*个?工作日(?:内)?"
)


def matching(pattern: str, how: str) -> Reader:
    """A string of that form; `how` says in Chinese what it must be."""

    def read(given: Any) -> str:
        text = str(given).strip()
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{how}, 得到 {text!r}")
        return text

    return read


def chosen(words: Mapping[str, T]) -> Callable[[Any], T]:
    """One of these words."""

    def read(given: Any) -> T:
        if (word := str(given).strip()) not in words:
            raise ValueError(f"可写 {'、'.join(words)}, 得到 {word!r}")
        return words[word]

    return read


def several(words: Mapping[str, T]) -> Callable[[Any], frozenset[T]]:
    """Any of these words; none where it is empty or 无."""
    read_one = chosen(words)
    return lambda given: frozenset(read_one(part) for part in parts(given))


def by_level(read_one: Callable[[str], T]) -> Callable[[Any], dict[int, T]]:
    """A figure for each level, or one for all."""

    def read(given: Any) -> dict[int, T]:
        figures = [read_one(part) for part in parts(given)]
        if len(figures) not in {1, len(LEVELS)}:
            raise ValueError(
                f"须写一个数(各级相同)或三个数({'、'.join(LEVELS.values())}), "
                f"得到 {len(figures)} 个"
            )
        return dict(zip(LEVELS, figures * (len(LEVELS) // len(figures)), strict=True))

    return read


def by_standing(given: Any) -> dict[Standing, int | NoLimit]:
    """A limit for active and one for retired people, or one for both."""
    figures = [amount_or_no_limit(part) for part in parts(given)]
    if len(figures) not in {1, len(Standing)}:
        raise ValueError(
            f"须写一个数(在职退休相同)或两个数(在职、退休), 得到 {len(figures)} 个"
        )
    return dict(zip(Standing, figures * (len(Standing) // len(figures)), strict=True))


def amount(given: Any) -> int:
    """Yuan, not negative, in fen."""
    if (read := fen(str(given).strip().removesuffix("元"))) < 0:
        raise ValueError(f"金额不得为负, 得到 {given}")
    return read


def amount_or_no_limit(given: Any) -> int | NoLimit:
    """Yuan in fen, or 不设限."""
    return NO_LIMIT if str(given).strip() == UNLIMITED else amount(given)


def ratio(given: Any) -> int:
    """A percentage of at most two decimals, in basis points."""
    found = _RATIO.fullmatch(str(given).strip())
    read = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else -1
    if not 0 < read <= FULL_BP:
        raise ValueError(
            f"比例须为大于0、至多100的百分数, 如 60 或 62.5, 得到 {str(given)!r}"
        )
    return read


def retired(given: Any) -> BonusPoints | dict[int, int]:
    """Points above the active ratio, "+5", or a ratio for each level."""
    text = str(given).strip()
    return (
        BonusPoints(above_active_bp=ratio(text[1:]))
        if text.startswith("+")
        else by_level(ratio)(given)
    )


def pharmacy(given: Any) -> int:
    """The level pharmacies count as; 0 where the fund does not pay there."""
    levels = {NOT_PAID: 0} | {word: level for level, word in LEVELS.items()}
    return chosen(levels)(given)


def family_limit(given: Any) -> FamilyLimit | NoLimit:
    """`5人, 不含授权人`, `7人, 含授权人` or 不设限."""
    text = str(given).strip()
    if text == UNLIMITED:
        return NO_LIMIT
    found = _FAMILY.fullmatch(text)
    if found is None or int(found[1]) <= (found[2] == "含"):
        raise ValueError(
            f"须写作“5人, 不含授权人”“7人, 含授权人”或“{UNLIMITED}”, 得到 {text!r}"
        )
    return FamilyLimit(people=int(found[1]), counting_holder=found[2] == "含")


def day(given: Any) -> date:
    """`2025-01-01`, as a TOML date or typed."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(str(given).strip())
    except ValueError:
        raise ValueError(f"须写作 2025-01-01, 得到 {given!r}") from None


def hours(given: Any) -> CounterHours | AlwaysOpen:
    """`24小时` or `工作日 9:00-17:00`."""
    text = str(given).strip()
    if text == "24小时":
        return ALWAYS
    if found := _HOURS.fullmatch(text):
        opens, closes = (
            time(int(found[1]), int(found[2])),
            time(int(found[3]), int(found[4])),
        )
        if opens < closes:
            return CounterHours(opens=opens, closes=closes)
    raise ValueError(f"须写作“24小时”或“工作日 9:00-17:00”, 得到 {text!r}")


def materials(given: Any) -> tuple[MaterialNeed, ...]:
    """Proofs such as `授权人身份证原件`, `结婚证或户口簿`, `户口簿(查不到关系时)`; none
    where it is empty or 无."""
    return tuple(_material(part) for part in parts(given))


def _material(text: str) -> MaterialNeed:
    text = text.replace("（", "(").replace("）", ")")
    name = text.removesuffix(IF_UNKNOWN)
    plain = name.removesuffix(ORIGINAL)
    return MaterialNeed(
        name=plain,
        one_of=tuple(chosen(MATERIALS)(kind) for kind in plain.split("或")),
        original=plain != name,
        asked=Asked.RELATION_NOT_ON_RECORD if name != text else Asked.ALWAYS,
    )


def review(given: Any) -> ReviewLatency:
    """`即时`, `3个工作日`, `1-3个工作日` or `核验通过即时, 否则3个工作日`."""
    text = str(given).strip()
    if text == "即时":
        return ReviewLatency(at_once=AtOnce.ALWAYS)
    found = _REVIEW.fullmatch(text)
    if found is None or not int(found[3]) > 0 or int(found[2] or 0) > int(found[3]):
        raise ValueError(
            f"须写作“即时”“3个工作日”“1-3个工作日”或“核验通过即时, 否则3个工作日”, 得到 {text!r}"
        )
    at_once = AtOnce.IF_CHECKS_PASS if found[1] else AtOnce.NEVER
    return ReviewLatency(
        at_once=at_once,
        working_days=int(found[3]),
        earliest_working_days=int(found[2] or 0),
    )


def parts(given: Any) -> list[str]:
    """The parts of an answer: of a list its members, of a text what stands between
    spaces and commas."""
    if isinstance(given, (list, tuple)):
        return [str(part).strip() for part in given]
    text = str(given).strip()
    return [] if text in {"", NONE} else _PARTS.split(text)
