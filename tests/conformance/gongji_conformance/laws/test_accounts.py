"""What comes into a personal account, and how a wrong amount is mended."""

from __future__ import annotations

from gongji.v1 import account_pb2

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
