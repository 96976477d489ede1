"""Everything held about a person is told him, others masked; what no duty keeps is erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gongji.client.exporting import KINDS
from gongji.model.access import PersonAccess
from gongji.model.account import Credit, Premium
from gongji.model.commands import Listing
from gongji.model.decided import DecidedBy
from gongji.model.guessing import Guesses
from gongji.model.people import Person
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import MeterReading
from gongji.model.staging import StagedPerson, StagedSet
from gongji.rpc.convert.people import person_row_from
from gongji.store.schema import Schema
from gongji.v1 import access_pb2 as pb
from gongji.v1 import registry_pb2, settlement_pb2, statement_pb2, types_pb2

from tests.rpc.services.acting import metadata, outcome, subject
from tests.rpc.services.telling import RETIRED_IN_JULY, tell
from tests.rpc.services.test_wallet import opening
from tests.scaffold import people as invented
from tests.scaffold.service import Service
from tests.wallet.wallets import transfer

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

NAME, PHONE, NUMBER = "钱某某", "13912345678", "X00000001"
"""What an import says of R1."""


async def exported(
    service: Service, person_no: str, sent: Any = ()
) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and content of each record of an export."""
    request = pb.ExportPersonRequest(person=service.ref(person_no))
    records = []
    async for reply in service.access.ExportPerson(request, metadata=sent):
        assert reply.records
        records += [(r.kind, json.loads(r.content)) for r in reply.records]
    return records


def of_kind(
    records: list[tuple[str, dict[str, Any]]], kind: str
) -> list[dict[str, Any]]:
    """Return the records of a kind."""
    return [content for name, content in records if name == kind]


async def a_family(service: Service) -> settlement_pb2.Settlement:
    """Let HOLDER00002 pay for PATIENT0001, both imported; return the settlement."""
    people = [
        service.person(1, person_no="PATIENT0001", name=NAME, phone=PHONE),
        service.person(2, person_no="HOLDER00002"),
    ]
    await service.import_persons(people)
    at = service.clock() - timedelta(days=10)
    bound = invented.binding("HOLDER00002", "PATIENT0001", at, binding_id="B1")
    await service.write(bound)
    await service.give("HOLDER00002", 50_000)
    patient = service.ref("PATIENT0001")
    return (await service.settle(patient=patient)).settlement


async def papers_and_wallet(service: Service) -> None:
    """Let PATIENT0001 claim, file, and be handed a statement; HOLDER00002 sends money."""
    patient = service.ref("PATIENT0001")
    await service.wallets.OpenWallet(opening(service, "PATIENT0001"))
    await service.write(
        invented.claim("PATIENT0001"),
        invented.filing("PATIENT0001"),
        transfer("HOLDER00002", "PATIENT0001"),
    )
    paper = statement_pb2.IssueStatementRequest(
        person=patient, side=statement_pb2.STATEMENT_SIDE_MEMBER
    )
    await service.statements.IssueStatement(paper)


async def test_nothing_held_is_left_out(service: Service) -> None:
    """Of each kind of record there is, an export has those of the person."""
    await a_family(service)
    await service.import_persons([service.person(1, person_no="PATIENT0001")])
    row = service.person(1, person_no="PATIENT0001", phone=PHONE)
    await stage(service, row)
    at = service.clock()
    await service.write(
        Credit("PATIENT0001/2025-08", "PATIENT0001", "2025-08", 1, "fund", at),
        Guesses(guesses_id=Guesses.key_of("his", "PATIENT0001"), wrong=1, since=at),
        MeterReading.of("PATIENT0001/310/3411/2025-07-01/paid.year7", 1),
        Premium(
            premium_id="Y1",
            holder="HOLDER00002",
            member="PATIENT0001",
            year=2025,
            fen=1,
            paid_at=at,
            rules=(),
            decided_by=DecidedBy("anhui", "1", "1", "340000"),
        ),
    )
    await papers_and_wallet(service)
    told = [*await exported(service, "PATIENT0001")]
    told += await exported(service, "HOLDER00002")
    assert set(KINDS) == {kind for kind, _ in told}


async def test_a_patient_is_told_his_own(service: Service) -> None:
    """The patient's export has his data in clear, his bill whole, and of the holder no number."""
    settlement = await a_family(service)
    records = await exported(service, "PATIENT0001")
    (person,) = of_kind(records, "person")
    assert (NAME, PHONE, NUMBER) == (
        person["name"],
        person["phone"],
        person["certificate"]["number"],
    )
    (told,) = of_kind(records, "settlement")
    assert settlement.settlement_id == told["settlement_id"]
    assert 1 == len(of_kind(records, "binding"))
    assert 1 == len(of_kind(records, "import"))
    assert {"Settle"} == {r["method"] for r in of_kind(records, "request")}
    assert "HOLDER00002" not in json.dumps(records)
    assert "PATIENT0001" in json.dumps(records)


