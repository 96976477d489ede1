"""What late facts change, and what was settled again: records to messages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any

from gongji.account.late import LateCredit, LatePremium
from gongji.binding.late import LateBinding
from gongji.model.causes import FactBehind
from gongji.model.conditions import Condition
from gongji.model.decided import RuleRef
from gongji.model.refusals import Refusal
from gongji.rpc.convert.refusals import condition_to
from gongji.rpc.convert.settlement import (
    movements_to,
    payer_differences_to,
    write_settlement,
)
from gongji.rpc.convert.values import Sources, clause_to, day_to, instant_to
from gongji.settlement.late import LateSettlement
from gongji.settlement.resettle import SettledAgain
from gongji.v1 import binding_pb2, settlement_pb2
from gongji.v1 import consequence_pb2 as pb


class Consequence:
    """Converts each kind of consequence."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    @singledispatchmethod
    def to(self, late: Any) -> pb.ConsequencesResponse:
        """Return a consequence as a message of the stream."""
        raise TypeError(type(late).__name__)

    @to.register
    def _(self, late: LateSettlement) -> pb.ConsequencesResponse:
        message = pb.ConsequencesResponse()
        part = message.settlement
        write_settlement(late.again.before, self._sources, part.stored)
        if late.again.after is not None:
            write_settlement(late.again.after, self._sources, part.settlement)
        elif late.again.refusal is not None:
            part.refusal.CopyFrom(refusal_to(late.again.refusal))
        part.differences.extend(payer_differences_to(late.differences))
        part.facts.extend(_facts_to(late.facts))
        part.follows = late.follows
        return message

    @to.register
    def _(self, late: LateCredit) -> pb.ConsequencesResponse:
        message = pb.CreditConsequence(
            person_no=late.credit.person_no,
            month=late.credit.month,
            credited_fen=late.credit.fen,
            due_fen=late.due_fen,
            fen=late.fen,
            owed_fen=late.owed_fen,
            facts=_facts_to(late.facts),
        )
        if late.rule is not None:
            rule = self._sources.rule_to(late.area_code, late.rule)
            message.rule.CopyFrom(rule)
        if late.refusal is not None:
            message.refusal.CopyFrom(refusal_to(late.refusal))
        return pb.ConsequencesResponse(credit=message)

    @to.register
    def _(self, late: LatePremium) -> pb.ConsequencesResponse:
        premium = late.premium
        area_code = premium.decided_by.area_code
        message = pb.PremiumConsequence(
            premium_id=premium.premium_id,
            holder=premium.holder,
            member=premium.member,
            year=str(premium.year),
            fen=premium.fen,
            conditions=conditions_to(late.conditions, area_code, self._sources),
            facts=_facts_to(late.facts),
        )
        return pb.ConsequencesResponse(premium=message)

    @to.register
    def _(self, late: LateBinding) -> pb.ConsequencesResponse:
        binding, now = late.binding, late.now
        message = pb.BindingConsequence(
            binding_id=binding.binding_id,
            holder=binding.holder,
            member=binding.member,
            before=binding_pb2.BindingState.ValueType(late.before.state),
            now=binding_pb2.BindingState.ValueType(now.state),
            since=day_to(now.since),
            why=now.why,
            settlement_ids=late.settlement_ids,
            facts=_facts_to(late.facts),
        )
        if now.rule is not None:
            # A number of the member's city is found there.
            area_code = binding.decided_by.area_code
            message.rule.CopyFrom(self._sources.rule_to(area_code, now.rule))
        return pb.ConsequencesResponse(binding=message)


def settled_again_to(again: SettledAgain, sources: Sources) -> pb.SettledAgain:
    """Return a settlement taken back, and what stands in its place."""
    message = pb.SettledAgain(
        refunds=movements_to(again.refunds),
        differences=payer_differences_to(again.differences),
    )
    write_settlement(again.before, sources, message.before)
    if again.after is not None:
        write_settlement(again.after, sources, message.after)
    else:
        message.refusal.reason = again.reason
        message.refusal.message = again.message
        area_code = again.before.area_code
        message.refusal.clauses.extend(sources.clauses_to(area_code, again.clauses))
    return message


def conditions_to(
    conditions: Iterable[tuple[RuleRef, Condition]], area_code: str, sources: Sources
) -> list[pb.UnmetCondition]:
    """Return conditions that are not met, each with its rule."""
    return [
        pb.UnmetCondition(
            rule=sources.rule_to(area_code, rule),
            message=condition.message,
            condition=condition_to(condition),
        )
        for rule, condition in conditions
    ]


def refusal_to(refusal: Refusal) -> settlement_pb2.RecomputationRefusal:
    """Return why something would be refused."""
    return settlement_pb2.RecomputationRefusal(
        reason=refusal.reason(),
        message=refusal.message,
        clauses=map(clause_to, refusal.clauses),
    )


def _facts_to(facts: Iterable[FactBehind]) -> list[pb.FactBehind]:
    return [
        pb.FactBehind(
            record=fact.record,
            decided_on=fact.decided_on,
            known_now=fact.known_now,
            known_from=instant_to(fact.known_from),
            differences=fact.differences,
        )
        for fact in facts
    ]
