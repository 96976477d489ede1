"""Collect what `gongji check` says of a city, as rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gongji.cities.city import City
from gongji.cities.installed import plugins
from gongji.kit.check.extremes import extremes, visits_in_words
from gongji.kit.check.findings import Finding
from gongji.kit.check.purity import impurities
from gongji.kit.check.rerun import varieties
from gongji.rules.benefits import Table
from gongji.rules.clauses import Candidate, Clause, Ruled
from gongji.rules.codes import Standing
from gongji.rules.hookspecs import CityRules, question
from gongji.rules.money import yuan
from gongji.rules.phrases import in_words
from gongji.rules.terms import TERMS

REIMBURSEMENT = CityRules.reimbursement.__name__

RULE_COLUMNS = (
    "hook",
    "since",
    "in_words",
    "clauses",
    "against",
    "settles",
    "why",
    "layer",
)

EXTREME_COLUMNS = (
    *("table", "standing", "effect", "visits", "fund"),
    *("against_visits", "against_fund", "difference", "declared"),
)

PROBLEM_COLUMNS = ("table", "problem")

REFUSED_COLUMNS = ("plugin", "problem")

PROOF_COLUMNS = ("periods", "situations", "tables")

EFFECTS = {
    "order_fen": "次序",
    "splitting_loses_fen": "拆分而少付",
    "splitting_gains_fen": "拆分而多付",
}


def purity_findings(pinyin: str) -> Iterator[Finding]:
    """Yield what the source of a plugin shows, then what two runs show beside it."""
    for value in _values(pinyin):
        in_source = list(impurities(value.partition(":")[0]))
        yield from in_source
        # What stands in the source shows in the runs as well: it is told once.
        in_source_keys = {(finding.kind, finding.situation) for finding in in_source}
        for finding in varieties(value):
            if (finding.kind, finding.situation) not in in_source_keys:
                yield finding


def source_findings(pinyin: str) -> Iterator[Finding]:
    """Yield what the source of a plugin shows; nothing of it is run."""
    for value in _values(pinyin):
        yield from impurities(value.partition(":")[0])


def _values(pinyin: str) -> Iterable[str]:
    """Return what the entry points of a city name."""
    # One that cannot be run has said why where it was refused.
    named = [p for p in plugins() if p.name == pinyin and not p.fault]
    return dict.fromkeys(plugin.value for plugin in named)


def extreme_rows(label: str, table: Table) -> Iterator[dict[str, str]]:
    """Yield what order and splitting can do to bills under a table, by standing."""
    effects = table.effects
    for standing in Standing:
        for name, extreme in extremes(table, standing).items():
            yield {
                "table": label,
                "standing": TERMS[Standing][standing],
                "effect": EFFECTS[name],
                "visits": visits_in_words(extreme.visits),
                "fund": yuan(extreme.fund_fen),
                "against_visits": visits_in_words(extreme.against),
                "against_fund": yuan(extreme.against_fen),
                "difference": yuan(extreme.fen),
                "declared": yuan(getattr(effects, name)) if effects else "—",
            }


def rule_rows(city: City) -> Iterator[dict[str, str]]:
    """Yield every rule value of a city with its dates and clauses, candidates last."""
    for hook, timeline in city.timelines.items():
        for value in timeline:
            yield _rule_row(city, hook, value)
    for candidate in city.candidates:
        yield _candidate_row(candidate)


def _rule_row(
    city: City,
    hook: str,
    value: Ruled[object],
) -> dict[str, str]:
    # A value older than the city's first day is asked for on that day at the earliest.
    day = max(value.since, city.first_day)
    return {
        "hook": f"{hook} {question(hook)}",
        "since": str(value.since),
        "in_words": in_words(value.value),
        "clauses": _ids(value.clauses),
        "against": _ids(value.against),
        "settles": "、".join(contradiction.id for contradiction in value.settles),
        "why": value.why,
        "layer": "省级" if city.rules(day).provincial(hook) else city.name,
    }


def _candidate_row(candidate: Candidate) -> dict[str, str]:
    return {
        "hook": f"{candidate.hook}（候选 {candidate.name}）",
        "since": "—",
        "in_words": in_words(candidate.value),
        "clauses": _ids(candidate.clauses),
        "against": "",
        "settles": "",
        "why": candidate.why_not,
        "layer": "候选",
    }


def _ids(clauses: tuple[Clause, ...]) -> str:
    return "、".join(clause.id for clause in clauses)
