"""What `gongji check` says of a city: rule values with their sources, extremes of its
tables, problems, the proof."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from gongji.cities.city import City
from gongji.cities.loading import ENTRY_POINTS
from gongji.kit.check.extremes import extremes, visits_in_words
from gongji.kit.check.findings import Finding
from gongji.kit.check.proof import prove_plugin
from gongji.kit.check.purity import impurities
from gongji.kit.check.rerun import varieties
from gongji.rules.benefits import Table
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


def _entries(pinyin: str) -> dict[str, metadata.EntryPoint]:
    """The entry points of that name, by what they name; a distribution seen twice is one."""
    return {
        entry.value: entry
        for entry in metadata.entry_points(group=ENTRY_POINTS, name=pinyin)
    }


def purity_findings(pinyin: str) -> Iterator[Finding]:
    """What the source of a plugin shows, then what two runs show beside it."""
    for value in _entries(pinyin):
        seen = list(impurities(value.partition(":")[0]))
        yield from seen
        known = {(finding.kind, finding.situation) for finding in seen}
        yield from (
            finding
            for finding in varieties(value)
            if (finding.kind, finding.situation) not in known
        )


def missing_row_findings(pinyin: str) -> Iterator[Finding]:
    """What the proof says of a plugin that cannot serve, where it can be imported."""
    for entry in _entries(pinyin).values():
        try:
            plugin = entry.load()
        except (Exception, SystemExit):  # noqa: BLE001, S112 - why it cannot be imported has been told
            continue
        if proof := prove_plugin(plugin):
            yield from proof.findings


def reimbursement_tables(city: City) -> Iterator[tuple[str, Table]]:
    """Every reimbursement table of a city under a name people know; candidates last."""
    dated = [
        (f"自 {value.since} 起", value.value) for value in city.timelines[REIMBURSEMENT]
    ]
    revised = [
        (f"候选 {c.name}", c.value) for c in city.candidates if c.hook == REIMBURSEMENT
    ]
    for label, by_scheme in dated + revised:
        for scheme, entry in by_scheme.items():
            if isinstance(entry, Table):
                yield f"{REIMBURSEMENT} {label}: {TERMS[type(scheme)][scheme]}", entry


def extreme_rows(label: str, table: Table) -> Iterator[dict[str, str]]:
    """Return what order and splitting can do to bills under a table, by standing."""
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
                "declared": yuan(getattr(table.effects, name))
                if table.effects
                else "—",
            }


def rule_rows(city: City) -> Iterator[dict[str, str]]:
    """Every rule value of a city with its dates and clauses; candidates last."""
    for hook, timeline in city.timelines.items():
        for value in timeline:
            layer = (
                "省级"
                if city.rules(max(value.since, city.first_day)).provincial(hook)
                else city.name
            )
            yield {
                "hook": f"{hook} {question(hook)}",
                "since": str(value.since),
                "in_words": in_words(value.value),
                "clauses": "、".join(c.id for c in value.clauses),
                "against": "、".join(c.id for c in value.against),
                "settles": "、".join(x.id for x in value.settles),
                "why": value.why,
                "layer": layer,
            }
    for candidate in city.candidates:
        yield {
            "hook": f"{candidate.hook} (候选 {candidate.name})",
            "since": "—",
            "in_words": in_words(candidate.value),
            "clauses": "、".join(c.id for c in candidate.clauses),
            "against": "",
            "settles": "",
            "why": candidate.why_not,
            "layer": "候选",
        }
