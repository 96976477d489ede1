"""What lies outside is denied alike, there or not, and lists hold what is the caller's."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import timedelta
from typing import Any, Final

import pytest
from gongji.model.account import Account
from gongji.model.people import Person
from gongji.rpc.services.people import People
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    consequence_pb2,
    registry_pb2,
    types_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import replace

from tests.doors.cells import (
    ABSENT,
    NAMES,
    OTHER,
    OWN,
    PARTY,
    STRANGER,
    Cell,
    kinds,
    table,
)
from tests.doors.requests import tried
from tests.doors.served import (
    AREA,
    CHANNEL,
    HOLDER,
    INSTITUTION,
    MEMBER,
    Doors,
    ended,
    imported,
    refused_rows,
)
from tests.rpc.services.acting import metadata, subject
from tests.scaffold.people import NOW, binding
from tests.scaffold.service import RefusedCall, Service, import_header, import_rows

IMPORTS: Final = ("ImportPersons", "ImportInstitutions")


def bound(method: str, kind: str) -> list[str]:
    """Return what of that which a method names must be the caller's own."""
    row = table()[method, kind]
    return [name for name in NAMES[method] if row["may"] == "yes" and row[name] == OWN]


TELLING: Final = [
    (method, kind)
    for method in NAMES
    for kind in kinds()
    if {"city", "institution"} & {*bound(method, kind)} and method not in IMPORTS
]
"""Methods and kinds that name something which may be another's, or not be there."""


@pytest.mark.sampled(60)
@pytest.mark.parametrize(("method", "kind"), TELLING)
async def test_another_s_and_nobody_s_are_one(
    opened: Doors, method: str, kind: str
) -> None:
    """Of another's record a caller is told, to the byte, what it is told of none.

    Whoever acts for a stranger, of a record of its own city too.
    """
    names = [name for name in ("institution", "city") if name in NAMES[method]]
    of_another = {name: OTHER for name in names if name in bound(method, kind)}
    asked = [of_another, dict.fromkeys(names, ABSENT)]
    if table()[method, kind]["subject"] == PARTY:
        asked.append({})
    told = []
    for named in asked:
        cell = changed(Cell(method, kind, subject=STRANGER), **named)
        told.append(await tried(opened, cell))
    first = told[0]
    assert isinstance(first, RefusedCall)
    assert "PERMISSION_DENIED" == first.code.name
    assert [first] * len(asked) == told


async def test_a_certificate_of_another_city_is_nobody_s(opened: Doors) -> None:
    """A certificate that nobody in the caller's cities has is denied, registered or not."""
    people = [
        types_pb2.Certificate(type="08", number=n) for n in ("X00000008", "X99999999")
    ]
    call = opened.service.accounts.GetAccount
    sent = metadata("auditor", subject("", purpose=5))
    told = []
    for certificate in people:
        ref = types_pb2.PersonRef(certificate=certificate)
        request = account_pb2.GetAccountRequest(person=ref)
        told.append(await ended(call, request, sent))
    assert "PERMISSION_DENIED NOT_PERMITTED" == told[0].outcome
    assert told[0] == told[1]


# --- lists ------------------------------------------------------------------------------


async def test_a_list_of_bindings_is_of_own_cities(opened: Doors) -> None:
    """Without a person a reviewer lists the bindings of its own cities, page by page."""
    found: dict[str, list[str]] = {}
    for caller in ("reviewer", "root"):
        token, areas = "", []
        for _ in range(20):
            request = binding_pb2.ListBindingsRequest(
                state=binding_pb2.BINDING_STATE_ACTIVE,
                page=types_pb2.PageRequest(size=1, token=token),
            )
            (reply,) = await ended(
                opened.service.bindings.ListBindings, request, metadata(caller)
            )
            areas += [b.decided_by.area_code for b in reply.bindings]
            token = reply.next_page_token
            if not token:
                break
        found[caller] = areas
    assert [AREA[OWN]] * 2 == found["reviewer"]
    assert sorted([AREA[OWN], AREA[OTHER]] * 2) == sorted(found["root"])


async def test_a_list_of_imports_is_of_own_cities(opened: Doors) -> None:
    """An operator lists the imports into its cities, a feeder its own."""
    request = registry_pb2.ListImportsRequest(registry=registry_pb2.REGISTRY_PERSONS)
    listed = {}
    for caller in ("operator", "auditor", "feeder", "feeders", "root"):
        call = opened.service.registry.ListImports
        (reply,) = await ended(call, request, metadata(caller))
        listed[caller] = {one.import_id for one in reply.imports}
    own, other = {opened.imports[OWN]}, {opened.imports[OTHER]}
    assert {
        "operator": own,
        "auditor": own,
        "feeder": own,
        "feeders": other,
        "root": own | other,
    } == listed


async def test_consequences_are_of_own_cities(opened: Doors) -> None:
    """Of a late fact that touches two cities an operator is told what concerns its own."""
    await _regrade(opened)
    request = consequence_pb2.ConsequencesRequest(since=_long_ago())
    call = opened.service.consequences.Consequences
    told = {}
    for caller in ("operator", "root"):
        replies = await ended(call, request, metadata(caller))
        told[caller] = {
            reply.settlement.stored.decided_by.area_code
            for reply in replies
            if reply.WhichOneof("message") == "settlement"
        }
    assert {"operator": {AREA[OWN]}, "root": {*AREA.values()}} == told


