"""What a sheet of rules says: a head, and tables of text under Chinese headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Final

from gongji.cities.city import City
from gongji.cities.encoding import encoded
from gongji.kit.check.report import extreme_rows, rule_rows
from gongji.kit.check.tables import reimbursement_tables, reimbursements, rows_of
from gongji.rules.benefits import NoFund, Table
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import Scheme
from gongji.rules.money import yuan
from gongji.rules.phrases import case_named, topic
from gongji.rules.shapes import Benefit, Row
from gongji.rules.terms import TERMS
from gongji.rules.unfolding import unfolded
from gongji.settlement.rows import row_share
from gongji.settlement.split import FundShare, Used, fund_share
from gongji.text.characters import shown

SheetRow = Mapping[str, str]
"""The cells of a row by heading."""

RULES: Final = "规则"
CLAUSES: Final = "条款"
EXAMPLES: Final = "算例"
EFFECTS: Final = "影响"

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    RULES: ("规则", "施行日"),
    CLAUSES: ("条款",),
    EXAMPLES: ("待遇表", "参保人", "政策范围内费用"),
    EFFECTS: ("待遇表", "在职退休", "影响"),
}
"""The tables of a sheet, and by which headings a row is known in another sheet."""

AREA: Final = "医保区划"

EXAMPLES_FEN: Final = (100_00, 1000_00, 10_000_00)
"""The in-scope costs that are worked out, each as the first bill of a year."""


@dataclass(frozen=True, slots=True)
class RulesSheet:
    """A city's rules as printed for signing; `tables` are those of `KEYS`."""

    head: Mapping[str, str]
    tables: Mapping[str, Sequence[SheetRow]]


def sheet_of(city: City, printed_on: date) -> RulesSheet:
    """Return the sheet of a city: all of its rules, whatever day they begin."""
    head = {
        "城市": city.name,
        AREA: city.area_code,
        "插件": city.label,
        "规则摘要": city.rules_digest,
        "打印日": str(printed_on),
    }
    tables = {
        RULES: _rules(city),
        CLAUSES: map(_clause, all_clauses(city)),
        EXAMPLES: _examples(city),
        EFFECTS: _effects(city),
    }
    return RulesSheet(
        head, {name: [*map(_printable, rows)] for name, rows in tables.items()}
    )


def all_clauses(city: City) -> Iterable[Clause]:
    """Return the clauses of a city once each, those of candidates last."""
    of_candidates = chain.from_iterable(c.clauses for c in city.candidates)
    return {
        clause.id: clause for clause in chain(city.clauses(), of_candidates)
    }.values()


def _printable(row: SheetRow) -> SheetRow:
    """Return a row as it is read back: nothing in it that a reader of files loses."""
    return {heading: shown(cell).strip() for heading, cell in row.items()}


def _rules(city: City) -> Iterator[SheetRow]:
    named: list[tuple[str, object]] = [
        (f"{hook} {topic(hook)}", ruled.value)
        for hook, timeline in city.timelines.items()
        for ruled in timeline
    ]
    named += [(f"{c.hook} 候选 {c.name}", c.value) for c in city.candidates]
    for row, (name, value) in zip(rule_rows(city), named, strict=True):
        yield {
            "规则": name,
            "施行日": row["since"],
            "取值": row["in_words"],
            "条款": row["clauses"],
            "相反条款": row["against"],
            "裁定的矛盾": row["settles"],
            "理由": row["why"],
            "层级": row["layer"],
            # Two values may read alike: a phrase leaves out what people need not know.
            "核对码": sha256(encoded(value)).hexdigest()[:12],
        }


def _clause(clause: Clause) -> SheetRow:
    return {
        "条款": clause.id,
        "原文": clause.text,
        "出处": clause.source,
        "等级": TERMS[Grade][clause.grade],
        "核实日": clause.verified_on or "未核实",
    }


def _examples(city: City) -> Iterator[SheetRow]:
    for label, scheme, entry in reimbursements(city):
        for who, share_of in _payers(entry, scheme):
            for in_scope_fen in EXAMPLES_FEN:
                share = share_of(in_scope_fen)
                yield {
                    "待遇表": label,
                    "参保人": who,
                    "政策范围内费用": yuan(in_scope_fen),
                    "起付线": yuan(share.deductible_fen),
                    "统筹支付": yuan(share.fund_fen),
                    "个人负担": yuan(in_scope_fen - share.fund_fen),
                }


def _payers(
    entry: Table | Benefit | NoFund, scheme: Scheme
) -> Iterator[tuple[str, Callable[[int], FundShare]]]:
    """Yield each row of a benefit by its name, with what it pays of a year's first bill."""
    if isinstance(entry, Table):
        for row in rows_of(entry, scheme):
            yield str(row), partial(fund_share, benefit=row.benefit, used=Used())
    elif isinstance(entry, Benefit):
        for values, one in unfolded(entry).items():
            if isinstance(one, Row):
                yield case_named(entry, values), partial(row_share, row=one, read={})


def _effects(city: City) -> Iterator[SheetRow]:
    for label, table in reimbursement_tables(city):
        for row in extreme_rows(label, table):
            yield {
                "待遇表": row["table"],
                "在职退休": row["standing"],
                "影响": row["effect"],
                "就诊": row["visits"],
                "统筹支付": row["fund"],
                "对照": row["against_visits"],
                "对照支付": row["against_fund"],
                "相差": row["difference"],
                "声明": row["declared"],
            }
