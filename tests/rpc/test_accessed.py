"""Who looked at whose data is kept of every method that reads or changes data of people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pytest
from gongji.model.access import PersonAccess
from gongji.model.commands import Listing
from gongji.rpc import recording
from gongji.rpc.accessed import FIELDS, PERSON_FIELDS, people_in
from gongji.rules.codes import BindingState
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    packet_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    wallet_pb2,
)
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from tests.rpc.money_calls import MONEY_CALLS
from tests.rpc.services.acting import application
from tests.rpc.services.telling import RETIRED_IN_JULY, exported, tell, told, watched
from tests.rpc.services.test_statement import issued, verified
from tests.scaffold import claims, filings
from tests.scaffold.service import HOSPITAL, Service, new_binding

FILES: Final = (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    packet_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    wallet_pb2,
)

IMPORTS: Final = frozenset({"ImportPersons"})
"""Recorded once for all their people: by the import each revision names."""


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method of ours."""
    for module in FILES:
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def messages(root: Descriptor) -> Iterator[Descriptor]:
    """Yield a message type and those within it."""
    seen, pending = set(), [root]
    while pending:
        descriptor = pending.pop()
        if descriptor.full_name in seen:
            continue
        seen.add(descriptor.full_name)
        yield descriptor
        pending += [f.message_type for f in descriptor.fields if f.message_type]


def names_people(root: Descriptor) -> bool:
    """Return whether a message refers to a person, or holds a person's number."""
    return any(
        field.name in PERSON_FIELDS
        or (field.message_type and field.message_type.name == "PersonRef")
        for descriptor in messages(root)
        for field in descriptor.fields
    )


def about_people() -> set[str]:
    """Return the names of all methods whose request or reply is about people."""
    named = {
        method.name
        for method in methods()
        if names_people(method.input_type) or names_people(method.output_type)
    }
    # A sandbox's token names somebody who is not looked up.
    return named - {"IssueVoucher"}


def test_every_method_about_people_says_what_it_shows() -> None:
    """The table of fields has exactly the methods whose request or reply names people, and
    those that name them by a record of theirs."""
    by_record = {"Reverse", "GetSettlement", "Recompute", "GetPacket", "ExplainRefusal"}
    assert FIELDS.keys() == about_people() | by_record


def test_the_comments_of_the_protos_call_a_person_by_these_names_only() -> None:
    """A text field that holds a person's number has one of the names that are looked for."""
    suspected = {
        field.name
        for method in methods()
        for descriptor in messages(method.output_type)
        for field in descriptor.fields
        if field.type == field.TYPE_STRING
        and any(
            word in field.name
            for word in ("person", "holder", "member", "patient", "purse", "giver")
        )
    }
    assert suspected <= PERSON_FIELDS


def test_people_of_a_reply_are_found_wherever_they_stand() -> None:
    """Numbers in single, repeated and nested messages are found, "" among them."""
    reply = settlement_pb2.SettleResponse()
    reply.settlement.bill.patient.person_no = "P1"
    reply.settlement.lines.add(purse="P2")
    reply.settlement.lines.add()
    reply.settlement.movements.add(purse="P3")
    reply.settlement.bill.givers.append("P4")
    assert {"P1", "P2", "", "P3", "P4"} == set(people_in(reply))
    assert not list(people_in(sandbox_pb2.ResetResponse()))


def test_who_is_only_said_again_is_nobody() -> None:
    """A caller's own row that is answered tells of nobody: it may name whomever it likes."""
    reply = settlement_pb2.ReconcileDetailsResponse()
    reply.theirs.patient = "P1"
    assert not {"P1"} & set(people_in(reply))
    reply.ours.patient = "P2"
    assert "P2" in people_in(reply)


Work: TypeAlias = Callable[[Service], Awaitable[Any]]


async def listed(service: Service, method: str) -> set[str]:
    """Return whose accesses by a method are stored, after what waits is written."""
    await asyncio.sleep(recording.WAIT_S + 0.1)
    rows = await service.store.page(Listing(kind=PersonAccess, limit=1000))
    found = [row for row in rows if row.method == method]
    assert all(row.fields == FIELDS[method] for row in found)
    assert all(
        (row.caller, row.caller_kind) == ("anonymous", "tester") for row in found
    )
    return {row.person_no for row in found}


