"""What comes into a personal account, and how a wrong amount is mended."""

from __future__ import annotations

from collections.abc import Iterable

from gongji.v1 import account_pb2, consequence_pb2, settlement_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import new_id
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

TOTALS = (("2024", 100_00), ("2024", 100_00), ("2024", 80_00), ("2025", 80_00))
"""A balance of a batch as files say it one after another: year and total."""


@law("CORE-ACCOUNT-001")
def test_a_batch_is_a_total(gongji_city: CityUnderTest) -> None:
    """Of a batch the difference is booked, also downwards; another year adds."""
    person = gongji_city.people.one()
    moved = []
    for year, fen in TOTALS:
        request = account_pb2.CreditRequest(
            request_id=new_id(),
            person=ref(person.person_no),
            brought_forward_fen=fen,
            batch="balances",
            year=year,
        )
        moved.append(gongji_city.stubs.accounts.Credit(request).fen)
    assert [100_00, 0, -20_00, 80_00] == moved
    assert 160_00 == gongji_city.balance(person)


@law("CORE-ACCOUNT-002")
def test_the_balance_told_is_the_accounts(gongji_city: CityUnderTest) -> None:
    """What a reply says a purse holds is what the account holds right after: credited,
    charged, charged less after a part is returned, refunded."""
    giver, member = gongji_city.family()
    stubs = gongji_city.stubs
    request = account_pb2.CreditRequest(
        request_id=new_id(), person=ref(giver.person_no), brought_forward_fen=10_00
    )
    credited = stubs.accounts.Credit(request)
    held = _held(gongji_city, giver.person_no)
    assert held == (credited.balance_after_fen, credited.version_after)
    settled = gongji_city.settle(member)
    _hold(gongji_city, settled.movements)
    part = consequence_pb2.ResettleRequest(
        request_id=new_id(), settlement_id=settled.settlement_id
    )
    part.returned.out_of_catalogue_fen = 60_00
    (again,) = stubs.consequences.Resettle(part).settlements
    _hold(gongji_city, [*again.refunds, *again.after.movements])
    back = stubs.settlements.Reverse(gongji_city.reversal(again.after.settlement_id))
    _hold(gongji_city, back.refunds)


def _held(city: CityUnderTest, person_no: str) -> tuple[int, int]:
    """Return balance and version as the account has them."""
    request = account_pb2.GetAccountRequest(person=ref(person_no))
    found = city.stubs.accounts.GetAccount(request)
    return found.balance_fen, found.version


def _hold(
    city: CityUnderTest, movements: Iterable[settlement_pb2.PurseMovement]
) -> None:
    """Hold the last movement of each purse to its account."""
    last = {m.purse: (m.balance_after_fen, m.version_after) for m in movements}
    assert last
    assert last == {purse: _held(city, purse) for purse in last}
