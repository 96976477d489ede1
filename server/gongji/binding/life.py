"""The states of a binding (绑定): where it goes next, and how it stands at an instant.

submitted → awaiting consent → under review → active → ended, or refused, or expired. A
place in the family is taken from submission until the binding is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.asked import turns
from gongji.binding.workdays import Due, Workdays
from gongji.cities.city import DayRules
from gongji.model.binding import (
    Application,
    Binding,
    BindingEvent,
)
from gongji.model.facts import Facts
from gongji.model.refusals import BindingNotFound, IllegalTransition
from gongji.rules.channels import AtOnce, ChannelId, Deadlines, ReviewLatency
from gongji.rules.codes import OPEN_STATES, BindingState, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

STATE_WORDS = {
    BindingState.AWAITING_CONSENT: "待使用人同意",
    BindingState.UNDER_REVIEW: "审核中",
    BindingState.ACTIVE: "已生效",
    BindingState.REFUSED: "审核未通过",
    BindingState.EXPIRED: "申请已失效",
    BindingState.ENDED: "已终止",
    BindingState.SUSPENDED: "已暂停",
}

_UNANSWERED = frozenset({BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW})


def as_of(binding: Binding, now: datetime) -> Binding:
    """Return the binding as it stands at an instant.

    An application that stayed unanswered has expired. No record says so: the calendar
    alone decides, whenever the binding is read.
    """
    if binding.state not in _UNANSWERED or binding.expires_at is None:
        return binding
    if now < binding.expires_at:
        return binding
    return moved(
        binding,
        BindingState.EXPIRED,
        binding.expires_at,
        who="calendar",
        why="逾期未办结，申请失效",
    )


def at(binding: Binding, instant: datetime) -> Binding | None:
    """Return the binding as it stood at a past instant, None before it was submitted.

    Its history tells the state; what was applied for and accepted stays as it is. What
    happened at that very instant has happened.
    """
    if instant < binding.submitted_at:
        return None
    history = tuple([event for event in binding.history if event.at <= instant])
    if len(history) == len(binding.history):
        return as_of(binding, instant)
    if not history:
        return None
    last = history[-1]
    active = [e.at for e in history if e.to_state is BindingState.ACTIVE]
    former = replace(
        binding,
        state=last.to_state,
        reason=last.why,
        active_at=active[-1] if active else None,
        closed_at=None if last.to_state in OPEN_STATES else last.at,
        history=history,
    )
    return as_of(former, instant)


def in_state(
    facts: Facts,
    binding_id: str,
    state: BindingState,
    doing: str,
) -> Binding:
    """Return the binding as of now, in the state a command starts from.

    BindingNotFound, IllegalTransition; `doing` names the command in Chinese.
    """
    stored = facts.get(Binding, binding_id)
    if stored is None:
        raise BindingNotFound(f"没有编号为 {binding_id} 的绑定", field="binding_id")
    binding = as_of(stored, facts.now)
    if binding.state is not state:
        current = STATE_WORDS[binding.state]
        required = STATE_WORDS[state]
        raise IllegalTransition(
            f"绑定处于“{current}”，不能{doing}；须处于“{required}”",
            field="binding_id",
            state=binding.state.name,
        )
    return binding


def forward(
    binding: Binding,
    rules: DayRules,
    now: datetime,
    workdays: Workdays,
    *,
    caller: str,
    recorded: bool,
) -> Binding:
    """Return an eligible application moved on.

    It waits for the member's consent (知情同意) if that is needed and missing, becomes
    active if the channel needs no reviewer, else waits for its review (审核). Of two
    cities either may ask for a review, which is due on the later of their days.
    `recorded` says that the registry shows the relation, so that no person must judge.
    """
    move = partial(moved, at=now, who=caller, channel=binding.channel)
    if rules.value(CityRules.consent).required and binding.consent is None:
        return move(binding, BindingState.AWAITING_CONSENT, why="等待使用人同意")
    reviews = [_Review.of(asked, binding.channel) for asked in turns(rules)]
    waiting = [review for review in reviews if not review.at_once(recorded=recorded)]
    if not waiting:
        return move(binding, BindingState.ACTIVE, why=in_words(reviews[0].latency))
    # From now, not from submission: the reviewer's time begins with the consent.
    last = max(waiting, key=lambda review: review.due(now, workdays).at)
    due = _due(binding, [review.due(now, workdays) for review in waiting])
    why = f"等待审核：{in_words(last.latency)}"
    return move(due, BindingState.UNDER_REVIEW, why=why)


def _due(binding: Binding, dues: Sequence[Due]) -> Binding:
    """Return the binding whose review is due on the last of some days."""
    return replace(
        binding,
        review_due_at=max(due.at for due in dues),
        review_due_provisional=binding.review_due_provisional
        or any(due.provisional for due in dues),
    )


class _Review(Struct, frozen=True):
    """How long one city reviews an application, and how it reckons that."""

    latency: ReviewLatency
    reckoned: Deadlines

    @classmethod
    def of(cls, rules: DayRules, channel: ChannelId) -> _Review:
        """Return the review of the city whose turn it is."""
        latency = rules.value(CityRules.review_latency)[channel]
        return cls(latency, rules.value(CityRules.deadlines))

    def at_once(self, *, recorded: bool) -> bool:
        """Return whether the city needs no reviewer."""
        if self.latency.at_once is AtOnce.IF_CHECKS_PASS:
            return recorded
        return self.latency.at_once is AtOnce.ALWAYS

    def due(self, now: datetime, workdays: Workdays) -> Due:
        """Return until when the city reviews it."""
        return workdays.due(now, self.latency.working_days, self.reckoned)


def moved(
    binding: Binding,
    state: BindingState,
    at: datetime,
    *,
    who: str,
    why: str,
    channel: str = "",
) -> Binding:
    """Return the binding in its next state, with the change in its history."""
    event = BindingEvent(
        at=at,
        # A binding without history has just been submitted and comes from no state.
        from_state=binding.state if binding.history else None,
        to_state=state,
        who=who,
        channel=channel,
        why=why,
    )
    return replace(
        binding,
        state=state,
        reason=why,
        active_at=at if state is BindingState.ACTIVE else binding.active_at,
        closed_at=None if state in OPEN_STATES else at,
        history=(*binding.history, event),
    )


def application_of(
    binding: Binding, purposes: frozenset[Purpose] | None = None
) -> Application:
    """Return what was applied for, as far as the binding keeps it.

    Of its purposes only those named, if any are.
    """
    return Application(
        holder=binding.holder,
        member=binding.member,
        relation=binding.relation,
        purposes=binding.purposes if purposes is None else purposes,
        channel=binding.channel,
    )
