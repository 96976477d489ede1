"""A database with rows in every table: what years of service leave in one.

It was brought forward from before the log, rekeyed, and let go of what had expired.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from gongji.access.policy import AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.adoption import Adoption
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules
from gongji.cities.loading import load_cities
from gongji.model.access import LostAccesses
from gongji.model.guessing import Guesses
from gongji.model.staging import StagedInstitution, StagedPerson, StagedSet, Unmerged
from gongji.model.started import RecordStart, Started, StartedPlugin
from gongji.rpc.convert.people import institution_row_from, person_row_from
from gongji.rpc.services import services_of
from gongji.rules.codes import SHANGHAI, BindingState, Purpose
from gongji.serve.clock import SandboxClock
from gongji.store import Store, open_store
from gongji.store.databases import database_at
from gongji.store.keys.counting import SealCount
from gongji.store.keys.source import FileSource
from gongji.store.keys.suite import STANDARD, default_suite
from gongji.store.retention import EXPIRING, Retention, RetentionPolicy
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.signing_key import signing_key
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    registry_pb2,
    settlement_pb2,
    statement_pb2,
)
from msgspec.structs import replace

from tests.rpc.conftest import over_ipc
from tests.rpc.services.telling import resettle
from tests.scaffold.people import binding
from tests.scaffold.service import Service
from tests.scaffold.world import World
from tests.store.conftest import engine_at, load_dump
from tests.verify.claims import claim_bills
from tests.verify.families import (
    ALONE,
    CHILDREN,
    HOLDERS,
    PARTNERS,
    PLACES,
    application,
    institution,
    leaving,
    number,
    person,
    premium,
    refund,
    retired,
)
from tests.verify.filed import file_and_settle
from tests.verify.transfers import tick, transfer_money

BROUGHT_FORWARD_AT: Final = datetime(2025, 9, 30, 10, 21, tzinfo=SHANGHAI)
"""The instant at which version 2 was left, of which the dump is."""

ADOPTED: Final = (Adoption("341100", "V2", date(2025, 10, 1)),)
"""What the operator of then had adopted."""

_MASTER: Final = bytes(range(32))


Part = Callable[[Service], Awaitable[None]]


@cache
def _cities() -> Cities:
    """The three cities, which take a second to load."""
    return load_cities(ADOPTED)


async def live_everything(
    address: str, key_file: Path, told: Callable[[str], None] = lambda _: None
) -> None:
    """Fill an empty database; leave key file and signing key beside it.

    `told` is called after each part with its name.
    """
    # Of version 2 there is no database of another suite: it knew AES only.
    if default_suite() is STANDARD:
        _brought_forward(address, key_file)
        told("brought forward")
    clock = SandboxClock(BROUGHT_FORWARD_AT)
    await _days(address, key_file, clock, _FIRST, told)
    await _rekey(address, key_file)
    told("rekeyed")
    await _days(address, key_file, clock, _LATER, told)


async def _days(
    address: str,
    key_file: Path,
    clock: SandboxClock,
    parts: Mapping[str, Part],
    told: Callable[[str], None],
) -> None:
    """Serve for some parts, a checkpoint after each; a leaf is left without one."""
    async with _serving(address, key_file, clock) as service:
        for name, part in parts.items():
            await part(service)
            await _sign(service, key_file)
            told(name)
        await service.give(HOLDERS[0], 1_00)


def _brought_forward(address: str, key_file: Path) -> None:
    key_file.write_bytes(_MASTER)
    key_file.chmod(0o600)
    engine = engine_at(address, Schema(Vault(_MASTER)))
    load_dump(engine, "version_2")
    engine.close()
    database_at(address).migrate(key_file, lambda: BROUGHT_FORWARD_AT)


@asynccontextmanager
async def _serving(
    address: str, key_file: Path, clock: SandboxClock
) -> AsyncIterator[Service]:
    """Serve the three cities over it."""
    store: Store = open_store(address, clock, key_file)
    world = World(_cities(), clock())
    await store.apply(KeepRules(world.cities))
    await store.apply(RecordStart(_start(world, clock())))
    offer = services_of(
        store, world.cities, Workdays(), clock, AnybodyPolicy(), sandbox=clock
    )
    try:
        async with over_ipc(offer) as server:
            service = Service(server, store, world, clock)
            yield service
            await service.channel.close()
    finally:
        await store.close()


def _start(world: World, at: datetime) -> Started:
    plugins = [
        StartedPlugin(c.pinyin, c.area_code, c.version, "", c.rules_digest)
        for c in world.cities.all
    ]
    settings = {"workers": "1", "sandbox": "True"}
    return Started(f"{at:%H%M}", at, "0.1.0", settings, {"policy": ""}, tuple(plugins))


async def _sign(service: Service, key_file: Path) -> None:
    key = signing_key(key_file.with_name("checkpoint.key"), service.store.signature)
    await service.store.checkpoints.sign(key)
    tick(service)


async def _rekey(address: str, key_file: Path) -> None:
    with database_at(address).administered(key_file) as administration:
        rekeying = administration.rekeying
        rekeying.begin(FileSource(key_file).next_master)
        rekeying.run(lambda _: None)
        rekeying.finish()


# --- the first days --------------------------------------------------------------------


async def _registered(service: Service) -> None:
    """Import people and institutions, twice: the second time says something else."""
    for phone in ("10000000001", "10000000002"):
        people = [
            person(place, serial, phone) for place in PLACES for serial in (1, 2, 3)
        ]
        reply = await service.import_persons([*people, leaving()])
        assert reply.summary.written == len(people) + (phone == "10000000001")
        tick(service)
    for name in ("某医院", "某人民医院"):
        await import_institutions(service, name)
        tick(service)


async def import_institutions(service: Service, name: str) -> None:
    """Import a hospital and a pharmacy of each place."""
    header = registry_pb2.ImportHeader(request_id=service.new_id())
    rows = [institution(place, kind, name) for place in PLACES for kind in "HP"]
    messages = [registry_pb2.ImportInstitutionsRequest(header=header)]
    messages += [
        registry_pb2.ImportInstitutionsRequest(institution=row) for row in rows
    ]
    await service.registry.ImportInstitutions(iter(messages))


async def _credited(service: Service) -> None:
    for holder, partner in zip(HOLDERS, PARTNERS, strict=True):
        await service.give(holder, 3_000_00)
        await service.give(partner, 40_00)
        tick(service)
        for month in ("2025-07", "2025-08"):
            await service.accounts.Credit(_month(service, holder, month))
            tick(service)
    taken = account_pb2.TakeBackCreditRequest(
        request_id=service.new_id(),
        person=service.ref(HOLDERS[0]),
        month="2025-08",
        why="重复划入",
    )
    await service.accounts.TakeBackCredit(taken)


def _month(service: Service, holder: str, month: str) -> account_pb2.CreditRequest:
    return account_pb2.CreditRequest(
        request_id=service.new_id(), person=service.ref(holder), month=month
    )


async def _bound(service: Service) -> None:
    """Bind families: at once, by review, refused, ended, and waiting."""
    for holder, partner, child in zip(HOLDERS, PARTNERS, CHILDREN, strict=True):
        at = service.clock() - timedelta(days=10)
        both = frozenset({Purpose.VISIT, Purpose.RESIDENT_PREMIUM})
        await service.write(
            binding(holder, partner, at, relation="10"),
            binding(holder, child, at, relation="20", purposes=both),
        )
    await _applied(service)
    await _reviewed(service)


async def _applied(service: Service) -> None:
    """Apply for a binding and have it accepted; end it."""
    child = person(PLACES[0], 3, "10000000002")
    at = service.clock() - timedelta(minutes=5)
    request = application(service.new_id(), PARTNERS[0], child, at)
    accepted = await service.bindings.SubmitBinding(request)
    tick(service)
    ended = binding_pb2.UnbindRequest(
        request_id=service.new_id(),
        binding_id=accepted.binding.binding_id,
        channel="wanshitong",
    )
    await service.bindings.Unbind(ended)
    tick(service)


async def _reviewed(service: Service) -> None:
    at = service.clock()
    for position, verdict in enumerate(
        (binding_pb2.REVIEW_VERDICT_APPROVE, binding_pb2.REVIEW_VERDICT_REFUSE)
    ):
        waiting = replace(
            binding(PARTNERS[position], HOLDERS[position], at, relation="10"),
            state=BindingState.UNDER_REVIEW,
            active_at=None,
            expires_at=at + timedelta(days=30),
        )
        await service.write(waiting)
        request = binding_pb2.ReviewBindingRequest(
            request_id=service.new_id(),
            binding_id=waiting.binding_id,
            reviewer="1001",
            verdict=verdict,
        )
        if verdict == binding_pb2.REVIEW_VERDICT_REFUSE:
            request.reason_code, request.remark = "MATERIAL_MISSING", "缺户口簿"
        await service.bindings.ReviewBinding(request)
        tick(service)


async def _visited(service: Service) -> None:
    """Settle bills of all three cities; take one back; pay a premium twice."""
    settled: list[settlement_pb2.Settlement] = []
    patients = [(place, number(place, who)) for place in PLACES for who in (1, 2, 3)]
    for place, patient in patients:
        for kind, fen in (("H", 900_00), ("P", 60_00), ("H", 1_500_00)):
            reply = await service.settle(
                fen=fen,
                patient=service.ref(patient),
                institution_code=f"{kind}{place}00021",
                msgid=f"M{len(settled)}" if len(settled) % 2 else "",
            )
            settled.append(reply.settlement)
            tick(service)
    await service.reverse(settlement_id=settled[3].settlement_id, why="退号")
    await service.not_reversed(settle_request_id=service.new_id())
    await service.not_settled(patient=service.ref("nobody"))
    await _paid_in_part(service)
    await _premium_paid(service)


async def _paid_in_part(service: Service) -> None:
    """Settle a bill that a purse pays until it is empty, the rest in cash."""
    await service.give(HOLDERS[2], 50_00)
    tick(service)
    last = service.ref(HOLDERS[2])
    code = f"H{PLACES[2]}00021"
    await service.settle(fen=900_00, patient=last, institution_code=code)
    tick(service)


async def _premium_paid(service: Service) -> None:
    paid = await service.accounts.PayPremium(premium(service.new_id()))
    tick(service)
    asked = refund(service.new_id(), paid.premium_id)
    await service.accounts.RefundPremium(asked)
    tick(service)
    await service.accounts.PayPremium(premium(service.new_id()))


# --- later -----------------------------------------------------------------------------


async def _erased(service: Service) -> None:
    """Look at a person, and erase another."""
    for side in (1, 2, 3):
        whose = service.ref(HOLDERS[0])
        # A number of the enumeration is what its type says it is.
        issue = statement_pb2.IssueStatementRequest(person=whose, side=side)  # type: ignore[arg-type]
        await service.statements.IssueStatement(issue)
    request = access_pb2.ListAccessesRequest(person=service.ref(HOLDERS[0]))
    await service.access.ListAccesses(request)
    erased = access_pb2.ErasePersonRequest(
        request_id=service.new_id(), person=service.ref(ALONE)
    )
    await service.access.ErasePerson(erased)


async def _settled_again(service: Service) -> None:
    """Refuse an application, be told late, and make it good."""
    husband = person(PLACES[0], 1, "10000000002")
    wrong = application(service.new_id(), PARTNERS[0], husband, service.clock())
    await service.refused(service.bindings.SubmitBinding, wrong)
    await service.import_persons([retired()])
    tick(service)
    listed = settlement_pb2.ListSettlementsRequest(patient=service.ref(HOLDERS[0]))
    rows = (await service.settlements.ListSettlements(listed)).rows
    standing = next(row for row in rows if not row.refund)
    again = await resettle(service, settlement_id=standing.settlement_id, later=True)
    assert again.settlements
    tick(service)


async def _expire(service: Service) -> None:
    """Let go of the accesses and refused requests of the first day and a half hour."""
    months = dict.fromkeys(EXPIRING, 180)
    now = BROUGHT_FORWARD_AT + timedelta(days=180, minutes=30)
    gone = await Retention(service.store, RetentionPolicy(months), now).run()
    rows = {due.name: due.rows for due in gone}
    assert rows["access"]
    # What was refused on the first day was refused by version 2.
    assert rows["refused_request"] or default_suite() is not STANDARD


async def _leave_unfinished(service: Service) -> None:
    """Leave what a process leaves that is killed: rows of imports, guesses, a loss."""
    at = service.clock()
    guesses = Guesses(guesses_id=Guesses.key_of("app", HOLDERS[0]), wrong=0, since=at)
    # So many leaves that the tree has tiles above tiles.
    for wrong in range(180):
        await service.write(replace(guesses, wrong=wrong))
    own = person_row_from(person(PLACES[0], 1, "10000000003"))
    place = institution_row_from(institution(PLACES[0], "H", "某某医院"))
    await service.write(
        Unmerged("institution", "s2", "i2", at),
        StagedSet("s1", "i1/anonymous", "person"),
        StagedPerson(set_id="s1", number=1, base=2, row=own),
        StagedInstitution(set_id="s2", number=1, base=2, row=place),
        LostAccesses("x", at, 3),
        SealCount.of(1, "x", 4096),
    )


_FIRST: Final[Mapping[str, Part]] = {
    "imported": _registered,
    "credited": _credited,
    "bound": _bound,
    "visited": _visited,
}

_LATER: Final[Mapping[str, Part]] = {
    "settled again": _settled_again,
    "transferred": transfer_money,
    "claimed": claim_bills,
    "filed": file_and_settle,
    "erased": _erased,
    "expired": _expire,
    "unfinished": _leave_unfinished,
}
