"""Read one answer, typed or from a TOML file, into a value of the rules.

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

IF_UNKNOWN: Final = "（查不到关系时）"

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
    """Return a reader of a string of that form; `how` says it in Chinese."""

    def read(raw: Any) -> str:
        text = str(raw).strip()
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{how}，得到 {text!r}")
        return text

    return read


def chosen(words: Mapping[str, T]) -> Callable[[Any], T]:
    """Return a reader of one of these words."""

    def read(raw: Any) -> T:
        word = str(raw).strip()
        if word not in words:
            raise ValueError(f"可写 {'、'.join(words)}，得到 {word!r}")
        return words[word]

    return read


def several(words: Mapping[str, T]) -> Callable[[Any], frozenset[T]]:
    """Return a reader of any of these words; of none if it is empty or 无."""
    read_one = chosen(words)
    return lambda raw: frozenset(read_one(part) for part in parts(raw))


def by_level(read_one: Callable[[str], T]) -> Callable[[Any], dict[int, T]]:
    """Return a reader of a figure for each level, or one for all."""

    def read(raw: Any) -> dict[int, T]:
        figures = [read_one(part) for part in parts(raw)]
        if len(figures) == 1:
            return dict.fromkeys(LEVELS, figures[0])
        if len(figures) != len(LEVELS):
            raise ValueError(
                "须写一个数（各级相同）或三个数"
                f"（{'、'.join(LEVELS.values())}），得到 {len(figures)} 个"
            )
        return dict(zip(LEVELS, figures, strict=True))

    return read


def by_standing(raw: Any) -> dict[Standing, int | NoLimit]:
    """Return a limit for active and one for retired people, or one for both."""
    figures = [amount_or_no_limit(part) for part in parts(raw)]
    if len(figures) == 1:
        return dict.fromkeys(Standing, figures[0])
    if len(figures) != len(Standing):
        raise ValueError(
            f"须写一个数（在职退休相同）或两个数（在职、退休），得到 {len(figures)} 个"
        )
    return dict(zip(Standing, figures, strict=True))


def amount(raw: Any) -> int:
    """Return yuan, not negative, in fen."""
    figure = fen(str(raw).strip().removesuffix("元"))
    if figure < 0:
        raise ValueError(f"金额不得为负，得到 {raw}")
    return figure


def amount_or_no_limit(raw: Any) -> int | NoLimit:
    """Return yuan in fen, or 不设限."""
    if str(raw).strip() == UNLIMITED:
        return NO_LIMIT
    return amount(raw)


def ratio(raw: Any) -> int:
    """Return a percentage of at most two decimals, in basis points."""
    match = _RATIO.fullmatch(str(raw).strip())
    figure = 0
    if match:
        whole, decimals = match.groups(default="")
        # By digits, not as a float: 62.55 has no exact one.
        figure = int(whole) * 100 + int(decimals.ljust(2, "0"))
    if not 0 < figure <= FULL_BP:
        raise ValueError(
            f"比例须为大于0、至多100的百分数，如 60 或 62.5，得到 {str(raw)!r}"
        )
    return figure


def retired(raw: Any) -> BonusPoints | dict[int, int]:
    """Return points above the active ratio, "+5", or a ratio for each level."""
    text = str(raw).strip()
    if text.startswith("+"):
        return BonusPoints(above_active_bp=ratio(text[1:]))
    return by_level(ratio)(raw)


def pharmacy(raw: Any) -> int:
    """Return the level pharmacies count as; 0 if the fund does not pay there."""
    levels = {NOT_PAID: 0} | {word: level for level, word in LEVELS.items()}
    return chosen(levels)(raw)


def family_limit(raw: Any) -> FamilyLimit | NoLimit:
    """Return `5人, 不含授权人`, `7人, 含授权人` or 不设限."""
    text = str(raw).strip()
    if text == UNLIMITED:
        return NO_LIMIT
    match = _FAMILY.fullmatch(text)
    if match:
        people = int(match[1])
        counting_holder = match[2] == "含"
        # A limit of one with the holder in it would leave room for nobody.
        if people > counting_holder:
            return FamilyLimit(people=people, counting_holder=counting_holder)
    raise ValueError(
        f"须写作“5人，不含授权人”“7人，含授权人”或“{UNLIMITED}”，得到 {text!r}"
    )


def day(raw: Any) -> date:
    """Return a day such as `2025-01-01`, as a TOML date or typed."""
    # A TOML instant is a date to Python, and has a time nobody would notice.
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    try:
        return date.fromisoformat(str(raw).strip())
    except ValueError:
        raise ValueError(f"须写作 2025-01-01，得到 {raw!r}") from None


def hours(raw: Any) -> CounterHours | AlwaysOpen:
    """Return `24小时` or `工作日 9:00-17:00`."""
    text = str(raw).strip()
    if text == "24小时":
        return ALWAYS
    match = _HOURS.fullmatch(text)
    if match:
        opens = time(int(match[1]), int(match[2]))
        closes = time(int(match[3]), int(match[4]))
        if opens < closes:
            return CounterHours(opens=opens, closes=closes)
    raise ValueError(f"须写作“24小时”或“工作日 9:00-17:00”，得到 {text!r}")


def materials(raw: Any) -> tuple[MaterialNeed, ...]:
    """Return proofs such as `授权人身份证原件`, `结婚证或户口簿`, `户口簿(查不到关系时)`."""
    return tuple(_material(part) for part in parts(raw))


def _material(text: str) -> MaterialNeed:
    # Typed without a Chinese keyboard, brackets are narrow.
    text = text.replace("(", "（").replace(")", "）")
    proof = text.removesuffix(IF_UNKNOWN)
    name = proof.removesuffix(ORIGINAL)
    if_unknown = proof != text
    return MaterialNeed(
        name=name,
        one_of=tuple(chosen(MATERIALS)(kind) for kind in name.split("或")),
        original=name != proof,
        asked=Asked.RELATION_NOT_ON_RECORD if if_unknown else Asked.ALWAYS,
    )


def review(raw: Any) -> ReviewLatency:
    """Return `即时`, `3个工作日`, `1-3个工作日` or `核验通过即时, 否则3个工作日`."""
    text = str(raw).strip()
    if text == "即时":
        return ReviewLatency(at_once=AtOnce.ALWAYS)
    match = _REVIEW.fullmatch(text)
    if match:
        earliest = int(match[2] or 0)
        latest = int(match[3])
        if latest > 0 and earliest <= latest:
            return ReviewLatency(
                at_once=AtOnce.IF_CHECKS_PASS if match[1] else AtOnce.NEVER,
                working_days=latest,
                earliest_working_days=earliest,
            )
    raise ValueError(
        "须写作“即时”“3个工作日”“1-3个工作日”或“核验通过即时，否则3个工作日”，"
        f"得到 {text!r}"
    )


def parts(raw: Any) -> list[str]:
    """Return the members of a list, or what stands between spaces and commas of a text."""
    if isinstance(raw, (list, tuple)):
        return [str(part).strip() for part in raw]
    text = str(raw).strip()
    if text in {"", NONE}:
        return []
    return _PARTS.split(text)
