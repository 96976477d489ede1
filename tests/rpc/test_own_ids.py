"""Over the wire: whoever knows or computes another caller's ids gets, takes and stops
nothing with them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gongji.access.callers import ALL
from gongji.binding.workdays import Workdays
from gongji.client import credits as monthly_credits
from gongji.model.commands import Listing, RequestRecord
from gongji.model.people import Person
from gongji.model.settlement import SettledMessage, Settlement
from gongji.national import request_id_of
from gongji.rpc.services import services_of
from gongji.v1 import account_pb2, binding_pb2, registry_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb
from msgspec.structs import replace

from tests.rpc.conftest import over_ipc
from tests.rpc.port import Heirs
from tests.rpc.retried import FIRST_ID, charged
from tests.scaffold.service import (
    HOSPITAL,
    Service,
    charge_of,
    import_header,
    import_rows,
    new_binding,
    replayed,
)

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

DAY = "2025-09-30"
MONTH = "2025-09"


def of(caller: str) -> tuple[tuple[str, str]]:
    """The metadata of a caller's call."""
    return (("x-gongji-caller", caller),)


async def settle(
    service: Service, caller: str, request_id: str = FIRST_ID, **changes: Any
) -> pb.SettleResponse:
    request = pb.SettleRequest(request_id=request_id, bill=service.bill(**changes))
    return await service.settlements.Settle(request, metadata=of(caller))


async def reversal_refused(service: Service, caller: str, **original: Any) -> str:
    request = pb.ReverseRequest(request_id=service.new_id(), **original)
    reverse = service.settlements.Reverse
    return (await service.refused(reverse, request, metadata=of(caller))).reason


async def rows(service: Service) -> list[RequestRecord]:
    return await service.store.page(Listing(kind=RequestRecord, limit=1000))


async def test_one_id_settles_for_each_caller(house: Service) -> None:
    """Each has a settlement of its own, and is answered that again."""
    callers = ("clinic-1", "clinic-2")
    first = [await settle(house, caller) for caller in callers]
    again = [await settle(house, caller) for caller in callers]
    assert [False, False, True, True] == replayed(*first, *again)
    assert [r.settlement for r in first] == [r.settlement for r in again]
    assert 2 == len({reply.settlement.settlement_id for reply in first})
    assert sum(charge_of(r.settlement) for r in first) == await charged(house)


async def test_one_id_imports_for_each_caller(house: Service) -> None:
    """Each import has an id of its own, by which it is found."""
    found = []
    for number, caller in enumerate(("feeder-1", "feeder-2")):
        messages = [import_header(FIRST_ID), *import_rows(house.person(number))]
        reply = await house.registry.ImportPersons(iter(messages), metadata=of(caller))
        assert not reply.receipt.replayed
        asked = registry_pb2.GetImportRequest(import_id=reply.summary.import_id)
        found.append(getattr(await house.registry.GetImport(asked), "import"))
    assert [1, 1] == [applied.received for applied in found]
    assert 2 == len({applied.import_id for applied in found})


async def test_a_credits_id_is_not_taken(house: Service) -> None:
    """Ids computed from month and person, used first for something else by somebody
    else, do not stop the operator's run."""
    request_id = monthly_credits.request_id(MONTH, "P1")
    await settle(house, "anybody", request_id)
    request = account_pb2.CreditRequest(
        request_id=request_id, person=house.ref("P1"), month=MONTH
    )
    reply = await house.accounts.Credit(request, metadata=of("operator"))
    assert not reply.receipt.replayed


async def test_a_national_messages_id_is_not_taken(house: Service) -> None:
    """Nor do those computed from institution and msgid: buried by somebody else before
    the hospital's settlement comes, they settle all the same, and only its own
    reversal takes that back."""
    request_id = request_id_of(HOSPITAL, "M1")
    refused = await reversal_refused(house, "anybody", settle_request_id=request_id)
    assert "SETTLEMENT_NOT_FOUND" == refused
    await settle(house, "anybody", msgid="M1", patient=house.ref("P2"), fen=1)
    settled = await settle(house, "hospital", request_id, msgid="M1")
    assert not settled.receipt.replayed
    refused = await reversal_refused(house, "other", settle_request_id=request_id)
    assert "SETTLEMENT_NOT_FOUND" == refused
    assert charge_of(settled.settlement) == await charged(house)
    request = pb.ReverseRequest(request_id=house.new_id(), settle_request_id=request_id)
    await house.settlements.Reverse(request, metadata=of("hospital"))
    assert 0 == await charged(house)