async def test_others_balances_and_requests_are_not_told(guarded: Service) -> None:
    """A patient's export says where he was treated, never what the holder's purse still
    holds, nor another caller's request ids; an operator's has the ids."""
    bill = guarded.bill(patient=guarded.ref("W"))
    settled = settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=bill)
    await outcome(guarded.settlements.Settle, settled, "hospital")
    for sent, ids in (
        (metadata("counter", subject("W")), 0),
        (metadata("operator"), 3),
    ):
        records = await exported(guarded, "W", sent)
        (told,) = of_kind(records, "settlement")
        assert bill.institution_code == told["bill"]["institution_code"]
        (movement,) = told["movements"]
        assert {"purse", "fen"} == movement.keys()
        assert ids == json.dumps(records).count(settled.request_id)


async def test_a_holder_is_told_what_he_paid_and_no_more(service: Service) -> None:
    """The holder's export has account, entries and what his purse was charged for, nothing
    of the patient's bill or person."""
    settlement = await a_family(service)
    records = await exported(service, "HOLDER00002")
    (aid,) = of_kind(records, "aid_charge")
    assert (settlement.settlement_id, -50_000) == (aid["settlement_id"], aid["fen"])
    assert {
        "settlement_id",
        "patient",
        "institution_code",
        "service_day",
        "fen",
    } == set(aid)
    assert [0] == [account["balance_fen"] for account in of_kind(records, "account")]
    assert [50_000, -50_000] == [entry["fen"] for entry in of_kind(records, "entry")]
    assert not of_kind(records, "settlement")
    text = json.dumps(records, ensure_ascii=False)
    assert "PATIENT0001" not in text
    assert NAME not in text


async def test_former_revisions_and_staged_rows_are_told(service: Service) -> None:
    """Each revision is told, and a row of an import that goes on."""
    for phone in ("13800000001", "13800000002"):
        await service.import_persons([service.person(1, phone=phone)])
    await staged(service, phone="13800000003")
    records = await exported(service, "R1")
    told = (*of_kind(records, "person_revision"), *of_kind(records, "person"))
    assert ["13800000001", "13800000002"] == [r.get("record", r)["phone"] for r in told]
    (row,) = of_kind(records, "staged_person")
    assert "13800000003" == row["row"]["phone"]


async def staged(service: Service, **changes: Any) -> None:
    """Leave a row of an import of R1 that goes on."""
    await stage(service, service.person(1, **changes))


async def stage(service: Service, person: types_pb2.Person) -> None:
    """Leave a person's row of an import that goes on."""
    row = person_row_from(person)
    await service.write(
        StagedSet("s1", "i1", "person"),
        StagedPerson(set_id="s1", number=1, base=1, row=row),
    )


async def erase(
    service: Service, person_no: str, **asked: Any
) -> pb.ErasePersonResponse:
    """Erase what no duty keeps of a person."""
    request = pb.ErasePersonRequest(
        request_id=service.new_id(), person=service.ref(person_no), **asked
    )
    return await service.access.ErasePerson(request)


async def everything_stored(service: Service) -> str:
    """Return all rows of all tables, unsealed, as one text."""
    found = []
    for kind in Schema(service.store._vault).tables:
        listing: Listing[Any] = Listing(kind=kind, limit=10_000)
        found += [record for record, _ in await service.store._listed(listing)]
    return "\n".join(map(told, found))


def told(record: Any) -> str:
    """Return all a record says, hidden fields too."""
    return repr(msgspec.to_builtins(record, enc_hook=str, str_keys=True))


def files_of(service: Service) -> Iterator[bytes]:
    """Yield the bytes of the database's files, if it is one of SQLite."""
    folder = getattr(service.store, "_folder", None)
    for path in Path(folder.name).iterdir() if folder else ():
        yield path.read_bytes()


async def test_a_phone_is_kept_by_no_duty(service: Service) -> None:
    """Of an insured person with a bill the phone goes, and what stays is named with its
    ground."""
    await a_family(service)
    assert PHONE in await everything_stored(service)
    done = await erase(service, "PATIENT0001")
    assert ["phone"] == list(done.erased)
    assert {"settlements", "enrolments", "bindings_as_member", "identity"} <= {
        kept.what for kept in done.kept
    }
    assert all(kept.ground for kept in done.kept)


async def test_what_is_erased_lies_nowhere_and_money_stays(service: Service) -> None:
    """No row, file, reply or export has an erased value of any revision; settlements and
    balances stay as they are, and are recomputed to the fen."""
    await a_family(service)
    former = "13800000009"
    changed = service.person(1, person_no="PATIENT0001", name=NAME, phone=former)
    await service.import_persons([changed])
    before = await money(service)
    await erase(service, "PATIENT0001")
    await assert_gone(service, PHONE, former)
    assert NAME in await everything_stored(service)
    assert before == await money(service)
    request = settlement_pb2.RecomputeRequest(settlement_id=before[0])
    assert (await service.settlements.Recompute(request)).as_then.equal


async def assert_gone(service: Service, *values: str) -> None:
    """Hold that no row, file or export of the patient has one of these values."""
    texts = (
        await everything_stored(service),
        json.dumps(await exported(service, "PATIENT0001")),
    )
    for value in values:
        assert not [text for text in texts if value in text]
        assert not [data for data in files_of(service) if value.encode() in data]


