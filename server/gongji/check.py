"""What `gongji check` says of a city: rule values with their sources, extremes of its tables, problems, the proof."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from gongji import findings
from gongji.benefits import Table
from gongji.cities import ENTRY_POINTS, City, load_cities
from gongji.codes import Standing
from gongji.extremes import extremes, problems_of_effects, visits_in_words
from gongji.findings import Finding
from gongji.hookspecs import CityRules, question
from gongji.money import yuan
from gongji.proof import prove, prove_plugin
from gongji.purity import impurities
from gongji.rerun import varieties
from gongji.terminal import Terminal
from gongji.terms import PHRASES
from gongji.words import in_words

REIMBURSEMENT = CityRules.reimbursement.__name__

RULE_COLUMNS = ("hook", "since", "in_words", "clauses", "against", "settles", "why", "layer")
EXTREME_COLUMNS = (
    *("table", "standing", "effect", "visits", "fund"),
    *("against_visits", "against_fund", "difference", "declared"),
)
PROBLEM_COLUMNS = ("table", "problem")
REFUSED_COLUMNS = ("plugin", "problem")
PROOF_COLUMNS = ("periods", "situations", "tables")

EFFECTS = {"order_fen": "次序", "splitting_loses_fen": "拆分而少付", "splitting_gains_fen": "拆分而多付"}


def run(terminal: Terminal, name: str, *, strict: bool = False) -> bool:
    """Checks the city people call so and prints everything; False where it must not serve, or not by `strict`.

    CityNotServed where there is no plugin for it.
    """
    loaded = load_cities()
    refused = [r for r in loaded.refused if r.pinyin == name]
    if refused:
        rows = [{"plugin": r.plugin, "problem": line} for r in refused for line in r.problem.splitlines()]
        terminal.table("refused_plugins", rows, REFUSED_COLUMNS)
        found = [*_missing_rows(name), *_impure(name)]
        if found:
            terminal.table("findings", (f.row(coded=terminal.as_json) for f in found), findings.COLUMNS)
        return False
    city = loaded.named(name)
    passed = show(terminal, city)
    proof = prove(city)
    terminal.table("proof", [{column: getattr(proof, column) for column in PROOF_COLUMNS}], PROOF_COLUMNS)
    found = [*proof.findings, *_impure(city.pinyin)]
    if found or terminal.as_json:
        terminal.table("findings", (f.row(coded=terminal.as_json) for f in found), findings.COLUMNS)
    return passed and findings.passes(found, strict=strict)


def _entries(pinyin: str) -> dict[str, metadata.EntryPoint]:
    """The entry points of that name, by what they name; a distribution seen twice is one."""
    return {entry.value: entry for entry in metadata.entry_points(group=ENTRY_POINTS, name=pinyin)}


def _impure(pinyin: str) -> Iterator[Finding]:
    """What the source of a plugin shows, then what two runs show beside it."""
    for value in _entries(pinyin):
        seen = list(impurities(value.partition(":")[0]))
        yield from seen
        known = {(finding.kind, finding.situation) for finding in seen}
        yield from (finding for finding in varieties(value) if (finding.kind, finding.situation) not in known)


def _missing_rows(pinyin: str) -> Iterator[Finding]:
    """What the proof says of a plugin that cannot serve, where it can be imported."""
    for entry in _entries(pinyin).values():
        try:
            plugin = entry.load()
        except (Exception, SystemExit):  # noqa: BLE001, S112 - why it cannot be imported has been told
            continue
        if proof := prove_plugin(plugin):
            yield from proof.findings


def show(terminal: Terminal, city: City) -> bool:
    """Prints it all; False where something is wrong."""
    terminal.table("rules", _rule_rows(city), RULE_COLUMNS)
    tables = list(_tables(city))
    rows = [row for label, table in tables for row in _extreme_rows(label, table)]
    if rows:
        terminal.table("extremes", rows, EXTREME_COLUMNS)
    problems = [{"table": label, "problem": told} for label, table in tables for told in problems_of_effects(table)]
    if problems:
        terminal.table("problems", problems, PROBLEM_COLUMNS)
    return not problems


def _tables(city: City) -> Iterator[tuple[str, Table]]:
    """Every reimbursement table of a city under a name people know; candidates last."""
    dated = [(f"自 {value.since} 起", value.value) for value in city.timelines[REIMBURSEMENT]]
    revised = [(f"候选 {c.name}", c.value) for c in city.candidates if c.hook == REIMBURSEMENT]
    for label, by_scheme in dated + revised:
        for scheme, entry in by_scheme.items():
            if isinstance(entry, Table):
                yield f"{REIMBURSEMENT} {label}: {PHRASES[type(scheme)][scheme]}", entry


def _extreme_rows(label: str, table: Table) -> Iterator[dict[str, str]]:
    for standing in Standing:
        for name, extreme in extremes(table, standing).items():
            yield {
                "table": label,
                "standing": PHRASES[Standing][standing],
                "effect": EFFECTS[name],
                "visits": visits_in_words(extreme.visits),
                "fund": yuan(extreme.fund_fen),
                "against_visits": visits_in_words(extreme.against),
                "against_fund": yuan(extreme.against_fen),
                "difference": yuan(extreme.fen),
                "declared": yuan(getattr(table.effects, name)) if table.effects else "—",
            }


def _rule_rows(city: City) -> Iterator[dict[str, str]]:
    """Every rule value of a city with its dates and clauses; candidates last."""
    for hook, timeline in city.timelines.items():
        for value in timeline:
            layer = "省级" if city.rules(max(value.since, city.first_day)).provincial(hook) else city.name
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
