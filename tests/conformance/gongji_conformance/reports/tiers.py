"""Tiers (铜 银 金 铂): computed from the rules below, never declared.

Each rule has a page of its own in tests/conformance/tiers.
"""

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
MAX_LISTED: Final = 8
"""Names listed of what is missing."""
_HELD: Final = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})


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

    @property
    def key(self) -> str:
        """As programs read it."""
        return self.name.lower()


@dataclass(
    frozen=True,
    slots=True,
)
class TierRule:
    """One condition of a tier: its page's name, the sentence, what is missing."""

    id: str
    tier: Tier
    says: str
    missing: Callable[[Evidence], str]
    """Returns what of it a city lacks, "" if nothing."""

    def finding(self, missing: str) -> Finding:
        """Return what it says of a city that lacks this."""
        return Finding(
            id=self.id,
            tier=self.tier.key,
            says=self.says,
            met=not missing,
            missing=missing,
        )


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said of a city; `missing` is empty if it is met."""

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


# --- rules ------------------------------------------------------------------------


def _core(evidence: Evidence) -> str:
    """List results that do not hold."""
    results = evidence.core
    return _listed(result.id for result in results if result.verdict not in _HELD)


def _clauses(evidence: Evidence) -> str:
    """List rules without a source or a reason."""
    rules = evidence.rules.rules
    return _listed(rule.hook for rule in rules if not _grounded(rule))


def _grounded(rule: city_pb2.RuleValue) -> bool:
    """Say whether a figure rests on a source, or is assumed with a given reason."""
    complete = all(
        clause.id and clause.text and clause.source for clause in rule.clauses
    )
    assumption = types_pb2.CLAUSE_GRADE_ASSUMPTION
    sourced = any(clause.grade != assumption for clause in rule.clauses)
    assumed = bool(rule.clauses and rule.why)
    return complete and (sourced or assumed)


def _verified(evidence: Evidence) -> str:
    """List rules, else documents, not verified of late."""
    today = evidence.today
    rules = evidence.rules.rules
    stale = [rule.hook for rule in rules if _stale(rule, today)]
    unverified = {
        clause.id for clause in _documents(evidence) if not _fresh(clause, today)
    }
    return _listed(stale) or _listed(sorted(unverified))


def _stale(rule: city_pb2.RuleValue, today: date) -> bool:
    """Say whether none of the clauses that may decide it was verified of late."""
    deciding = [clause for clause in rule.clauses if clause.grade in DECIDING]
    fresh = [clause for clause in deciding if _fresh(clause, today)]
    return bool(deciding) and not fresh


def _documents(evidence: Evidence) -> Iterator[types_pb2.Clause]:
    """Yield the clauses that stand in a document."""
    for rule in evidence.rules.rules:
        for clause in rule.clauses:
            if clause.grade == types_pb2.CLAUSE_GRADE_DOCUMENT:
                yield clause


def _fresh(clause: types_pb2.Clause, today: date) -> bool:
    """Say whether it was verified, not too long ago and not in the future."""
    if not clause.verified_on:
        return False
    return today - FRESH <= date.fromisoformat(clause.verified_on) <= today


def _check(evidence: Evidence) -> str:
    return evidence.checked


def _hooks(evidence: Evidence) -> str:
    return _listed(evidence.uncovered_hooks)


def _mutation(evidence: Evidence) -> str:
    """Say what a mutation run lacks."""
    run = evidence.mutated
    if run is None:
        return "没有以选项 mutation 给出变异测试的结果"
    # A sample, or other files than those that ran, prove nothing of these.
    digest = run.digest if run.whole else ""
    if not digest or digest != evidence.plugin.digest:
        return "变异测试的结果属于插件的另一份文件，或只是抽样，请重新运行"
    if run.ratio_bp >= ENOUGH_BP:
        return ""
    noticed = f"{run.ratio_bp // 100}.{run.ratio_bp % 100:02d}%"
    survived = len(run.survived)
    enough = ENOUGH_BP * 100 // FULL_BP
    return f"案例只察觉 {noticed} 的改动，须 {enough}%；未察觉 {survived} 处"


RULES: Final = (
    TierRule(
        "core-passes",
        Tier.BRONZE,
        "core 规范的每条规矩和本市的每个案例都通过或不适用",
        _core,
    ),
    TierRule(
        "figures-have-clauses",
        Tier.SILVER,
        "每个取值都有条款；只凭推定的写明理由",
        _clauses,
    ),
    TierRule(
        "sources-verified",
        Tier.SILVER,
        "取值所依据的条款在一年之内与原文核对过",
        _verified,
    ),
    TierRule(
        "check-passes",
        Tier.GOLD,
        "gongji check 通过：待遇表已证明，插件只依规则作答",
        _check,
    ),
    TierRule(
        "hooks-exercised",
        Tier.GOLD,
        "本市自己回答的每个钩子都有案例用到",
        _hooks,
    ),
    TierRule(
        "figures-pinned",
        Tier.PLATINUM,
        "逐个改动数字，案例察觉其中 95% 以上",
        _mutation,
    ),
)


# --- the tier ---------------------------------------------------------------------


def reached(evidence: Evidence) -> Reached:
    """Return the highest tier whose rules and those of all below are met.

    Of a run in part only the first rule is asked: it has no tier.
    """
    if gap := _partial(evidence):
        finding = RULES[0].finding(gap)
        return Reached(
            tier="unrated",
            name="未评",
            until=None,
            findings=[finding],
        )
    findings = [rule.finding(rule.missing(evidence)) for rule in RULES]
    tier = _tier(findings)
    until = _until(evidence, tier) if tier else None
    return Reached(
        tier=tier.key,
        name=tier.in_words,
        until=until,
        findings=findings,
    )


def _tier(findings: list[Finding]) -> Tier:
    """Return the tier below the lowest rule that is not met."""
    unmet = [
        rule.tier
        for rule, finding in zip(RULES, findings, strict=True)
        if not finding.met
    ]
    if unmet:
        return Tier(min(unmet) - 1)
    return Tier.PLATINUM


def _partial(evidence: Evidence) -> str:
    """Return what of core was not run, "" if all of it was."""
    if evidence.whole and not evidence.not_run:
        return ""
    names = f": {_listed(evidence.not_run)}" if evidence.not_run else ""
    return f"core 没有测全{names}"


def _until(evidence: Evidence, tier: Tier) -> date:
    """Return the last day: half a year from now, or before a source goes stale."""
    days = [evidence.today + LASTS]
    # Bronze does not rest on sources.
    if tier >= Tier.SILVER:
        verified = [clause.verified_on for clause in _documents(evidence)]
        days += [date.fromisoformat(day) + FRESH for day in verified]
    return min(days)


def _listed(names: Iterable[str]) -> str:
    """List names once each, the first few by name."""
    unique = list(dict.fromkeys(names))
    text = "、".join(unique[:MAX_LISTED])
    if len(unique) > MAX_LISTED:
        text += f" 等 {len(unique)} 项"
    return text
