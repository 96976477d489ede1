"""Settling and reversing: what is written, the identities, and the way back of each fen."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from gongji.account.ledger import Inconsistent
from gongji.model import refusals
from gongji.model.commands import RequestRecord
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.codes import SHANGHAI, AccountUse, BindingState
from gongji.settlement.identities import check_identities
from gongji.settlement.settle import Settle, settlement_id_of
from msgspec.structs import replace

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
CITY_ORDER = AccountUse.CITY_ORDER


@pytest.fixture
def settled(family: NewWorld) -> tuple[World, Settlement]:
    """The family with one bill settled: fund 100, P1 50, P2 20, P3 30 yuan."""
    world = family()
    return world, world.settle(world.visit("P1", 200_00, account_use=CITY_ORDER))


def test_a_reversal_returns_each_fen_also_after_unbinding(
    settled: tuple[World, Settlement],
) -> None:
    """Refunds go to the purses that paid, with balance and version after, though the
    bindings have ended."""
    world, done = settled
    for binding in [world.bind("P2", "P1", NOW), world.bind("P3", "P1", NOW)]:
        world.add(replace(binding, state=BindingState.ENDED))
    back = world.reverse(done.settlement_id)
    expected = [
        ("P1", 50_00, 50_00, 3),
        ("P2", 20_00, 20_00, 3),
        ("P3", 30_00, 300_00, 3),
    ]
    assert expected == [
        (m.purse, m.fen, m.balance_after_fen, m.version_after) for m in back.refunds
    ]
    assert (NOW, [back.settlement]) == (
        back.settlement.reversed_at,
        world.all(Settlement),
    )


def test_a_reversal_leaves_later_settlements_standing(
    settled: tuple[World, Settlement],
) -> None:
    """The accumulators lose exactly what the reversed settlement added."""
    world, first = settled
    second = world.settle(world.visit("P1", 300_00))
    world.reverse(first.settlement_id)
    assert [(800_00, second.fund_fen)] == [
        (a.deductible_used_fen, a.fund_paid_fen) for a in world.all(Accumulator)
    ]
    assert [second] == [s for s in world.all(Settlement) if s.reversed_at is None]


def test_a_reversal_by_the_original_request(settled: tuple[World, Settlement]) -> None:
    """The request id of a Settle whose reply was lost names its settlement."""
    world, done = settled
    assert (
        done.settlement_id
        == world.reverse("", request_id_of(done)).settlement.settlement_id
    )


def request_id_of(settlement: Settlement) -> str:
    return settlement.request_key.partition("/")[0]


def test_reversed_once(settled: tuple[World, Settlement]) -> None:
    """A second reversal is refused by name and moves nothing."""
    world, done = settled
    world.reverse(done.settlement_id)
    before = dict(world.records)
    with pytest.raises(refusals.AlreadyReversed):
        world.reverse("", request_id_of(done))
    assert before == world.records


UNKNOWN = "00000000-0000-4000-8000-000000000001"


def test_an_unknown_original_leaves_a_tombstone(
    settled: tuple[World, Settlement],
) -> None:
    """Reversing a request that never came keeps it from being settled late; an unknown
    settlement id leaves nothing."""
    world, _ = settled
    with pytest.raises(refusals.SettlementNotFound) as by_request:
        world.reverse("", UNKNOWN)
    assert (
        RequestRecord(f"{UNKNOWN}/test", "test", "Settle", {}, NOW, tombstone=True),
    ) == by_request.value.leaves
    with pytest.raises(refusals.SettlementNotFound) as by_id:
        world.reverse(settlement_id_of(f"{UNKNOWN}/test"))
    assert () == by_id.value.leaves


def test_a_remembered_original_is_not_buried(settled: tuple[World, Settlement]) -> None:
    """An original that was refused, or is buried already, keeps its row."""
    world, _ = settled
    key = f"{UNKNOWN}/test"
    world.add(RequestRecord(key, "test", "Settle", {}, NOW, refusal=b"{}"))
    with pytest.raises(refusals.SettlementNotFound) as refused:
        world.reverse("", UNKNOWN)
    assert () == refused.value.leaves


MALFORMED = {"both": ("S1", UNKNOWN), "none": ("", ""), "no UUID": ("", "yesterday's")}


@pytest.mark.parametrize(
    ("settlement_id", "request_id"), MALFORMED.values(), ids=MALFORMED
)
def test_one_original_is_named(
    new_world: NewWorld, settlement_id: str, request_id: str
) -> None:
    """A reversal names exactly one original, by a well-formed id."""
    with pytest.raises(refusals.MalformedField):
        new_world().reverse(settlement_id, request_id)


def test_last_first(family: NewWorld) -> None:
    """Where the city says so, only the last standing settlement of patient and year may
    be reversed."""
    world = family(reversal=Reversal.LAST_FIRST)
    done = []
    for minutes in (0, 1, 2):
        world.now = NOW + timedelta(minutes=minutes)
        done.append(world.settle(world.visit("P1", 100_00)))
    old = world.settle(world.visit("P1", 100_00, service_day=date(2024, 12, 31)))
    with pytest.raises(refusals.NotLastSettlement) as refused:
        world.reverse(done[0].settlement_id)
    assert done[2].settlement_id == refused.value.metadata["last"]
    for settlement in (done[2], done[1], done[0], old):
        assert world.reverse(settlement.settlement_id).settlement.reversed_at


def test_recall_is_the_first_answer(settled: tuple[World, Settlement]) -> None:
    """A replay gets the settlement as it was first answered, though it has been reversed since."""
    world, done = settled
    command = Settle(world.request(), done.bill, world.cities)
    remembered = RequestRecord(done.request_key, "test", "Settle", {}, NOW)
    world.reverse(done.settlement_id)
    assert done == command.recall(
        remembered, world.facts(command.recall_needs(remembered))
    )


def test_ids_follow_from_the_request() -> None:
    """A request of before callers were known makes the id of its UUID, however written."""
    assert (
        "SAAAAAAAAABAABAAAAAAAAAAAAE"
        == settlement_id_of(UNKNOWN)
        == settlement_id_of(UNKNOWN.upper())
    )


IDENTITIES: dict[str, dict[str, int]] = {
    "I1, I4: the fund pays a fen more": {"fund_fen": 1},
    "I4: cash is a fen short": {"cash_fen": -1},
    "I5: givers pay a fen less than nothing": {"aid_fen": -100_00, "own_fen": 100_00},
}


@pytest.mark.parametrize("changes", IDENTITIES.values(), ids=IDENTITIES)
def test_identities_are_checked(
    settled: tuple[World, Settlement], changes: dict[str, int]
) -> None:
    """A settlement that breaks an identity is a fault of the program, found before it
    is written."""
    _, done = settled
    wrong = {name: getattr(done, name) + by for name, by in changes.items()}
    check_identities(done)
    with pytest.raises(Inconsistent):
        check_identities(replace(done, **wrong))


def test_what_was_decided_is_kept(settled: tuple[World, Settlement]) -> None:
    """A settlement keeps whose rules decided, under which clauses each line stands, and
    when; of a giver insured elsewhere the other city's rules too."""
    world, done = settled
    decided_by = replace(
        world.cities.of("341100").decided_by,
        other_digests=(world.cities.of("340800").rules_digest,),
    )
    assert (NOW, "341100", decided_by) == (
        done.settled_at,
        done.area_code,
        done.decided_by,
    )
    hooks = ["reimbursement", "uses", "uses", "uses", "purse_order"]
    assert hooks == [line.rule.hook for line in done.lines]
    assert all(line.rule.clauses and line.in_words for line in done.lines)
