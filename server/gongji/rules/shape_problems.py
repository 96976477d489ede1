"""What no benefit can mean, each a Chinese sentence: facets, rows, meters, payers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import prod
from typing import Final

from gongji.rules.benefits import NoFund
from gongji.rules.binding import NoLimit
from gongji.rules.codes import CARE_CLASSES, FURTHER_PAYERS, Payer, Standing, VisitKind
from gongji.rules.money import FULL_BP
from gongji.rules.shapes import (
    Benefit,
    Counted,
    Facet,
    FacetOf,
    Meter,
    Period,
    Row,
    When,
)
from gongji.rules.unfolding import (
    MOST_CASES,
    case_in_words,
    cases_of,
    rows_of_case,
    unfolded,
)

_LEVELS: Final = frozenset({"1", "2", "3"})

_ONLY: Final = {
    FacetOf.STANDING: frozenset(one.value for one in Standing),
    FacetOf.LEVEL: _LEVELS,
    FacetOf.MARKED_HERE: frozenset({"here", "elsewhere", ""}),
    FacetOf.ELSEWHERE: frozenset({"home", "elsewhere"}),
}
"""Facets whose values are all given: each must be told apart."""

_NAMED: Final = {
    FacetOf.VISIT: ("医疗类别", frozenset(kind.name.lower() for kind in VisitKind)),
    FacetOf.CLASS: ("机构类别", frozenset(CARE_CLASSES)),
}
"""Facets whose values are names, with all there are."""

_MOST_GAPS: Final = 3
"""Cases named of those without a row, or with several."""

_MONTHS: Final = 12


def problems_of_benefit(benefit: Benefit) -> Iterator[str]:
    """Yield what no benefit can mean, its facets first."""
    problems = [*_problems_of_facets(benefit), *_problems_of_conditions(benefit)]
    if problems:
        # Cases cannot be told before the facets are right.
        yield from problems
        return
    gaps = list(islice(_gaps(benefit), _MOST_GAPS))
    yield from gaps
    for one in benefit.cases:
        if isinstance(one.row, Row):
            yield from (*_problems_of_bands(one.row), *_problems_of_amounts(one.row))
    if not gaps:
        yield from _problems_of_meters(benefit)
    yield from _problems_of_payers(benefit)
    levels = {"unranked_as": benefit.unranked_as, "pharmacy": benefit.pharmacy}
    for name, level in levels.items():
        if isinstance(level, int) and str(level) not in _LEVELS:
            yield f"{name} 须为级别 1、2 或 3"


def _problems_of_facets(benefit: Benefit) -> Iterator[str]:
    for name, facet in benefit.facets.items():
        if not facet.values or len(set(facet.values)) < len(facet.values):
            yield f"{name}：各取值至少一个，不重复"
        yield from (f"{name}：{problem}" for problem in _problems_of_values(facet))
        marked = facet.of in {FacetOf.MARK, FacetOf.MARKED_HERE}
        if marked is not bool(facet.mark):
            yield f"{name}：标识（mark）只在按标识区分时写，且必须写"
    cases = prod(len(facet.values) for facet in benefit.facets.values())
    if cases > MOST_CASES:
        yield f"共 {cases} 种情形，至多 {MOST_CASES} 种"


def _problems_of_values(facet: Facet) -> Iterator[str]:
    whole = _ONLY.get(facet.of)
    if whole is not None and set(facet.values) != whole:
        values = "、".join(value or "（无）" for value in sorted(whole))
        yield f"须恰好区分 {values}"
    elif facet.of is FacetOf.AGE:
        yield from _problems_of_ages(facet.values)
    elif facet.of in _NAMED:
        named, known = _NAMED[facet.of]
        unknown = "、".join(sorted(set(facet.values) - known - {""}))
        if unknown:
            yield f"没有{named} {unknown}"
    # Anybody may have no mark, another category or an institution of no class.
    if whole is None and facet.of is not FacetOf.AGE and "" not in facet.values:
        yield '须有取值 ""，表示其余的'


def _problems_of_ages(values: tuple[str, ...]) -> Iterator[str]:
    if not all(value.isdecimal() and value.isascii() for value in values):
        yield "年龄写整岁"
    elif list(map(int, values)) != sorted({0, *map(int, values)}):
        yield "年龄从 0 起递增"


def _problems_of_conditions(benefit: Benefit) -> Iterator[str]:
    conditions = [case.when for case in benefit.cases]
    for when in (*conditions, *[change.when for change in benefit.changes]):
        yield from _problems_of_when(benefit, when)


def _problems_of_when(benefit: Benefit, when: When) -> Iterator[str]:
    for name, values in when.items():
        facet = benefit.facets.get(name)
        if facet is None:
            yield f"when 写了没有声明的 {name}"
            continue
        unknown = sorted(values - set(facet.values))
        if unknown or not values:
            told = "、".join(value or "（无）" for value in unknown) or "（空）"
            yield f"when 的 {name} 没有取值 {told}"


def _gaps(benefit: Benefit) -> Iterator[str]:
    for values in cases_of(benefit):
        found = len(rows_of_case(benefit, values))
        if found != 1:
            how = "没有一行待遇" if not found else f"有 {found} 行待遇"
            yield f"{case_in_words(benefit, values)}：{how}，须恰好一行"


def _problems_of_bands(row: Row) -> Iterator[str]:
    if not row.bands:
        yield "一行至少一段支付比例"
        return
    if any(band.ratio_bp > FULL_BP for band in row.bands):
        yield "支付比例超过 100%"
    *inner, last = row.bands
    ends = [band.upto for band in inner if not isinstance(band.upto, NoLimit)]
    bounded = not isinstance(last.upto, NoLimit)
    if bounded or len(ends) < len(inner) or ends != sorted(set(ends)):
        yield "各段支付比例的止处须递增，只有最后一段没有止处"
    on = row.bands_on
    if inner and (on is None or on.of is Counted.BORNE):
        yield "几段支付比例须写明按费用还是按支付额分段（bands_on）"
    elif on and on.of is Counted.PAID and not all(band.ratio_bp for band in inner):
        yield "按支付额分段的，除最后一段外比例须大于 0，否则到不了下一段"
    if not inner and on is not None:
        yield "只有一段支付比例的不写 bands_on"


def _problems_of_amounts(row: Row) -> Iterator[str]:
    if any(one.on.of is Counted.PAID for one in row.deductibles):
        yield "起付标准按费用或已付的起付标准累计，不按支付额"
    if any(one.on.of is Counted.BORNE for one in row.limits):
        yield "支付限额按支付额或费用累计，不按起付标准"
    for amounts in (row.deductibles, row.limits):
        if len({one.on for one in amounts}) < len(amounts):
            yield "同一行里同一累计的起付标准或限额只写一次"


def _problems_of_meters(benefit: Benefit) -> Iterator[str]:
    """Yield meters that no year can have, and groups whose meters disagree."""
    of_group: dict[tuple[Counted, str], Meter] = {}
    for meter in _meters(benefit):
        starts = meter.year_starts
        if not 1 <= starts <= _MONTHS or (starts != 1 and meter.per is not Period.YEAR):
            yield "year_starts 须为 1 至 12，只用于按年累计"
        if "/" in meter.group or "." in meter.group:
            yield "累计的 group 不得含有 / 或 ."
        if meter.group:
            first = of_group.setdefault((meter.of, meter.group), meter)
            if first != meter:
                yield f"同为 {meter.group} 的累计须同一周期、同一起始月"


def _meters(benefit: Benefit) -> Iterator[Meter]:
    for row in unfolded(benefit).values():
        if isinstance(row, NoFund):
            continue
        for one in (*row.deductibles, *row.limits):
            yield one.on
        if row.bands_on is not None:
            yield row.bands_on


def _problems_of_payers(benefit: Benefit) -> Iterator[str]:
    payers = [further.payer for further in benefit.then]
    if len(set(payers)) < len(payers):
        yield "同一支付方只写一次"
    for further in benefit.then:
        if further.payer not in FURTHER_PAYERS:
            names = "、".join(payer.name for payer in FURTHER_PAYERS)
            yield f"其后的支付方须为 {names} 之一，得到 {Payer(further.payer).name}"
        if further.benefit.then:
            yield "其后的支付方各写在第一层，不再嵌套"
