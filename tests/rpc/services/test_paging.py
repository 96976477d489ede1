"""Pages put together are the list; a token serves the filter, caller and method it was
given for, no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pytest
from gongji.model.binding import Binding, Material
from gongji.rules.codes import SHANGHAI, BindingState
from gongji.v1 import account_pb2, binding_pb2, types_pb2

from tests.scaffold.service import Service, new_binding

Call: TypeAlias = tuple[Callable[..., Any], Any]
START = datetime(2025, 9, 1, 9, 0, tzinfo=SHANGHAI)


def binding(
    number: int, state: BindingState = BindingState.ACTIVE, **changes: Any
) -> Binding:
    """Return the n-th binding of P1; each third is of one instant with the two after it."""
    submitted = START + timedelta(minutes=number - number % 3)
    fields = {"expires_at": submitted + timedelta(days=30), **changes}
    return new_binding(
        binding_id=f"B{number:03d}", state=state, submitted_at=submitted, **fields
    )


async def ids(service: Service, size: int, **narrowed: Any) -> list[str]:
    """All bindings of a filter, page by page; no page is larger than asked for."""
    listed: list[str] = []
    request = binding_pb2.ListBindingsRequest(**narrowed)
    request.page.size = size
    while True:
        reply = await service.bindings.ListBindings(request)
        assert len(reply.bindings) <= size
        listed += [b.binding_id for b in reply.bindings]
        request.page.token = reply.next_page_token
        if not reply.next_page_token:
            return listed


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 1000])
async def test_pages_put_together_are_the_list(service: Service, size: int) -> None:
    """Whatever the page size, every row comes once, oldest first, rows of one instant included."""
    await service.write(*(binding(n) for n in range(7)))
    assert [f"B{n:03d}" for n in range(7)] == await ids(
        service, size, holder=service.ref("P1")
    )


async def test_a_page_ends_before_it_is_too_large(service: Service) -> None:
    """A page of 1,000 large bindings is answered with as many as one reply holds, and
    goes on behind them."""
    proof = Material("household_register", original=True, reference="附" * 200)
    await service.write(
        *(binding(n, materials=(proof,) * 20) for n in range(350, 1000))
    )
    request = binding_pb2.ListBindingsRequest(holder=service.ref("P1"))
    request.page.size = 1000
    reply = await service.bindings.ListBindings(request)
    assert 100 < len(reply.bindings) < 650
    assert reply.ByteSize() < 4 * 1024 * 1024
    assert [f"B{n:03d}" for n in range(350, 1000)] == await ids(
        service, 1000, holder=service.ref("P1")
    )


async def test_fifty_rows_where_no_size_is_asked(service: Service) -> None:
    """Size 0 means 50 rows."""
    await service.write(*(binding(n) for n in range(60)))
    reply = await service.bindings.ListBindings(
        binding_pb2.ListBindingsRequest(holder=service.ref("P1"))
    )
    assert 50 == len(reply.bindings)
    assert reply.next_page_token


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_the_state_listed_is_the_state_now(service: Service, size: int) -> None:
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


async def test_overdue_reviews(service: Service) -> None:
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


def page(service: Service, token: str = "", **changes: Any) -> Call:
    """Return the call for a page of one of P1's bindings."""
    fields = {"holder": service.ref("P1"), **changes}
    request = binding_pb2.ListBindingsRequest(
        page=types_pb2.PageRequest(size=1, token=token), **fields
    )
    return service.bindings.ListBindings, request


def entries(service: Service, token: str) -> Call:
    request = account_pb2.ListEntriesRequest(
        person=service.ref("P1"), page=types_pb2.PageRequest(size=1, token=token)
    )
    return service.accounts.ListEntries, request


FOREIGN: dict[str, tuple[Callable[[Service, str], Call], str]] = {
    "another caller": (page, "other"),
    "another holder": (lambda s, token: page(s, token, holder=s.ref("P2")), "mine"),
    "a member as well": (lambda s, token: page(s, token, member=s.ref("P2")), "mine"),
    "a character less": (lambda s, token: page(s, token[:-1]), "mine"),
    "a character more": (lambda s, token: page(s, "A" + token), "mine"),
    "no seal": (lambda s, token: page(s, token.partition(".")[0]), "mine"),
    "no token at all": (lambda s, _: page(s, "钥匙"), "mine"),
    "another method": (entries, "mine"),
}


@pytest.mark.parametrize(("call", "caller"), FOREIGN.values(), ids=FOREIGN)
async def test_a_token_serves_its_own_filter_caller_and_method(
    service: Service, call: Callable[[Service, str], Call], caller: str
) -> None:
    """A token brought to another filter, caller or method, or damaged, is refused.

    Where it was given it works.
    """
    await service.write(*(binding(n) for n in range(3)))
    mine = (("x-gongji-caller", "mine"),)
    method, request = page(service)
    token = (await method(request, metadata=mine)).next_page_token
    method, request = page(service, token)
    assert (await method(request, metadata=mine)).next_page_token
    method, request = call(service, token)
    metadata = (("x-gongji-caller", caller),)
    refusal = await service.refused(method, request, metadata=metadata)
    assert "PAGE_TOKEN_INVALID" == refusal.reason
