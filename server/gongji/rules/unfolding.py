"""From the cases and changes of a benefit to exactly one row for each case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Final, TypeAlias

from gongji.rules.benefits import NoFund
from gongji.rules.money import FULL_BP, Rounding, share
from gongji.rules.shapes import Band, Benefit, Counted, Row, RowChange, Upto, When

MOST_CASES: Final = 4096
"""Cases a benefit may have: each is unfolded when a plugin is loaded, and proved."""

Values: TypeAlias = tuple[str, ...]
"""The value of each facet, in the order in which a benefit declares them."""


class NotUnfoldable(ValueError):  # noqa: N818 - a finding about a plugin
    """A case has no row, or several; the message names it in Chinese."""


def cases_of(benefit: Benefit) -> Iterator[Values]:
    """Yield every combination of the values of its facets."""
    yield from product(*[facet.values for facet in benefit.facets.values()])


def named(benefit: Benefit, values: Values) -> dict[str, str]:
    """Return the values of a case by the names of the facets."""
    return dict(zip(benefit.facets, values, strict=True))


def applies(when: When, case: Mapping[str, str]) -> bool:
    """Return whether a condition holds in a case."""
    return all(case.get(name) in allowed for name, allowed in when.items())


def rows_of_case(benefit: Benefit, values: Values) -> list[Row | NoFund]:
    """Return what the benefit says of a case: one row if it says it well."""
    case = named(benefit, values)
    changes = [change for change in benefit.changes if applies(change.when, case)]
    return [
        _changed(one.row, changes) for one in benefit.cases if applies(one.when, case)
    ]


def unfolded(benefit: Benefit) -> Mapping[Values, Row | NoFund]:
    """Return the row of each case. NotUnfoldable."""
    # By identity: a benefit holds mappings and cannot be hashed.
    kept = _kept.get(id(benefit))
    if kept is None or kept[0] is not benefit:
        kept = (benefit, _unfolded(benefit))
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[id(benefit)] = kept
    return kept[1]


_MOST_KEPT: Final = 256

_kept: dict[int, tuple[Benefit, Mapping[Values, Row | NoFund]]] = {}
"""What was unfolded, with the benefit itself: so no other can have its address."""


def _unfolded(benefit: Benefit) -> dict[Values, Row | NoFund]:
    rows: dict[Values, Row | NoFund] = {}
    for values in cases_of(benefit):
        found = rows_of_case(benefit, values)
        if len(found) != 1:
            how = "没有一行" if not found else f"有 {len(found)} 行"
            raise NotUnfoldable(
                f"{case_in_words(benefit, values)}：{how}待遇，须恰好一行"
            )
        rows[values] = found[0]
    return rows


def case_in_words(benefit: Benefit, values: Values) -> str:
    """Return a case as a plugin writes it: 人员=retired、级别=3."""
    case = named(benefit, values)
    return (
        "、".join(f"{name}={value or '无'}" for name, value in case.items()) or "全部"
    )


def _changed(row: Row | NoFund, changes: list[RowChange]) -> Row | NoFund:
    """Return a row after the changes of its case; what is not paid stays so."""
    if isinstance(row, NoFund):
        return row
    for change in changes:
        row = replace(
            row,
            deductibles=tuple([_shifted(one, change) for one in row.deductibles]),
            bands=tuple([_rated(band, change) for band in row.bands]),
            limits=tuple([_raised(limit, change) for limit in row.limits]),
            clauses=row.clauses + change.clauses,
        )
    return row


def _shifted(deductible: Upto, change: RowChange) -> Upto:
    fen = deductible.fen + change.deductible_more_fen - change.deductible_less_fen
    return replace(deductible, fen=max(0, fen))


def _rated(band: Band, change: RowChange) -> Band:
    part = share(band.ratio_bp, change.ratio_factor_bp, Rounding.HALF_UP)
    ratio = part + change.ratio_more_bp - change.ratio_less_bp
    return replace(band, ratio_bp=min(FULL_BP, max(0, ratio)))


def _raised(limit: Upto, change: RowChange) -> Upto:
    if limit.on.of is not Counted.PAID:
        return limit
    return replace(limit, fen=limit.fen + change.limit_more_fen)
