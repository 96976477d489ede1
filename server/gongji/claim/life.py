"""The states of a claim (手工结算), and the step that leads from each to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final

from msgspec.structs import replace

from gongji.model.claim import Claim, ClaimEvent
from gongji.model.claim_refusals import ClaimNotFound
from gongji.model.facts import Facts
from gongji.model.refusals import IllegalTransition
from gongji.rules.codes import ClaimState
from gongji.rules.terms import TERMS


class ClaimStep(Enum):
    """What is done with a claim, in Chinese."""

    PASS_ON = "初审通过"  # noqa: S105 - a step, no password
    RETURN = "退回"
    PAY = "支付"
    REFUSE = "不予支付"
    WITHDRAW = "撤回"


# No claim expires: that its deadline passes is not the fault of whoever waits.
TRANSITIONS: Final[Mapping[tuple[ClaimState, ClaimStep], ClaimState]] = {
    (ClaimState.SUBMITTED, ClaimStep.PASS_ON): ClaimState.REVIEWED,
    (ClaimState.SUBMITTED, ClaimStep.RETURN): ClaimState.RETURNED,
    (ClaimState.SUBMITTED, ClaimStep.WITHDRAW): ClaimState.WITHDRAWN,
    (ClaimState.REVIEWED, ClaimStep.PAY): ClaimState.PAID,
    (ClaimState.REVIEWED, ClaimStep.REFUSE): ClaimState.REFUSED,
    (ClaimState.REVIEWED, ClaimStep.WITHDRAW): ClaimState.WITHDRAWN,
}
"""The state each step leads to; a step that is absent is refused."""


def moved(
    facts: Facts, claim_id: str, step: ClaimStep, *, who: str, why: str = ""
) -> Claim:
    """Return the claim after a step. ClaimNotFound, IllegalTransition."""
    claim = facts.get(Claim, claim_id)
    if claim is None:
        raise claim_not_found(claim_id)
    state = TRANSITIONS.get((claim.state, step))
    if state is None:
        starts = [TERMS[ClaimState][start] for start, of in TRANSITIONS if of is step]
        raise IllegalTransition(
            f"手工结算 {claim_id} 处于“{TERMS[ClaimState][claim.state]}”，不能{step.value}；"
            f"须处于“{'”或“'.join(starts)}”",
            field="claim_id",
            state=claim.state.name,
        )
    return with_event(claim, state, facts.now, who, why or step.value)


def with_event(
    claim: Claim, state: ClaimState, at: datetime, who: str, why: str
) -> Claim:
    """Return the claim in a state, with the change in its history."""
    event = ClaimEvent(at, state, who, why)
    return replace(claim, state=state, history=(*claim.history, event))


def claim_not_found(claim_id: str) -> ClaimNotFound:
    """Return the refusal of an id that no claim has."""
    return ClaimNotFound(f"没有编号为 {claim_id} 的手工结算", field="claim_id")
