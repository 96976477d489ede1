"""The lines of a row of any shape: fund.v2 of `trace`, and how it is said in Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from gongji.model.settlement import Line
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Payer
from gongji.rules.money import FULL_BP, Rounding, percent, yuan
from gongji.rules.phrases import in_words
from gongji.rules.shapes import Band, Meter, Row, Upto
from gongji.rules.terms import TERMS
from gongji.settlement.entitlement import FundTerms
from gongji.settlement.fund import FundPaid, FurtherPaid
from gongji.settlement.meters import meter_of, meters_of, name_of
from gongji.settlement.rows import Readings, row_share
from gongji.settlement.split import FundShare

FORMULA: Final = "fund.v2"

OF_FURTHER: Final = "further.v1"

ROUNDING_BP: Final = {Rounding.HALF_UP: FULL_BP // 2, Rounding.DOWN: 0}

ROUNDING_OF: Final = {added: rounding for rounding, added in ROUNDING_BP.items()}


def fund_line_of_row(in_scope_fen: int, terms: FundTerms, paid: FundPaid) -> Line:
    """Return what the fund pays by a row, recomputed from its inputs by anybody."""
    row = terms.benefit
    if not isinstance(row, Row):
        msg = "a line of a row needs one"
        raise TypeError(msg)
    sentence = _row_in_words(in_scope_fen, row, paid.read, paid.share, "统筹基金")
    return Line(
        fen=paid.share.fund_fen,
        payer=Payer.FUND,
        rule=terms.rule,
        formula=FORMULA,
        inputs=_inputs_of(in_scope_fen, row, paid.read, Payer.FUND)
        | _inputs_elsewhere(terms),
        in_words=elsewhere_in_words(terms, sentence),
    )


def further_lines(further: Iterable[FurtherPaid]) -> list[Line]:
    """Return what each further payer pays of what was left in scope."""
    lines = []
    for one in further:
        payer, row = one.terms.payer, one.terms.row
        named = TERMS[Payer][payer]
        lines.append(
            Line(
                fen=one.share.fund_fen,
                payer=payer,
                rule=one.terms.rule,
                formula=OF_FURTHER,
                inputs=_inputs_of(one.left_fen, row, one.read, payer),
                in_words=_row_in_words(one.left_fen, row, one.read, one.share, named),
            )
        )
    return lines


def elsewhere_in_words(terms: FundTerms, sentence: str) -> str:
    """Return the sentence on the fund's part, with why the ratio is not that at home."""
    if terms.elsewhere is None:
        return sentence
    at_home = "、".join(map(percent, terms.home_ratios_bp))
    return f"{sentence}；异地就医{in_words(terms.elsewhere)}，参保地为 {at_home}"


def _inputs_of(
    in_scope_fen: int, row: Row, read: Readings, payer: Payer
) -> dict[str, int]:
    inputs = {"in_scope": in_scope_fen, "rounding_bp": ROUNDING_BP[row.rounding]}
    for one in row.deductibles:
        inputs[f"deductible:{name_of(one.on, payer)}"] = one.fen
    for one in row.limits:
        inputs[f"limit:{name_of(one.on, payer)}"] = one.fen
    if row.bands_on is not None:
        inputs[f"bands:{name_of(row.bands_on, payer)}"] = len(row.bands)
    for place, band in enumerate(row.bands, start=1):
        inputs[f"band{place}_bp"] = band.ratio_bp
        # No figure can stand for "no limit": an input that is left out does.
        if not isinstance(band.upto, NoLimit):
            inputs[f"band{place}_upto"] = band.upto
    inputs |= {
        f"read:{name_of(meter, payer)}": read[meter]
        for meter in meters_of(row)
        if meter in read
    }
    return inputs


def row_inputs(line: Line) -> tuple[int, Row, dict[Meter, int]] | None:
    """Return the amount in scope, the row and the readings behind a line of fund.v2.

    None of any other line.
    """
    if line.formula != FORMULA:
        return None
    inputs = line.inputs
    row = Row(
        bands=tuple(_bands(inputs)),
        deductibles=tuple([Upto(fen, on) for on, fen in _named(inputs, "deductible")]),
        bands_on=next((on for on, _ in _named(inputs, "bands")), None),
        limits=tuple([Upto(fen, on) for on, fen in _named(inputs, "limit")]),
        rounding=ROUNDING_OF[inputs["rounding_bp"]],
    )
    return inputs["in_scope"], row, dict(_named(inputs, "read"))


def _bands(inputs: dict[str, int]) -> Iterator[Band]:
    place = 1
    while f"band{place}_bp" in inputs:
        upto = inputs.get(f"band{place}_upto", NO_LIMIT)
        yield Band(inputs[f"band{place}_bp"], upto)
        place += 1


def _named(inputs: dict[str, int], role: str) -> Iterator[tuple[Meter, int]]:
    """Yield the meters that inputs of a role name, with their figures."""
    for name, fen in inputs.items():
        said, _, meter = name.partition(":")
        if said == role:
            yield meter_of(meter), fen


def _inputs_elsewhere(terms: FundTerms) -> dict[str, int]:
    fund = terms.elsewhere
    if fund is None:
        return {}
    home = enumerate(terms.home_ratios_bp, start=1)
    return {
        **{f"home{place}_bp": ratio for place, ratio in home},
        "factor_bp": fund.factor_bp,
        "less_bp": fund.less_bp,
    }


def _row_in_words(
    in_scope_fen: int, row: Row, read: Readings, share: FundShare, payer: str
) -> str:
    ratios = "、".join(dict.fromkeys(percent(band.ratio_bp) for band in row.bands))
    by_band = f"分段按 {ratios} " if len(row.bands) > 1 else f"按 {ratios} "
    return (
        f"政策范围内 {yuan(in_scope_fen)} 元，"
        f"扣除起付标准 {yuan(share.deductible_fen)} 元后"
        f"{by_band}由{payer}支付 {yuan(share.fund_fen)} 元"
        f"{_limited_by(in_scope_fen, row, read)}"
    )


def _limited_by(in_scope_fen: int, row: Row, read: Readings) -> str:
    """Return which limit made it less, "" if none did."""
    reached = [one for one in row.limits if _binds(one.on, in_scope_fen, row, read)]
    if not reached:
        return ""
    names = "、".join(in_words(one) for one in reached)
    return f"（以{names}为限）"


def _binds(meter: Meter, in_scope_fen: int, row: Row, read: Readings) -> bool:
    """Return whether more would be paid without the limit on a meter."""
    others = [one for one in row.limits if one.on != meter]
    without = replace(row, limits=tuple(others))
    return row_share(in_scope_fen, without, read) != row_share(in_scope_fen, row, read)
