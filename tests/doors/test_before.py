"""What a process without a credential once did: no caller does it who does not belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from gongji.model.account import Account
from gongji.model.people import Institution, Person
from gongji.model.settlement import Settlement
from gongji.v1 import (
    account_pb2,
    registry_pb2,
    settlement_pb2,
    types_pb2,
)

from tests.doors.cells import OTHER, OWN, kinds
from tests.doors.served import AREA, HOLDER, INSTITUTION, MEMBER, Doors, ended
from tests.rpc.services.acting import metadata, subject
from tests.scaffold.service import RefusedCall, import_header, import_rows


async def let_in(
    call: Any, make: Callable[[], Any], *, packed: bytes | None = None
) -> list[str]:
    """Return the kinds of callers that a call lets in; the others are not permitted."""
    found = []
    for kind in kinds():
        end = await ended(call, make(), metadata(kind, packed))
        if not (isinstance(end, RefusedCall) and "PERMISSION_DENIED" == end.code.name):
            found.append(kind)
    return found


async def test_nobody_settles_for_another_hospital(opened: Doors) -> None:
    """Only an operator settles for a hospital that is not the caller's, and in its city."""
    for city, who in ((OWN, ["operator"]), (OTHER, [])):
        bill = opened.service.bill(
            patient=opened.service.ref(HOLDER[city]),
            institution_code=INSTITUTION[OTHER, OWN],
        )

        def make(bill: Any = bill) -> Any:
            return settlement_pb2.SettleRequest(
                request_id=opened.service.new_id(), bill=bill
            )

        assert who == await let_in(opened.service.settlements.Settle, make)


async def test_nobody_reads_another_s_visits(opened: Doors) -> None:
    """A person's visits are listed for that person, to an auditor and an operator."""
    request = settlement_pb2.ListSettlementsRequest(
        patient=opened.service.ref(HOLDER[OWN])
    )
    call = opened.service.settlements.ListSettlements
    for stated, more in ((HOLDER[OWN], ["app", "counter", "bank"]), (MEMBER[OWN], [])):
        who = await let_in(call, lambda: request, packed=subject(stated))
        assert [*more, "auditor", "operator"] == who


async def test_nobody_reverses_another_hospital_s_settlement(opened: Doors) -> None:
    """Neither by its id nor by its request's is another hospital's settlement taken back."""
    settlement_id = opened.settlements[OTHER, OWN]
    stored = await opened.service.stored(Settlement, settlement_id)
    by_request = stored.request_key.partition("/")[0]
    call = opened.service.settlements.Reverse
    ways: list[dict[str, Any]] = [
        {"settlement_id": settlement_id},
        {"settle_request_id": by_request},
    ]
    for named in ways:
        for kind in ("hospital", "pharmacy", "app"):
            request = settlement_pb2.ReverseRequest(
                request_id=opened.service.new_id(), **named
            )
            end = await ended(call, request, metadata(kind))
            assert isinstance(end, RefusedCall)
    assert stored == await opened.service.stored(Settlement, settlement_id)


async def test_nobody_brings_money_forward(opened: Doors) -> None:
    """Only an operator brings a balance forward, and only into its own cities' purses."""
    for city, who in ((OWN, ["operator"]), (OTHER, [])):
        before = await opened.service.stored(Account, HOLDER[city])

        def make(city: str = city) -> Any:
            return account_pb2.CreditRequest(
                request_id=opened.service.new_id(),
                person=opened.service.ref(HOLDER[city]),
                brought_forward_fen=100_000_000_000,
            )

        assert who == await let_in(opened.service.accounts.Credit, make)
        after = await opened.service.stored(Account, HOLDER[city])
        gained = after.balance_fen - before.balance_fen
        assert len(who) * 100_000_000_000 == gained


async def test_nobody_designates_a_hospital(opened: Doors) -> None:
    """Institutions are imported by feeders and operators, who settle in none of them."""
    code = f"H{AREA[OWN]}00404"

    def make() -> list[Any]:
        header = registry_pb2.ImportHeader(request_id=opened.service.new_id())
        row = types_pb2.Institution(
            code=code,
            name="某医院",
            kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
            hosp_lv=5,
            designated_from="2020-01-01",
        )
        return [
            registry_pb2.ImportInstitutionsRequest(header=header),
            registry_pb2.ImportInstitutionsRequest(institution=row),
        ]

    call = opened.service.registry.ImportInstitutions
    assert ["feeder", "operator"] == await let_in(call, make)
    assert await opened.service.store.get(Institution, code) is not None
    bill = opened.service.bill(
        patient=opened.service.ref(HOLDER[OWN]), institution_code=code
    )
    request = settlement_pb2.QuoteRequest(bill=bill)
    quote = opened.service.settlements.Quote
    assert ["operator"] == await let_in(quote, lambda: request)


SPOUSE: Final = {
    "somebody of its own": (OWN, ["feeder", "operator"], 2),
    "somebody elsewhere": (OTHER, ["feeder", "operator"], 0),
}


@pytest.mark.parametrize(("city", "who", "written"), SPOUSE.values(), ids=SPOUSE)
async def test_nobody_makes_itself_a_spouse(
    opened: Doors, city: str, who: list[str], written: int
) -> None:
    """Persons are imported by feeders and operators, and none of another city changes."""
    kin = types_pb2.Kin(person_no=HOLDER[OWN], relation="10", source="t")
    before = await opened.service.stored(Person, MEMBER[city])
    rows = 0

    def make() -> list[Any]:
        nonlocal rows
        rows += 1
        row = opened.service.person(
            50 + rows,
            person_no=MEMBER[city],
            insured_place=AREA[OWN],
            kin=[kin],
        )
        return [import_header(opened.service.new_id()), *import_rows(row)]

    call = opened.service.registry.ImportPersons
    assert who == await let_in(call, make)
    after = await opened.service.stored(Person, MEMBER[city])
    assert written == after.revision - before.revision
