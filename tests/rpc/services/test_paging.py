"""Pages put together are the list; a token serves the filter, caller and method it was
given for, no other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from gongji.model.binding import Binding
from gongji.model.decided import DecidedBy
from gongji.rules.codes import SHANGHAI, BindingState, Purpose
from gongji.v1 import account_pb2, binding_pb2, types_pb2

BY = DecidedBy("341100", "x", "0", "0")
START = datetime(2025, 9, 1, 9, 0, tzinfo=SHANGHAI)


def binding(
    number: int, state: BindingState = BindingState.ACTIVE, **changes: Any
) -> Binding:
    """The n-th binding of P1; every third was submitted at the same instant as the one before."""
    submitted = START + timedelta(minutes=number - number % 3)
    fields: dict[str, Any] = {
        "binding_id": f"B{number:03d}",
        "holder": "P1",
        "member": "P2",
        "relation": "10",
        "purposes": frozenset({Purpose.VISIT}),
        "channel": "window",
        "state": state,
        "submitted_at": submitted,
        "expires_at": submitted + timedelta(days=30),
        "decided_by": BY,
        **changes,
    }
    return Binding(**fields)


async def ids(service: Any, size: int, **narrowed: Any) -> list[str]:
    """All bindings of a filter, page by page; no page is larger than asked for."""
    found: list[str] = []
    token = ""
    while True:
        page = types_pb2.PageRequest(size=size, token=token)
        reply = await service.bindings.ListBindings(
            binding_pb2.ListBindingsRequest(page=page, **narrowed)
        )
        assert len(reply.bindings) <= size
        found += [b.binding_id for b in reply.bindings]
        token = reply.next_page_token
        if not token:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 1000])
async def test_pages_put_together_are_the_list(service: Any, size: int) -> None:
    """Whatever the page size, every row comes once, oldest first, rows of one instant included."""
    await service.write(*(binding(n) for n in range(7)))
    assert [f"B{n:03d}" for n in range(7)] == await ids(
        service, size, holder=service.ref("P1")
    )


async def test_fifty_rows_where_no_size_is_asked(service: Any) -> None:
    """Size 0 means 50 rows."""
    await service.write(*(binding(n) for n in range(60)))
    reply = await service.bindings.ListBindings(
        binding_pb2.ListBindingsRequest(holder=service.ref("P1"))
    )
    assert 50 == len(reply.bindings)
    assert reply.next_page_token


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_the_state_listed_is_the_state_now(service: Any, size: int) -> None:
    """What nobody answered in time is listed as expired, not as waiting, and in order
    with the rest."""
    lapsed = {"expires_at": service.clock() - timedelta(days=1)}
    await service.write(
        binding(0, BindingState.UNDER_REVIEW, **lapsed),
        binding(3, BindingState.UNDER_REVIEW),
        binding(6, BindingState.AWAITING_CONSENT, **lapsed),
        binding(9, BindingState.AWAITING_CONSENT),
        binding(12, BindingState.UNDER_REVIEW, expires_at=service.clock()),
        binding(15, BindingState.ACTIVE, **lapsed),
    )
    states = {
        binding_pb2.BINDING_STATE_EXPIRED: ["B000", "B006", "B012"],
        binding_pb2.BINDING_STATE_UNDER_REVIEW: ["B003"],
        binding_pb2.BINDING_STATE_AWAITING_CONSENT: ["B009"],
        binding_pb2.BINDING_STATE_ACTIVE: ["B015"],
    }
    for state, expected in states.items():
        assert expected == await ids(service, size, state=state)


async def test_overdue_reviews(service: Any) -> None:
    """`due_before` lists what is under review and due before it, the most urgent first."""
    now = service.clock()
    await service.write(
        binding(0, BindingState.UNDER_REVIEW, review_due_at=now - timedelta(hours=1)),
        binding(3, BindingState.UNDER_REVIEW, review_due_at=now - timedelta(hours=2)),
        binding(6, BindingState.UNDER_REVIEW, review_due_at=now),
        binding(9, BindingState.ACTIVE, review_due_at=now - timedelta(hours=3)),
    )
    request = binding_pb2.ListBindingsRequest()
    request.due_before.FromDatetime(now)
    assert ["B003", "B000"] == await ids(service, 1, due_before=request.due_before)


async def test_a_token_serves_its_own_filter_caller_and_method(service: Any) -> None:
    """A token brought to another filter, caller or method, or damaged, is
    PAGE_TOKEN_INVALID; at home it works."""
    await service.write(*(binding(n) for n in range(3)))
    mine = (("x-gongji-caller", "mine"),)
    list_bindings = service.bindings.ListBindings
    first = await list_bindings(
        binding_pb2.ListBindingsRequest(
            holder=service.ref("P1"), page=types_pb2.PageRequest(size=1)
        ),
        metadata=mine,
    )
    token = first.next_page_token

    def asking(token: str, **narrowed: Any) -> binding_pb2.ListBindingsRequest:
        return binding_pb2.ListBindingsRequest(
            page=types_pb2.PageRequest(size=1, token=token), **narrowed
        )

    assert await list_bindings(asking(token, holder=service.ref("P1")), metadata=mine)
    entries = account_pb2.ListEntriesRequest(
        person=service.ref("P1"), page=types_pb2.PageRequest(size=1, token=token)
    )
    for method, request, caller in (
        (list_bindings, asking(token, holder=service.ref("P1")), "other"),
        (list_bindings, asking(token, holder=service.ref("P2")), "mine"),
        (
            list_bindings,
            asking(token, holder=service.ref("P1"), member=service.ref("P2")),
            "mine",
        ),
        (list_bindings, asking(token[:-1], holder=service.ref("P1")), "mine"),
        (list_bindings, asking("A" + token, holder=service.ref("P1")), "mine"),
        (
            list_bindings,
            asking(token.partition(".")[0], holder=service.ref("P1")),
            "mine",
        ),
        (list_bindings, asking("钥匙", holder=service.ref("P1")), "mine"),
        (service.accounts.ListEntries, entries, "mine"),
    ):
        told = await service.refused(
            method, request, metadata=(("x-gongji-caller", caller),)
        )
        assert "PAGE_TOKEN_INVALID" == told.info.reason
