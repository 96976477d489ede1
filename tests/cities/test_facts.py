"""Every fact of the two source documents is cited, every contradiction settled, every
figure as the documents say.

The facts carry stable numbers: A (the Anqing document), C (the Chuzhou page), H (its
paragraphs on Huangshan). Gaps in the numbering are meant; C14 is derived from C2 to C13
by reading them together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gongji_anqing
import gongji_chuzhou
import gongji_huangshan
import pytest
from gongji.cities import anhui
from gongji.cities.anhui import assumptions, clauses
from gongji.rules.benefits import NoFund, Table
from gongji.rules.clauses import (
    Candidate,
    Clause,
    Contradiction,
    Grade,
    Ruled,
    clauses_in,
)
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import DATED_HOOKS
from gongji.rules.money import FULL_BP
from gongji_anqing import clauses as anqing_clauses
from gongji_chuzhou import clauses as chuzhou_clauses
from gongji_huangshan import clauses as huangshan_clauses

PLUGINS: dict[str, ModuleType] = {
    "province": anhui,
    "anqing": gongji_anqing,
    "chuzhou": gongji_chuzhou,
    "huangshan": gongji_huangshan,
}
CLAUSE_MODULES = {
    assumptions: "province",
    clauses: "province",
    anqing_clauses: "anqing",
    chuzhou_clauses: "chuzhou",
    huangshan_clauses: "huangshan",
}

FACTS = {
    "A": [(1, 44)],
    "C": [(1, 14), (21, 31), (53, 53), (55, 84), (86, 89), (99, 102)],
    "H": [(1, 3), (5, 13)],
}
"""The numbers in use, as spans; C61b stands beside C61."""

NO_RULE = {
    "A2": "the page's year; A6 and C53 say since when (X12)",
    "A4": "a claimed effect of the policy (better use of funds); nothing follows from it",
    "A7": "what binding means, in other words; A3 and A9 say who and A10 what for",
    "A44": "a closing claim that binding is widespread",
    "C1": "the page's year; C53 says since when (X12)",
    "C83": "an opinion on advantages",
    "C84": "an opinion: less money is credited; C55 to C57 are the rule",
    "C87": "an opinion on deductible and cap; C58 and C62 are the rule",
    "C88": "an opinion on uneven implementation",
    "C89": "the page's hint that it replaces no doctor",
    "C102": "the date of the page's related paragraphs",
    "H1": "an introductory sentence: to query, know how to bind",
    "H5": "the paragraph names another city than its title asks for (X13)",
    "H9": "cut off in the source",
}
"""Facts that are no rule, and why."""

TEXT_ONLY = {"X12", "X13", "X19", "X20", "X21"}
"""Contradictions that only words settle, or that compare versions: a clause against
them may be missing."""


def numbers() -> set[str]:
    """Every fact's number."""
    spans = (
        (letter, first, last)
        for letter, parts in FACTS.items()
        for first, last in parts
    )
    return {
        f"{letter}{n}" for letter, first, last in spans for n in range(first, last + 1)
    } | {"C61b"}


@dataclass(frozen=True)
class Answer:
    """One value of one hook of one plugin."""

    plugin: str
    hook: str
    ruled: Ruled[Any]


def answers() -> Iterator[Answer]:
    """Every value of every hook of the province and the three cities."""
    for name, module in PLUGINS.items():
        for hook in DATED_HOOKS:
            if answer := getattr(module, hook, None):
                yield from (Answer(name, hook, value) for value in answer())


ANSWERS = tuple(answers())
CANDIDATES: tuple[tuple[str, Candidate], ...] = tuple(
    (name, revision)
    for name, module in PLUGINS.items()
    for revision in module.candidates()
)
DEFINED = [v for module in CLAUSE_MODULES for v in vars(module).values()]