async def test_one_message_settles_once_a_caller(house: Service) -> None:
    """Another bill under another caller's msgid is neither refused nor answered with
    the other's settlement; one's own is."""
    first = await settle(house, "clinic-1", msgid="M1")
    other = await settle(house, "clinic-2", house.new_id(), msgid="M1", fen=7_00)
    again = await settle(house, "clinic-1", house.new_id(), msgid="M1")
    assert [False, False, True] == replayed(first, other, again)
    assert first.settlement.settlement_id == again.settlement.settlement_id
    request = pb.SettleRequest(
        request_id=house.new_id(), bill=house.bill(msgid="M1", fen=9_00)
    )
    for caller, settled in (("clinic-1", first), ("clinic-2", other)):
        refusal = await house.refused(
            house.settlements.Settle, request, metadata=of(caller)
        )
        assert "MESSAGE_ID_REUSED" == refusal.reason
        shown = refusal.metadata["settlement_id"]
        assert settled.settlement.settlement_id == shown


async def test_a_reversal_of_nothing_costs_one_row(house: Service) -> None:
    """However often, under however many ids of its own and at once, a request is
    reversed that never came: its caller's tombstone is the only row."""
    before = await rows(house)
    for _ in range(3):
        await asyncio.gather(
            *(
                reversal_refused(house, "clinic-1", settle_request_id=FIRST_ID)
                for _ in range(5)
            )
        )
    for _ in range(3):
        await reversal_refused(house, "clinic-1", settlement_id="S404")
    (tombstone,) = [row for row in await rows(house) if row not in before]
    assert (f"{FIRST_ID}/clinic-1", True) == (tombstone.key, tombstone.tombstone)


async def test_a_request_id_is_shown_to_its_caller(house: Service) -> None:
    """In a settlement, and in the differences of reconciliation."""
    settled = await settle(house, "clinic-1")
    settlement_id = settled.settlement.settlement_id
    assert FIRST_ID == settled.settlement.request_id
    shown = []
    for caller in ("clinic-1", "clinic-2"):
        asked = pb.GetSettlementRequest(settlement_id=settlement_id)
        found = await house.settlements.GetSettlement(asked, metadata=of(caller))
        header = pb.ReconcileHeader(institution_code=HOSPITAL, from_day=DAY, to_day=DAY)
        call = house.settlements.ReconcileDetails(
            iter([pb.ReconcileDetailsRequest(header=header)]), metadata=of(caller)
        )
        (missing,) = [difference async for difference in call]
        assert settlement_id == missing.settlement_id
        shown.append((found.settlement.request_id, missing.settle_request_id))
    assert [(FIRST_ID, FIRST_ID), ("", "")] == shown


# --- of before callers were known -----------------------------------------------------

FORMER: dict[str, Any] = {"clinic": {"clinic-1"}, "local": ALL, "other": {"clinic-9"}}


@pytest.fixture
async def heirs(house: Service) -> Any:
    """The same store behind a port whose callers have former names."""
    offer = services_of(
        house.store,
        house.cities,
        Workdays(),
        house.clock,
        Heirs(FORMER),
        sandbox=house.clock,
    )
    async with over_ipc(offer) as server:
        served = Service(server, house.store, house.world, house.clock)
        yield served
        await served.channel.close()


async def as_of_before(service: Service, caller: str) -> pb.Settlement:
    """Settle a message, and have it stored as by a caller before callers were known."""
    settled = (await settle(service, "now", msgid="M1")).settlement
    key = f"{FIRST_ID}/now"
    row = await service.stored(RequestRecord, key)
    settlement = await service.stored(Settlement, settled.settlement_id)
    await service.write(
        replace(
            row,
            key=FIRST_ID,
            caller=caller,
            answer=settled.settlement_id.encode(),
        ),
        replace(settlement, request_key=FIRST_ID),
        SettledMessage(f"{HOSPITAL}/M1", settled.settlement_id, caller),
    )
    return settled


