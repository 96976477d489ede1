"""A binding's state at an instant, and how it ends."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from gongji.model.binding import Application, Binding, BindingEvent
from gongji.rules.codes import OPEN_STATES, BindingState

STATE_WORDS = {
    BindingState.AWAITING_CONSENT: "待使用人同意",
    BindingState.UNDER_REVIEW: "审核中",
    BindingState.ACTIVE: "已生效",
    BindingState.REFUSED: "审核未通过",
    BindingState.EXPIRED: "申请已失效",
    BindingState.ENDED: "已终止",
}


def as_of(binding: Binding, now: datetime) -> Binding:
    """The binding as it stands at an instant: an application nobody answered in time
    has expired."""
    waiting = {BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW}
    if (
        binding.state not in waiting
        or binding.expires_at is None
        or now < binding.expires_at
    ):
        return binding
    return _moved(
        binding,
        BindingState.EXPIRED,
        binding.expires_at,
        who="calendar",
        why="逾期未办结, 申请失效",
    )


def closed(binding: Binding, now: datetime, *, who: str, why: str) -> Binding:
    """An open binding that lost its ground: one in force has ended, an application has expired."""
    active = binding.state is BindingState.ACTIVE
    return _moved(
        binding,
        BindingState.ENDED if active else BindingState.EXPIRED,
        now,
        who=who,
        why=why,
    )


def application_of(binding: Binding) -> Application:
    """What was applied for, as far as the binding keeps it."""
    return Application(
        holder=binding.holder,
        member=binding.member,
        relation=binding.relation,
        purposes=binding.purposes,
        channel=binding.channel,
    )


def _moved(
    binding: Binding,
    state: BindingState,
    at: datetime,
    *,
    who: str,
    why: str,
    channel: str = "",
) -> Binding:
    """The binding in its next state, with the change recorded."""
    before = binding.state if binding.history else None
    event = BindingEvent(at, before, state, who, channel, why)
    closed = state not in OPEN_STATES
    return replace(
        binding,
        state=state,
        reason=why,
        active_at=at if state is BindingState.ACTIVE else binding.active_at,
        closed_at=at if closed else None,
        history=(*binding.history, event),
    )