async def money(service: Service) -> tuple[str, bytes, int, int]:
    """Return what must not change: the settlement and both balances."""
    listing = settlement_pb2.ListSettlementsRequest(patient=service.ref("PATIENT0001"))
    rows = (await service.settlements.ListSettlements(listing)).rows
    settlement = await service.settlement(rows[0].settlement_id)
    account = await service.account("HOLDER00002")
    packed = settlement.SerializeToString(deterministic=True)
    return settlement.settlement_id, packed, account.balance_fen, account.version


async def test_of_whom_no_duty_keeps_anything_the_whole_file_goes(
    service: Service,
) -> None:
    """A person without enrolment, binding, account or bill is erased but for his number,
    from each revision and staged row."""
    await leave(service, "13800000001")
    await leave(service, PHONE)
    await staged(service, name=NAME, phone=PHONE)
    done = await erase(service, "R1")
    assert ["whole_file"] == list(done.erased)
    assert {"accesses", "requests"} == {kept.what for kept in done.kept}
    stored = await everything_stored(service)
    for said in (NAME, PHONE, "13800000001", NUMBER):
        assert said not in stored
    # Nobody is found by the certificate any more.
    by_certificate = types_pb2.PersonRef(
        certificate=types_pb2.Certificate(type="08", number=NUMBER)
    )
    request = registry_pb2.GetPersonRequest(person=by_certificate)
    refusal = await service.refused(service.registry.GetPerson, request)
    assert "PERSON_NOT_FOUND" == refusal.reason


async def leave(service: Service, phone: str) -> registry_pb2.ImportPersonsResponse:
    """Import R1, whose enrolment has ended."""
    row = service.person(1, name=NAME, phone=phone)
    row.enrolments[0].to = "2021-01-01"
    return await service.import_persons([row])


async def test_an_import_does_not_bring_a_phone_back(service: Service) -> None:
    """An erased phone is not taken from later rows; all else is."""
    await service.import_persons([service.person(1, phone=PHONE)])
    await erase(service, "R1")
    again = await service.import_persons([service.person(1, phone=PHONE)])
    assert (1, 0) == (again.summary.unchanged, again.summary.written)
    named = service.person(1, phone=PHONE, name=NAME)
    assert 1 == (await service.import_persons([named])).summary.written
    assert ("", NAME) == await phone_and_name(service)


async def test_a_row_of_whom_nothing_is_left_is_refused_until_it_is_lifted(
    service: Service,
) -> None:
    """A row of a person erased whole is refused by name; if the operator lifts the
    erasure, it is written again."""
    await leave(service, PHONE)
    await erase(service, "R1")
    refused = (await leave(service, PHONE)).summary
    assert [("PERSON_ERASED", 1)] == [(e.reason, e.row) for e in refused.errors]
    assert ("", "") == await phone_and_name(service)
    await erase(service, "R1", lift=True)
    assert 1 == (await leave(service, PHONE)).summary.written
    assert (PHONE, NAME) == await phone_and_name(service)


async def phone_and_name(service: Service) -> tuple[str, str]:
    """Return what is stored of R1."""
    person = await service.stored(Person, "R1")
    return person.phone, person.name


async def test_validate_only_writes_nothing(service: Service) -> None:
    """What would be erased and stay is told, and nothing is written."""
    await service.import_persons([service.person(1, phone=PHONE)])
    would = await erase(service, "R1", validate_only=True)
    assert (PHONE, "赵某某") == await phone_and_name(service)
    done = await erase(service, "R1")
    assert (would.erased, would.kept) == (done.erased, done.kept)


async def test_who_erased_what_is_kept(service: Service) -> None:
    """An erasure is an access of its own, and a replay answers the same again."""
    await service.import_persons([service.person(1)])
    request = pb.ErasePersonRequest(
        request_id=service.new_id(), person=service.ref("R1")
    )
    first, second = [await service.access.ErasePerson(request) for _ in range(2)]
    assert [False, True] == [first.receipt.replayed, second.receipt.replayed]
    assert first.erased == second.erased
    listing = Listing(kind=PersonAccess, equals={"person_no": "R1"}, order="at")
    rows = await service.store.page(listing)
    assert "ErasePerson" in {row.method for row in rows}


async def test_an_erasure_of_nobody(service: Service) -> None:
    """A person the registry does not know is refused by name."""
    request = pb.ErasePersonRequest(
        request_id=service.new_id(), person=service.ref("P9")
    )
    refusal = await service.refused(service.access.ErasePerson, request)
    assert "PERSON_NOT_FOUND" == refusal.reason


async def test_the_facts_of_then_stay(service: Service) -> None:
    """Revisions keep their numbers and instants: what was decided on them is found."""
    await tell(service, 1, RETIRED_IN_JULY)
    ((before, _),) = await service.store._listed(Listing(kind=PersonRevision, limit=10))
    await erase(service, "P1")
    ((after, _),) = await service.store._listed(Listing(kind=PersonRevision, limit=10))
    assert (before.key, before.known_until) == (after.key, after.known_until)
    assert before.record.enrolments == after.record.enrolments
    assert ("13800001234", "") == (before.record.phone, after.record.phone)