async def test_what_was_settled_before_is_its_heirs(heirs: Service) -> None:
    """By request and by message it is replayed to who has the name it was settled under
    among his former ones, and reversed by him."""
    before = await as_of_before(heirs, "clinic-1")
    for heir in ("clinic", "local"):
        by_request = await settle(heirs, heir, msgid="M1")
        by_message = await settle(heirs, heir, heirs.new_id(), msgid="M1")
        assert [True, True] == replayed(by_request, by_message)
        settled = [by_request.settlement, by_message.settlement]
        assert [before.settlement_id] * 2 == [s.settlement_id for s in settled]
        assert FIRST_ID == by_request.settlement.request_id
    request = pb.ReverseRequest(request_id=heirs.new_id(), settle_request_id=FIRST_ID)
    reversed_ = await heirs.settlements.Reverse(request, metadata=of("clinic"))
    assert before.settlement_id == reversed_.settlement.settlement_id


async def test_a_caller_renamed_keeps_its_messages(heirs: Service) -> None:
    """And its request ids: what it settled under its name of an earlier policy."""
    first = await settle(heirs, "clinic-1", msgid="M1")
    by_request = await settle(heirs, "clinic", msgid="M1")
    by_message = await settle(heirs, "clinic", heirs.new_id(), msgid="M1")
    other = await settle(heirs, "local", heirs.new_id(), msgid="M1")
    assert [False, True, True, False] == replayed(first, by_request, by_message, other)
    shown = [by_request.settlement.request_id, by_message.settlement.request_id]
    assert [FIRST_ID, FIRST_ID] == shown


@pytest.mark.parametrize("stranger", ["other", "clinic-1", "nobody"])
async def test_what_was_settled_before_is_nothing_to_others(
    heirs: Service, stranger: str
) -> None:
    """Whoever has other former names or none, or took the name since, does not find it."""
    await as_of_before(heirs, "clinic-1")
    reason = await reversal_refused(heirs, stranger, settle_request_id=FIRST_ID)
    assert "SETTLEMENT_NOT_FOUND" == reason
    own = await settle(heirs, stranger, heirs.new_id(), msgid="M1", fen=7_00)
    assert not own.receipt.replayed


PAGES = {
    "the heir of its name": ("clinic-1", "clinic", "B2"),
    "who has its name": ("clinic-1", "clinic-1", "B2"),
    "the heir of another name": ("clinic-1", "other", "PAGE_TOKEN_INVALID"),
    "the heir of all, who cannot list them": (
        "clinic-1",
        "local",
        "PAGE_TOKEN_INVALID",
    ),
    "the heir of all, of one that stated none": ("anonymous", "local", "B2"),
}


@pytest.mark.parametrize(("given_to", "caller", "expected"), PAGES.values(), ids=PAGES)
async def test_a_page_token_of_a_former_name_goes_on(
    house: Service, heirs: Service, given_to: str, caller: str, expected: str
) -> None:
    """One given to a caller under the name it stated then; to others it is none."""
    await house.write(*(new_binding(binding_id=f"B{n}") for n in (1, 2)))
    request = binding_pb2.ListBindingsRequest(
        holder=house.ref("P1"), page=types_pb2.PageRequest(size=1)
    )
    first = await house.bindings.ListBindings(request, metadata=of(given_to))
    request.page.token = first.next_page_token
    listed = heirs.bindings.ListBindings
    if expected == "B2":
        reply = await listed(request, metadata=of(caller))
        assert [expected] == [binding.binding_id for binding in reply.bindings]
        return
    refusal = await heirs.refused(listed, request, metadata=of(caller))
    assert expected == refusal.reason


async def test_an_import_cut_off_before_is_sent_again(heirs: Service) -> None:
    """One that was under way when the old program ended waits for nothing."""
    running = RequestRecord(
        FIRST_ID, "clinic-1", "ImportPersons", {"run": "dead"}, heirs.clock()
    )
    await heirs.write(running)
    messages = [import_header(FIRST_ID), *import_rows(heirs.person(1))]
    async with asyncio.timeout(10):
        reply = await heirs.registry.ImportPersons(
            iter(messages), metadata=of("clinic")
        )
    assert (False, 1) == (reply.receipt.replayed, reply.summary.written)
    assert (await heirs.stored(Person, "R1")).import_id == reply.summary.import_id