def test_every_fact_is_cited_or_explained() -> None:
    """A fact carries a rule value or a sentence of the guide, or stands in the list
    with its reason, never both."""
    cited = {
        clause.id
        for a in ANSWERS
        for clause in clauses_in((a.ruled.value, a.ruled.clauses))
    }
    assert set(NO_RULE) == numbers() - cited


def test_no_clause_names_a_fact_that_is_not_there() -> None:
    """Every A, C or H clause has the number of a fact."""
    defined = {v.id for v in DEFINED if isinstance(v, Clause) and v.id[0] in FACTS}
    assert set() == defined - numbers()


def test_every_clause_number_has_one_text() -> None:
    """Packages that cite the same clause cite the same sentence, source and grade."""
    texts = {v for v in DEFINED if isinstance(v, Clause)}
    twice = [
        number for number, count in Counter(v.id for v in texts).items() if count > 1
    ]
    assert twice == []


def test_every_contradiction_has_one_text() -> None:
    """Packages that settle the same contradiction describe it the same way."""
    texts = {v for v in DEFINED if isinstance(v, Contradiction)}
    assert {f"X{n}" for n in range(1, 22)} == {v.id for v in texts}
    assert len(texts) == 21


@pytest.mark.parametrize("module", CLAUSE_MODULES, ids=lambda m: m.__name__)
def test_no_clause_is_idle(module: ModuleType) -> None:
    """Whatever a clauses module defines, its rules, notes or candidates use."""
    owner = CLAUSE_MODULES[module]
    rules = [answer.ruled for answer in ANSWERS if answer.plugin == owner]
    candidates = [candidate for city, candidate in CANDIDATES if city == owner]
    used = {clause.id for clause in clauses_in((rules, candidates))}
    for rule in rules:
        used |= {contradiction.id for contradiction in rule.settles}
    for name, value in vars(module).items():
        if isinstance(value, Clause | Contradiction):
            assert value.id in used, name


@pytest.mark.parametrize("number", [f"X{n}" for n in range(1, 22)])
def test_every_contradiction_is_settled(number: str) -> None:
    """A contradiction names the value it fixes, with clauses for and against and the
    reason, which names it."""
    settling = [a.ruled for a in ANSWERS if number in {x.id for x in a.ruled.settles}]
    assert settling
    for ruled in settling:
        assert ruled.clauses
        assert ruled.against or number in TEXT_ONLY
        assert number in re.findall(r"X\d+", ruled.why)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: f"{a.plugin}.{a.hook}")
def test_unconfirmed_sources_decide_nothing_alone(answer: Answer) -> None:
    """A value rests on a document, an official source or a named assumption;
    unconfirmed pages only add to it."""
    assert {c.grade for c in answer.ruled.clauses} - {Grade.UNCONFIRMED}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: f"{a.plugin}.{a.hook}")
def test_whatever_is_opposed_is_explained(answer: Answer) -> None:
    """Where a clause speaks against a value, the value says why it stands."""
    assert answer.ruled.why or not answer.ruled.against


def test_documents_name_their_line() -> None:
    """A clause of a document names the document and the line; other sources are marked
    as retold."""
    for clause in (v for v in DEFINED if isinstance(v, Clause)):
        if clause.grade is Grade.DOCUMENT:
            assert re.search(r" 第\d+行$", clause.source), clause.id
            assert clause.id[0] in "ACH"
        if clause.id.startswith("S"):
            assert clause.grade in {Grade.OFFICIAL, Grade.UNCONFIRMED}, clause.id
            assert clause.text.startswith("转述"), clause.id


# --- figures --------------------------------------------------------------------------

YUAN = 100
V1 = ((800, 800, 800), (60, 55, 50), (65, 60, 55), (2000, 2000))
V2 = ((200, 400, 400), (60, 50, 50), (70, 60, 60), (2000, 3000))
V2_PRIME = ((200, 400, 400), (60, 55, 50), (65, 60, 55), (2000, 3000))
"""Yuan and per cent by level, active and retired, as the documents and the candidates'
sources print them."""


