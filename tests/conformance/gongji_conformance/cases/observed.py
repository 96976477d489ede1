"""What came of a step, in the words of a case."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from gongji.v1 import (
    account_pb2,
    binding_pb2,
    filing_pb2,
    settlement_pb2,
    types_pb2,
)

from gongji_conformance.city import words
from gongji_conformance.city.stubs import CallRefused

Observed = dict[str, Any]
"""By the keys of an expectation, amounts as text, and the service's sentence."""
SENTENCE: Final = "说明"


def of_refusal(refused: CallRefused) -> Observed:
    """Return a refusal in the words of a case."""
    unmet = {number for unmet in refused.conditions for number in unmet.clauses}
    observed: Observed = {
        "refused": refused.reason or refused.code,
        "clauses": refused.clauses | unmet,
        "conditions": frozenset(unmet.hook for unmet in refused.conditions),
        SENTENCE: refused.message,
    }
    if opening := refused.metadata.get("next_opening"):
        observed["opens"] = words.written(datetime.fromisoformat(opening))
    return observed


def of_binding(binding: binding_pb2.Binding) -> Observed:
    """Return a binding in the words of a case."""
    observed: Observed = {
        "state": words.STATES[binding.state],
        "clauses": _cited(binding.rules),
        SENTENCE: binding.reason,
    }
    if binding.HasField("review_due_at"):
        due = binding.review_due_at.ToDatetime(tzinfo=words.SHANGHAI)
        observed["due"] = words.written(due)
    return observed


def of_settlement(settlement: settlement_pb2.Settlement) -> Observed:
    """Return a settlement in the words of a case."""
    own_fen = settlement.account_fen - settlement.aid_fen
    return {
        "deductible": words.yuan(settlement.deductible_fen),
        "ratio": words.percent(settlement.ratio_bp),
        "fund": words.yuan(settlement.fund_fen),
        "own": words.yuan(own_fen),
        "aid": words.yuan(settlement.aid_fen),
        "cash": words.yuan(settlement.cash_fen),
        "clauses": _cited(line.rule for line in settlement.lines),
        SENTENCE: "; ".join(line.in_words for line in settlement.lines),
    }


def of_credit(answer: account_pb2.CreditResponse) -> Observed:
    """Return a credit in the words of a case."""
    return {
        "credited": words.yuan(answer.fen),
        "clauses": _cited([answer.rule]),
    }


def of_filing(filing: filing_pb2.Filing) -> Observed:
    """Return a filing in the words of a case."""
    return {"clauses": _cited([filing.rule])}


def _cited(rules: Iterable[types_pb2.RuleRef]) -> frozenset[str]:
    return frozenset(clause.id for rule in rules for clause in rule.clauses)
