"""One message (msgid) of one institution settles once, whichever request brings it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from gongji.model import refusals
from gongji.model.commands import Decision, RequestRecord
from gongji.model.settlement import Bill, SettledMessage, Settlement
from gongji.rules.codes import SHANGHAI, AccountUse
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from msgspec.structs import replace

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def settled(family: NewWorld) -> tuple[World, Settlement]:
    """The family with the bill of a message settled."""
    world = family()
    return world, world.settle(message(world))


def message(world: World, in_scope_fen: int = 200_00) -> Bill:
    use = AccountUse.CITY_ORDER
    return world.visit("P1", in_scope_fen, account_use=use, msgid="M1")


def decided(world: World, bill: Bill) -> Decision[Settlement]:
    world.now = LATER
    return world.decide(Settle(world.request(), bill, world.cities))


def test_a_message_again_is_the_first_answer(settled: tuple[World, Settlement]) -> None:
    """The same bill under another request is answered as it was then; nothing moves."""
    world, first = settled
    assert Decision(first, (), NOW) == decided(world, first.bill)
    key = f"{first.bill.institution_code}:test/M1"
    assert [SettledMessage(key, first.settlement_id, "test")] == world.all(
        SettledMessage
    )


def test_a_reversed_message_is_the_first_answer(
    settled: tuple[World, Settlement],
) -> None:
    """A reversal does not free the message: it settled once."""
    world, first = settled
    world.reverse(first.settlement_id)
    assert Decision(first, (), NOW) == decided(world, first.bill)


@pytest.mark.parametrize("reversed_first", [False, True])
def test_another_bill_under_the_message(
    settled: tuple[World, Settlement], *, reversed_first: bool
) -> None:
    """A message with another content is refused, the settlement and the difference named."""
    world, first = settled
    if reversed_first:
        world.reverse(first.settlement_id)
    other = message(world, 100_00)
    with pytest.raises(refusals.MessageIdReused, match=first.settlement_id) as refused:
        decided(world, other)
    assert "bill.msgid" == refused.value.field
    assert {
        "settlement_id": first.settlement_id,
        "differing": "bill.total_fen,bill.in_scope_fen",
    } == refused.value.metadata


def test_what_is_another_message(settled: tuple[World, Settlement]) -> None:
    """Another message id, another institution's and none at all settle again."""
    world, first = settled
    clinic = world.hospital(9)
    bills = [
        replace(first.bill, msgid="M2"),
        replace(first.bill, institution_code=clinic.code),
        replace(first.bill, msgid=""),
        replace(first.bill, msgid=""),
    ]
    for bill in bills:
        world.settle(bill)
    assert 5 == len(world.all(Settlement))
    assert 3 == len(world.all(SettledMessage))


def test_a_refused_bill_leaves_its_message_free(family: NewWorld) -> None:
    """Only what was settled keeps its message."""
    world = family()
    bill = message(world)
    with pytest.raises(refusals.InstitutionNotFound):
        world.settle(replace(bill, institution_code="H34119900404"))
    world.settle(bill)
    assert [bill] == [settlement.bill for settlement in world.all(Settlement)]


def test_the_second_request_finds_the_settlement(
    settled: tuple[World, Settlement],
) -> None:
    """The second request is answered again, and reversed, by its own id."""
    world, first = settled
    command = Settle(world.request(), first.bill, world.cities)
    answer = command.kept_of(first)
    request_id = command.request.request_id
    key = command.request.key
    row = RequestRecord(key, "test", "Settle", {}, NOW, answer=answer)
    world.add(row)
    facts = world.facts(command.recall_needs(row))
    assert first == command.recall(row, facts)
    reverse = Reverse(world.request("Reverse"), "", request_id, "", world.cities)
    assert first.settlement_id == world.do(reverse).settlement.settlement_id