async def settled(service: Service) -> str:
    """Settle P1's bill out of P2's purse; return its id."""
    await service.bind("P2")
    await service.give("P2", 100_000)
    return (await service.settle()).settlement.settlement_id


async def bound(service: Service) -> None:
    """Put P1's application for a member P2 before the reviewers."""
    expires_at = service.clock() + timedelta(days=30)
    await service.write(
        new_binding(state=BindingState.UNDER_REVIEW, expires_at=expires_at)
    )


async def _quote(s: Service) -> None:
    await s.bind("P2")
    await s.give("P2", 100_000)
    await s.settlements.Quote(settlement_pb2.QuoteRequest(bill=s.bill()))


async def _reverse(s: Service) -> None:
    await s.reverse(settlement_id=await settled(s), why="退费")


async def _get_settlement(s: Service) -> None:
    await s.settlement(await settled(s))


async def _recompute(s: Service) -> None:
    request = settlement_pb2.RecomputeRequest(settlement_id=await settled(s))
    await s.settlements.Recompute(request)


async def _packet(s: Service) -> None:
    request = packet_pb2.GetPacketRequest(settlement_id=await settled(s))
    await s.packets.GetPacket(request)


async def _list_settlements(s: Service) -> None:
    request = settlement_pb2.ListSettlementsRequest(holder=s.ref("P2"))
    await s.settlements.ListSettlements(request)


async def _benefit_year(s: Service) -> None:
    await s.bind("P2")
    request = settlement_pb2.GetBenefitYearRequest(person=s.ref("P1"))
    await s.settlements.GetBenefitYear(request)


async def _reconcile(s: Service) -> None:
    await settled(s)
    header = settlement_pb2.ReconcileHeader(
        institution_code=HOSPITAL, from_day="2025-09-30", to_day="2025-09-30"
    )
    messages = [settlement_pb2.ReconcileDetailsRequest(header=header)]
    async for _ in s.settlements.ReconcileDetails(iter(messages)):
        pass


async def _refused(s: Service, **changes: bool) -> str:
    request = application(s, "P1", "P2", **changes)
    await s.refused(s.bindings.SubmitBinding, request)
    return request.request_id


async def _submit(s: Service) -> None:
    await _refused(s, validate_only=True)


async def _explain(s: Service) -> None:
    refused = await _refused(s)
    explain = binding_pb2.ExplainRefusalRequest(request_id=refused)
    await s.bindings.ExplainRefusal(explain)


async def _consent(s: Service) -> None:
    await s.write(new_binding(state=BindingState.AWAITING_CONSENT))
    consent = binding_pb2.Consent(method=binding_pb2.CONSENT_METHOD_PHONE_CODE)
    consent.at.FromDatetime(s.clock())
    request = binding_pb2.RecordConsentRequest(
        request_id=s.new_id(), binding_id="B1", consent=consent
    )
    await s.bindings.RecordConsent(request)


async def _review(s: Service) -> None:
    await bound(s)
    request = binding_pb2.ReviewBindingRequest(
        request_id=s.new_id(),
        binding_id="B1",
        reviewer="R7",
        verdict=binding_pb2.REVIEW_VERDICT_REFUSE,
        reason_code="MATERIAL_MISSING",
    )
    await s.bindings.ReviewBinding(request)


async def _unbind(s: Service) -> None:
    await s.write(new_binding())
    request = binding_pb2.UnbindRequest(
        request_id=s.new_id(), binding_id="B1", channel="wanshitong"
    )
    await s.bindings.Unbind(request)


async def _get_binding(s: Service) -> None:
    await bound(s)
    await s.bindings.GetBinding(binding_pb2.GetBindingRequest(binding_id="B1"))


async def _list_bindings(s: Service) -> None:
    await bound(s)
    state = binding_pb2.BINDING_STATE_UNDER_REVIEW
    reply = await s.bindings.ListBindings(binding_pb2.ListBindingsRequest(state=state))
    assert reply.bindings


async def _list_entries(s: Service) -> None:
    request = account_pb2.ListEntriesRequest(person=s.ref("P1"))
    await s.accounts.ListEntries(request)


def _credit_of(month: str = "2025-09") -> account_pb2.CreditRequest:
    return account_pb2.CreditRequest(
        request_id=Service.new_id(), person=Service.ref("P1"), month=month
    )