def _long_ago() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(NOW.replace(year=2000))
    return stamp


async def _regrade(opened: Doors) -> None:
    """Import that every hospital is of another grade."""
    header = registry_pb2.ImportHeader(request_id=opened.service.new_id())
    messages = [registry_pb2.ImportInstitutionsRequest(header=header)]
    for institution in sorted({*INSTITUTION.values()}):
        row = types_pb2.Institution(
            code=institution,
            name="某医院",
            kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
            hosp_lv=8,
            designated_from="2020-01-01",
        )
        messages.append(registry_pb2.ImportInstitutionsRequest(institution=row))
    call = opened.service.registry.ImportInstitutions
    await ended(call, messages, metadata("root"))


# --- rows of imports --------------------------------------------------------------------


def _enrolled_in(service: Service, area: str) -> Any:
    """Return an own employee's row, who as a resident is insured in an area."""
    row = imported(service, OWN)
    row.enrolments[0].insured_place = AREA[OWN]
    resident = row.enrolments.add()
    resident.CopyFrom(row.enrolments[0])
    resident.scheme = types_pb2.SCHEME_RESIDENT
    resident.psn_type = "14"
    resident.insured_place = area
    return row


ROWS: Final = {
    "somebody new of another city": lambda s: s.person(31, insured_place=AREA[OTHER]),
    "somebody known of another city": lambda s: imported(s, OTHER),
    "another city's person taken over": lambda s: s.person(8, insured_place=AREA[OWN]),
    "an own person sent elsewhere": lambda s: s.person(7, insured_place=AREA[OTHER]),
    "an own person enrolled elsewhere": lambda s: _enrolled_in(s, AREA[OTHER]),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("padding", [0, 300], ids=["small", "staged"])
async def test_a_row_of_another_city_is_refused(
    opened: Doors, row: Any, padding: int
) -> None:
    """A feeder's row of another city is refused as a row, the same whether it is there."""
    service = opened.service
    more = [service.person(1000 + n, insured_place=AREA[OWN]) for n in range(padding)]
    messages = [
        import_header(service.new_id()),
        *import_rows(row(service), service.person(32, insured_place=AREA[OWN]), *more),
    ]
    call = service.registry.ImportPersons
    (reply,) = await ended(call, messages, metadata("feeder"))
    assert (1, padding + 1) == (reply.summary.refused, reply.summary.written)
    (error,) = reply.summary.errors
    assert (1, "person_no", "OTHER_CITY") == (error.row, error.field, error.reason)
    assert AREA[OTHER] == (await service.stored(Person, "R8")).first_place


async def test_what_stands_elsewhere_may_stay(opened: Doors) -> None:
    """Of its own person a feeder may repeat the enrolment that another city has told."""
    service = opened.service
    call = service.registry.ImportPersons
    row = _enrolled_in(service, AREA[OTHER])
    for caller in ("root", "feeder"):
        row.name = f"{row.name}某"
        messages = [import_header(service.new_id()), *import_rows(row)]
        replies = await ended(call, messages, metadata(caller))
        assert ([], 1) == (refused_rows(replies), replies[0].summary.written)


@pytest.mark.parametrize("relative", ["R8", "R404"], ids=["known", "unknown"])
async def test_kin_elsewhere_tell_nothing(opened: Doors, relative: str) -> None:
    """Whether another city's person is there shows in no other row of an import."""
    service = opened.service
    kin = types_pb2.Kin(person_no=relative, relation="10", source="t")
    row = service.person(33, insured_place=AREA[OWN], kin=[kin])
    elsewhere = service.person(34, person_no=relative, insured_place=AREA[OTHER])
    messages = [import_header(service.new_id()), *import_rows(row, elsewhere)]
    call = service.registry.ImportPersons
    (reply,) = await ended(call, messages, metadata("feeder"))
    assert ["OTHER_CITY"] == [error.reason for error in reply.summary.errors]
    assert 1 == reply.summary.written


async def test_a_channel_serves_whoever_lives_in_its_city(opened: Doors) -> None:
    """A member insured in the channel's city sees and ends what another city decided."""
    service = opened.service
    at = NOW - timedelta(days=10)
    across = replace(
        binding(HOLDER[OTHER], MEMBER[OWN], at, channel=CHANNEL[OWN]),
        binding_id="B-across",
    )
    await service.write(across)
    request = binding_pb2.GetBindingRequest(binding_id="B-across")
    call = service.bindings.GetBinding
    for person_no, told in ((MEMBER[OWN], ""), (HOLDER[OTHER], "NOT_PERMITTED")):
        end = await ended(call, request, metadata("app", subject(person_no)))
        assert told == (end.reason if isinstance(end, RefusedCall) else "")


async def test_a_scope_that_is_forgotten_stops_the_answer(
    opened: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that forgets to show a scope reads and writes nothing for its caller."""

    async def forget(*_: object, **__: object) -> None:
        return

    monkeypatch.setattr(People, "require_own", forget)
    before = await opened.service.stored(Account, HOLDER[OWN])
    for method in ("GetAccount", "Credit"):
        end = await tried(opened, Cell(method, "operator"))
        assert "INTERNAL INTERNAL" == end.outcome
    assert before == await opened.service.stored(Account, HOLDER[OWN])
