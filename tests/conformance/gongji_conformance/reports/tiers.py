"""铜 银 金 铂: computed from the rules below, each on a page of its own in tests/conformance/tiers; never declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

import msgspec
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance.reports.evidence import DECIDING, FULL_BP, Evidence
from gongji_conformance.verdicts.verdict import Verdict

LASTS: Final = timedelta(days=180)
"""How long a tier holds, at most."""
FRESH: Final = timedelta(days=365)
"""How long ago a clause may have been held against its source."""
ENOUGH_BP: Final = 95_00
"""How many of the changed figures the cases must notice, in basis points."""
_HELD: Final = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})
MOST: Final = 8
"""Names listed of what is missing."""


class Tier(IntEnum):
    """What a city has reached; each includes those below."""

    NONE = 0
    BRONZE = 1
    SILVER = 2
    GOLD = 3
    PLATINUM = 4

    @property
    def in_words(self) -> str:
        """As people read it."""
        return ("未达标", "铜", "银", "金", "铂")[self]


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a tier: its page's name, the sentence, and what is still missing, "" where nothing is."""

    id: str
    tier: Tier
    says: str
    missing: Callable[[Evidence], str]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said of a city; `missing` is empty where it is met."""

    id: str
    tier: str
    says: str
    met: bool
    missing: str = ""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The tier of a city, the last day it holds, and every rule."""

    tier: str
    name: str
    until: date | None
    findings: list[Finding]


def _core(evidence: Evidence) -> str:
    return _listed(found.id for found in evidence.core if found.verdict not in _HELD)


def _clauses(evidence: Evidence) -> str:
    return _listed(rule.hook for rule in evidence.rules.rules if not _grounded(rule))


def _grounded(rule: city_pb2.RuleValue) -> bool:
    """Whether a figure rests on a sentence: of a source, or assumed with a reason that is given."""
    if any(not (clause.id and clause.text and clause.source) for clause in rule.clauses):
        return False
    if any(clause.grade != types_pb2.CLAUSE_GRADE_ASSUMPTION for clause in rule.clauses):
        return True
    return bool(rule.clauses and rule.why)


def _verified(evidence: Evidence) -> str:
    stale = [rule.hook for rule in evidence.rules.rules if _sourced(rule) and not _fresh(rule, evidence.today)]
    unseen = {clause.id for clause in _documents(evidence) if not _seen(clause, evidence.today)}
    return _listed(stale) or _listed(sorted(unseen))


def _sourced(rule: city_pb2.RuleValue) -> bool:
    return any(clause.grade in DECIDING for clause in rule.clauses)


def _fresh(rule: city_pb2.RuleValue, today: date) -> bool:
    return any(clause.grade in DECIDING and _seen(clause, today) for clause in rule.clauses)


def _documents(evidence: Evidence) -> Iterator[types_pb2.Clause]:
    for rule in evidence.rules.rules:
        yield from (clause for clause in rule.clauses if clause.grade == types_pb2.CLAUSE_GRADE_DOCUMENT)


def _seen(clause: types_pb2.Clause, today: date) -> bool:
    """Whether somebody held it against its source, not too long ago and not in the future."""
    return bool(clause.verified_on) and today - FRESH <= date.fromisoformat(clause.verified_on) <= today


def _check(evidence: Evidence) -> str:
    return evidence.checked


def _hooks(evidence: Evidence) -> str:
    return _listed(evidence.uncovered_hooks)


def _mutation(evidence: Evidence) -> str:
    found = evidence.mutated
    if found is None:
        return "没有给出变异测试的结果(--gongji-mutation)"
    if not (found.whole and found.digest) or found.digest != evidence.plugin.digest:
        return "变异测试的结果属于插件的另一份文件, 或只是抽样, 请重新运行"
    if found.ratio_bp < ENOUGH_BP:
        percent = f"{found.ratio_bp // 100}.{found.ratio_bp % 100:02d}%"
        return f"案例只察觉 {percent} 的改动, 须 {ENOUGH_BP * 100 // FULL_BP}%; 未察觉 {len(found.survived)} 处"
    return ""


RULES: Final = (
    Rule("core-passes", Tier.BRONZE, "core 规范的每条规矩和本市的每个案例都通过或不适用", _core),
    Rule("figures-have-clauses", Tier.SILVER, "每个取值都有条款; 只凭推定的写明理由", _clauses),
    Rule("sources-verified", Tier.SILVER, "取值所依据的条款在一年之内与原文核对过", _verified),
    Rule("check-passes", Tier.GOLD, "gongji check 通过: 待遇表已证明, 插件只依规则作答", _check),
    Rule("hooks-exercised", Tier.GOLD, "本市自己回答的每个钩子都有案例用到", _hooks),
    Rule("figures-pinned", Tier.PLATINUM, "逐个改动数字, 案例察觉其中 95% 以上", _mutation),
)


def reached(evidence: Evidence) -> Reached:
    """The highest tier whose rules and those of every tier below are met; nothing else is asked of a run in part."""
    if told := _partial(evidence):
        return Reached(tier="unrated", name="未评", until=None, findings=[_finding(RULES[0], told)])
    findings = [_finding(rule, rule.missing(evidence)) for rule in RULES]
    gaps = [rule.tier for rule, finding in zip(RULES, findings, strict=True) if not finding.met]
    tier = Tier(min(gaps, default=Tier.PLATINUM + 1) - 1)
    until = _until(evidence, tier) if tier else None
    return Reached(tier=tier.name.lower(), name=tier.in_words, until=until, findings=findings)


def _partial(evidence: Evidence) -> str:
    """What of core was not run; "" where all of it was."""
    if evidence.whole and not evidence.missing:
        return ""
    return "core 没有测全" + (f": {_listed(evidence.missing)}" if evidence.missing else "")


def _finding(rule: Rule, missing: str) -> Finding:
    return Finding(id=rule.id, tier=rule.tier.name.lower(), says=rule.says, met=not missing, missing=missing)


def _until(evidence: Evidence, tier: Tier) -> date:
    """The last day: half a year from now, or before the first source goes stale on which the tier rests."""
    days = [evidence.today + LASTS]
    if tier >= Tier.SILVER:
        days += [date.fromisoformat(clause.verified_on) + FRESH for clause in _documents(evidence)]
    return min(days)


def _listed(names: Iterable[str]) -> str:
    given = list(dict.fromkeys(names))
    return "、".join(given[:MOST]) + (f" 等 {len(given)} 项" if len(given) > MOST else "")