def figures(table: Table) -> tuple[tuple[int, ...], ...]:
    """A table's deductibles and caps in yuan and its ratios in per cent."""
    ratios = [
        tuple(table.ratio_of(standing, level) // 100 for level in (1, 2, 3))
        for standing in Standing
    ]
    deductibles = tuple(table.deductible_fen[level] // YUAN for level in (1, 2, 3))
    caps = tuple(int(str(table.cap_fen[standing])) // YUAN for standing in Standing)
    return (deductibles, *ratios, caps)


def employee_table(value: Any) -> Table:
    """The employee scheme's table of a reimbursement value."""
    table = value[Scheme.EMPLOYEE]
    assert isinstance(table, Table)
    return table


def candidate(city: str, name: str) -> Candidate:
    """The candidate of that name."""
    return next(c for owner, c in CANDIDATES if owner == city and c.name == name)


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param("province", id="the province, C58-C62"),
        pytest.param("chuzhou", id="Chuzhou, C58-C62"),
    ],
)
def test_tables_in_force_are_the_documents(plugin: str) -> None:
    """800 yuan; 60, 55, 50 %; retired 5 points more; 2000 yuan a year."""
    (ruled,) = PLUGINS[plugin].reimbursement()
    assert figures(employee_table(ruled.value)) == V1
    assert isinstance(ruled.value[Scheme.RESIDENT], NoFund)


@pytest.mark.parametrize(
    ("city", "name", "expected"),
    [
        pytest.param("chuzhou", "V2", V2, id="Chuzhou V2 (S6)"),
        pytest.param("anqing", "V2", V2, id="Anqing V2 (S6)"),
        pytest.param("huangshan", "V2", V2, id="Huangshan V2 (S4)"),
        pytest.param("huangshan", "V2'", V2_PRIME, id="Huangshan V2' (S6)"),
    ],
)
def test_candidate_tables_are_as_their_sources_print_them(
    city: str, name: str, expected: tuple[tuple[int, ...], ...]
) -> None:
    """200, 400, 400 yuan; the ratios and caps of each source."""
    revision = candidate(city, name)
    clauses = [c for c in revision.clauses if c.grade is Grade.UNCONFIRMED]
    source = "S4" if (city, name) == ("huangshan", "V2") else "S6"
    assert expected == figures(employee_table(revision.value))
    assert {source} == {clause.id for clause in clauses}


def test_only_anqings_candidate_pays_at_pharmacies() -> None:
    """The fund pays nothing at pharmacies but under Anqing's V2, as at level 1 (S6)."""
    pharmacies = {}
    for city, candidate in CANDIDATES:
        if candidate.hook == "reimbursement":
            table = employee_table(candidate.value)
            pharmacies[city, candidate.name] = table.pharmacy
    for answer in ANSWERS:
        if answer.hook == "reimbursement":
            table = employee_table(answer.ruled.value)
            pharmacies[answer.plugin, ""] = table.pharmacy
    paying = {k: p for k, p in pharmacies.items() if not isinstance(p, NoFund)}
    assert {("anqing", "V2"): 1} == paying


def test_no_ratio_exceeds_one_hundred_per_cent() -> None:
    """Every ratio of every table and candidate is at most 10000 basis points."""
    values = [a.ruled.value for a in ANSWERS if a.hook == "reimbursement"]
    values += [c.value for _, c in CANDIDATES if c.hook == "reimbursement"]
    ratios = [
        employee_table(v).ratio_of(standing, level)
        for v in values
        for standing in Standing
        for level in (1, 2, 3)
    ]
    assert max(ratios) <= FULL_BP
    assert min(ratios) >= 0


def test_candidates_say_what_is_known_against_them() -> None:
    """Each candidate has a name of its own in its city, sources and a reason why it is
    not in force."""
    names = Counter((city, c.name) for city, c in CANDIDATES)
    assert {1} == set(names.values())
    assert all(c.clauses and c.why_not for _, c in CANDIDATES)
