"""A benefit of any shape as a clerk reads it: each row one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gongji.rules.benefits import NoFund
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Payer, Standing, VisitKind
from gongji.rules.money import FULL_BP, percent
from gongji.rules.phrases.base import phrase
from gongji.rules.phrases.benefits import level_in_words, money_in_words
from gongji.rules.shapes import (
    Benefit,
    Counted,
    Facet,
    FacetOf,
    Meter,
    Period,
    Row,
    RowChange,
    Upto,
    When,
)

_NAMES: Final[Mapping[FacetOf, Mapping[str, str]]] = {
    FacetOf.STANDING: {one.value: phrase(one) for one in Standing},
    FacetOf.LEVEL: {str(level): level_in_words(level) for level in (1, 2, 3)},
    FacetOf.CLASS: {
        "hospital": "医院",
        "community": "社区卫生服务机构",
        "clinic": "诊所",
        "village": "村卫生室",
        "specialised": "专科医院",
        "dual_channel": "双通道药店",
    },
    FacetOf.CATEGORY: {
        "11": "在职职工",
        "12": "退休人员",
        "13": "离休人员",
        "14": "居民（未成年）",
        "15": "居民（成年）",
        "16": "居民（老年）",
    },
    FacetOf.MARKED_HERE: {"here": "在选定的机构", "elsewhere": "不在选定的机构"},
    FacetOf.VISIT: {kind.name.lower(): phrase(kind) for kind in VisitKind},
    FacetOf.ELSEWHERE: {"home": "参保地", "elsewhere": "异地"},
}

_OTHERS: Final = {
    FacetOf.CLASS: "其他机构",
    FacetOf.CATEGORY: "其他人员",
    FacetOf.VISIT: "其他医疗类别",
}
"""What is none of the values that are told apart."""

_PERIODS: Final = {
    Period.VISIT: "每次",
    Period.DAY: "每日",
    Period.MONTH: "每月",
    Period.YEAR: "一年",
}


def value_in_words(name: str, facet: Facet, value: str) -> str:
    """Return one value of a facet as people read it, such as 70岁及以上."""
    if facet.of is FacetOf.AGE:
        return _age_in_words(facet, value)
    known = _NAMES.get(facet.of, {}).get(value)
    if known is not None:
        return known
    if facet.of in _OTHERS and not value:
        others = [one for one in facet.values if one]
        if len(others) == 1:
            return f"非{value_in_words(name, facet, others[0])}"
        return _OTHERS[facet.of]
    return f"{name}：{value}" if value else f"无{name}"


def _age_in_words(facet: Facet, value: str) -> str:
    place = facet.values.index(value)
    following = facet.values[place + 1 :]
    if not following:
        return f"{value}岁及以上"
    if not place:
        return f"{following[0]}岁以下"
    return f"{value}岁至不满{following[0]}岁"


def when_in_words(benefit: Benefit, when: When) -> str:
    """Return in which cases: "在职、一级或二级", "" if in all."""
    return "、".join(_conditions(benefit, when))


def case_named(benefit: Benefit, values: Sequence[str]) -> str:
    """Return one case by the values of its facets: "在职、三级"."""
    named = zip(benefit.facets, values, strict=True)
    when = {name: frozenset({value}) for name, value in named}
    return when_in_words(benefit, when) or "所有情形"


def _conditions(benefit: Benefit, when: When) -> Iterator[str]:
    for name, facet in benefit.facets.items():
        allowed = when.get(name)
        if allowed is None or allowed >= set(facet.values):
            continue
        words = [value_in_words(name, facet, v) for v in facet.values if v in allowed]
        # Of many the few that are left out are said.
        left_out = [v for v in facet.values if v not in allowed]
        if len(left_out) == 1 and len(facet.values) > len(_FEW):
            yield f"非{value_in_words(name, facet, left_out[0])}"
        else:
            yield "或".join(words)


_FEW: Final = ("one", "other")


def row_in_words(row: Row | NoFund, payer: Payer = Payer.FUND) -> str:
    """Return what a row pays: deductible, bands and limits in one sentence."""
    if isinstance(row, NoFund):
        return f"不予支付（{row.clause.text}）"
    parts = [*_deductibles(row), *_bands(row, payer), *_limits(row)]
    return "，".join(parts)


def _deductibles(row: Row) -> Iterator[str]:
    if not row.deductibles:
        yield "没有起付标准"
    for one in row.deductibles:
        yield f"{_period(one.on)}先自付{money_in_words(one.fen)}{_counted_with(one.on)}"


def _bands(row: Row, payer: Payer) -> Iterator[str]:
    first = True
    for band in row.bands:
        begins = "其后" if first else "再往上"
        first = False
        ratio = f"{begins}付{percent(band.ratio_bp)}"
        if isinstance(band.upto, NoLimit) or row.bands_on is None:
            yield ratio
        elif row.bands_on.of is Counted.PAID:
            who = "基金" if payer is Payer.FUND else phrase(payer)
            period = _unless_a_year(row.bands_on)
            yield f"{ratio}到{period}{who}付满{money_in_words(band.upto)}"
        else:
            period = _unless_a_year(row.bands_on)
            yield f"{ratio}到{period}政策范围内费用满{money_in_words(band.upto)}"


def _limits(row: Row) -> Iterator[str]:
    if not row.limits:
        yield "不封顶"
    for limit in row.limits:
        yield phrase(limit)


def _period(meter: Meter) -> str:
    starts = f"（自{meter.year_starts}月起）" if meter.year_starts != 1 else ""
    return f"{_PERIODS[meter.per]}{starts}"


def _unless_a_year(meter: Meter) -> str:
    return "" if meter.per is Period.YEAR else _period(meter)


def _counted_with(meter: Meter) -> str:
    return f"（与同为{meter.group}的合并计算）" if meter.group else ""


def change_in_words(change: RowChange) -> str:
    """Return what is otherwise: 起付标准减300元."""
    parts = []
    if change.deductible_less_fen:
        parts.append(f"起付标准减{money_in_words(change.deductible_less_fen)}")
    if change.deductible_more_fen:
        parts.append(f"起付标准加{money_in_words(change.deductible_more_fen)}")
    if change.ratio_factor_bp != FULL_BP:
        parts.append(f"支付比例乘以{percent(change.ratio_factor_bp)}")
    if change.ratio_more_bp:
        parts.append(f"支付比例提高{_points(change.ratio_more_bp)}")
    if change.ratio_less_bp:
        parts.append(f"支付比例降低{_points(change.ratio_less_bp)}")
    if change.limit_more_fen:
        parts.append(f"支付限额加{money_in_words(change.limit_more_fen)}")
    return "，".join(parts) or "不变"


def _points(ratio_bp: int) -> str:
    return f"{percent(ratio_bp).removesuffix('%')}个百分点"


def sentences_of(benefit: Benefit, payer: Payer = Payer.FUND) -> Iterator[str]:
    """Yield a sentence for each row and each change, as the guide prints them."""
    for case in benefit.cases:
        when = when_in_words(benefit, case.when) or "所有人"
        yield f"{when}：{row_in_words(case.row, payer)}"
    for change in benefit.changes:
        when = when_in_words(benefit, change.when) or "所有人"
        yield f"{when}：{change_in_words(change)}"


@phrase.register
def _(value: Meter) -> str:
    counted = {
        Counted.BORNE: "起付标准",
        Counted.IN_SCOPE: "政策范围内费用",
        Counted.PAID: "支付",
    }
    return f"{_period(value)}累计{counted[value.of]}{_counted_with(value)}"


@phrase.register
def _(value: Upto) -> str:
    what = "费用限额" if value.on.of is Counted.IN_SCOPE else "支付限额"
    amount = money_in_words(value.fen)
    return f"{_period(value.on)}{what}{amount}{_counted_with(value.on)}"


@phrase.register
def _(value: Row) -> str:
    return row_in_words(value)


@phrase.register
def _(value: RowChange) -> str:
    return change_in_words(value)


@phrase.register
def _(value: Benefit) -> str:
    parts = list(sentences_of(value))
    for further in value.then:
        named = phrase(further.payer)
        parts += [
            f"{named}：{said}" for said in sentences_of(further.benefit, further.payer)
        ]
    parts.append(f"未定级机构按{level_in_words(value.unranked_as)}")
    pharmacy = value.pharmacy
    at = (
        phrase(pharmacy)
        if isinstance(pharmacy, NoFund)
        else f"按{level_in_words(pharmacy)}"
    )
    parts.append(f"定点药店{at}")
    parts.append(f"适用于{phrase(value.covers)}")
    if value.uncovered is not None:
        parts.append(f"其他门诊类别{phrase(value.uncovered)}")
    return "；".join(parts)