async def _correct(s: Service) -> None:
    await s.accounts.Credit(_credit_of())
    request = account_pb2.CorrectCreditRequest(
        request_id=s.new_id(), person=s.ref("P1"), month="2025-09", why="补差"
    )
    await s.accounts.CorrectCredit(request)


async def _take_back(s: Service) -> None:
    request = account_pb2.TakeBackCreditRequest(
        request_id=s.new_id(), person=s.ref("P1"), month="2025-09", why="误划"
    )
    # That there is none is told of the person.
    await s.refused(s.accounts.TakeBackCredit, request)


async def _consequences(s: Service) -> None:
    await s.settle(fen=2000_00)
    s.set_clock("2025-12-31T09:00")
    assert await told(s, import_id=await tell(s, 1, RETIRED_IN_JULY))


async def _resettle(s: Service) -> None:
    request = consequence_pb2.ResettleRequest(
        request_id=s.new_id(), settlement_id=await settled(s), why="核对"
    )
    s.set_clock("2025-12-31T09:00")
    await tell(s, 1, RETIRED_IN_JULY)
    await s.consequences.Resettle(request)


async def _get_person(s: Service) -> None:
    await s.registry.GetPerson(registry_pb2.GetPersonRequest(person=s.ref("P1")))


async def _list_accesses(s: Service) -> None:
    await s.access.ListAccesses(access_pb2.ListAccessesRequest(person=s.ref("P1")))


async def _erase(s: Service) -> None:
    request = access_pb2.ErasePersonRequest(
        request_id=s.new_id(), person=s.ref("P1"), validate_only=True
    )
    await s.access.ErasePerson(request)


CALLS: Final[dict[str, tuple[Work, set[str]]]] = {
    "Quote": (_quote, {"P1", "P2"}),
    "Settle": (settled, {"P1", "P2"}),
    "Reverse": (_reverse, {"P1", "P2"}),
    "GetSettlement": (_get_settlement, {"P1", "P2"}),
    "Recompute": (_recompute, {"P1", "P2"}),
    "GetPacket": (_packet, {"P1", "P2"}),
    "ListSettlements": (_list_settlements, {"P2"}),
    "GetBenefitYear": (_benefit_year, {"P1", "P2"}),
    "IssueStatement": (issued, {"P1", "P2"}),
    "VerifyStatement": (verified, {"P1", "P2"}),
    "ReconcileDetails": (_reconcile, {"P1"}),
    "SubmitBinding": (_submit, {"P1", "P2"}),
    "ExplainRefusal": (_explain, {"P1", "P2"}),
    "RecordConsent": (_consent, {"P1", "P2"}),
    "ReviewBinding": (_review, {"P1", "P2"}),
    "Unbind": (_unbind, {"P1", "P2"}),
    "GetBinding": (_get_binding, {"P1", "P2"}),
    "ListBindings": (_list_bindings, {"P1", "P2"}),
    **filings.CALLS,
    **claims.CALLS,
    "GetAccount": (lambda s: s.account("P1"), {"P1"}),
    "ListEntries": (_list_entries, {"P1"}),
    "Credit": (lambda s: s.give("P1", 100), {"P1"}),
    "CorrectCredit": (_correct, {"P1"}),
    "TakeBackCredit": (_take_back, {"P1"}),
    **MONEY_CALLS,
    "Consequences": (_consequences, {"P1"}),
    "Resettle": (_resettle, {"P1", "P2"}),
    "Watch": (watched, {"P1"}),
    "GetPerson": (_get_person, {"P1"}),
    "ListAccesses": (_list_accesses, {"P1"}),
    "ExportPerson": (exported, {"P1"}),
    "ErasePerson": (_erase, {"P1"}),
}
"""A call of each method, and whose data it reads or changes."""


def test_each_of_them_is_called() -> None:
    """No method about people is left out of the table."""
    assert CALLS.keys() | IMPORTS == FIELDS.keys()


@pytest.mark.parametrize("method", CALLS)
async def test_everybody_whose_data_a_call_touches_is_noted(
    service: Service, method: str
) -> None:
    """Each call leaves a row for each person whose data it reads or changes, no other."""
    call, people = CALLS[method]
    await call(service)
    assert people == await listed(service, method)
