"""What is told late to a running service, and asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from gongji.binding.life import moved
from gongji.model.binding import BindingEvent
from gongji.rules.codes import BindingState, Purpose
from gongji.v1 import (
    access_pb2,
    account_pb2,
    event_pb2,
    registry_pb2,
    settlement_pb2,
    types_pb2,
)
from gongji.v1 import consequence_pb2 as pb
from msgspec.structs import replace

from tests.scaffold.people import binding, identity_number
from tests.scaffold.service import HOSPITAL, Service


def enrolled(psn_type: str, first: str, last: str = "", status: int = 1) -> Any:
    """Return an enrolment as an employee; status 1 is normal, 2 paused."""
    row = types_pb2.Enrolment(
        scheme=types_pb2.SCHEME_EMPLOYEE,
        psn_type=psn_type,
        status=types_pb2.EnrolmentStatus.ValueType(status),
        to=last,
    )
    setattr(row, "from", first)
    return row


AT_WORK = [enrolled("11", "2020-01-01")]

RETIRED_IN_JULY = [
    enrolled("11", "2020-01-01", "2025-06-30"),
    enrolled("12", "2025-07-01"),
]

PAUSED_IN_SEPTEMBER = [
    enrolled("11", "2020-01-01", "2025-08-31"),
    enrolled("11", "2025-09-01", status=2),
]


def row_of(number: int, enrolments: Iterable[Any]) -> types_pb2.Person:
    """Return the row of P1, P2 or P3 with these enrolments."""
    certificate = types_pb2.Certificate(type="01", number=identity_number(number - 1))
    return types_pb2.Person(
        person_no=f"P{number}",
        certificate=certificate,
        name="赵某某",
        phone="13800001234",
        insured_place="341100",
        enrolments=enrolments,
        contribution_base_fen=500_000,
    )


async def tell(service: Service, number: int, enrolments: Iterable[Any]) -> str:
    """Import what is known of P1, P2 or P3 now; return the import's id."""
    reply = await service.import_persons([row_of(number, enrolments)])
    assert reply.summary.written == 1, reply.summary
    return reply.summary.import_id


async def regrade(service: Service, hosp_lv: int) -> str:
    """Import another grade of the hospital, ever since it was designated."""
    known = await service.registry.GetInstitution(
        registry_pb2.GetInstitutionRequest(code=HOSPITAL)
    )
    row = known.institution
    del row.grades[:]
    row.hosp_lv = hosp_lv
    row.grades.add(kind=row.kind, hosp_lv=hosp_lv, **{"from": row.designated_from})
    header = registry_pb2.ImportHeader(request_id=service.new_id())
    messages = [
        registry_pb2.ImportInstitutionsRequest(header=header),
        registry_pb2.ImportInstitutionsRequest(institution=row),
    ]
    reply = await service.registry.ImportInstitutions(iter(messages))
    assert reply.summary.written == 1, reply.summary
    return reply.summary.import_id


async def told(service: Service, **scope: Any) -> list[Any]:
    """Return the consequences, without the progress."""
    request = pb.ConsequencesRequest(**scope)
    replies = [reply async for reply in service.consequences.Consequences(request)]
    assert replies[0].WhichOneof("message") == "progress"
    assert replies[-1].WhichOneof("message") == "progress"
    kinds = [(reply, reply.WhichOneof("message") or "") for reply in replies]
    return [getattr(reply, kind) for reply, kind in kinds if kind != "progress"]


async def resettle(service: Service, **what: Any) -> pb.ResettleResponse:
    """Settle again."""
    request = pb.ResettleRequest(request_id=service.new_id(), **what)
    return await service.consequences.Resettle(request)


def paid(settlement: settlement_pb2.Settlement) -> tuple[int, int, int, int]:
    """Return what fund, own purse, givers and cash pay."""
    return (
        settlement.fund_fen,
        settlement.account_fen - settlement.aid_fen,
        settlement.aid_fen,
        settlement.cash_fen,
    )


async def credits_told(service: Service, import_id: str) -> list[pb.CreditConsequence]:
    """Return the credits among the consequences."""
    late = await told(service, import_id=import_id)
    return [one for one in late if isinstance(one, pb.CreditConsequence)]


async def credit_of_september(service: Service) -> int:
    """Credit P1 with a month; return the fen."""
    request = account_pb2.CreditRequest(
        request_id=service.new_id(), person=service.ref("P1"), month="2025-09"
    )
    return (await service.accounts.Credit(request)).fen


async def pay_premium(service: Service) -> str:
    """Have P2 pay the premium of P3, a resident bound to him; return its id."""
    await service.give("P2", 1000_00)
    resident = enrolled("15", "2020-01-01")
    resident.scheme = types_pb2.SCHEME_RESIDENT
    await tell(service, 3, [resident])
    at = service.clock() - timedelta(days=10)
    purposes = frozenset({Purpose.RESIDENT_PREMIUM})
    await service.write(binding("P2", "P3", at, purposes=purposes))
    request = account_pb2.PayPremiumRequest(
        request_id=service.new_id(),
        holder=service.ref("P2"),
        member=service.ref("P3"),
        year="2026",
        fen=400_00,
    )
    return (await service.accounts.PayPremium(request)).premium_id


async def unbound_since(service: Service) -> settlement_pb2.Settlement:
    """Settle a bill of 1,000 yuan of which P2 pays 70, and end the binding a week later."""
    await service.give("P2", 70_00)
    at = service.clock() - timedelta(days=10)
    active = BindingEvent(at, None, BindingState.ACTIVE, "test", "", "")
    bound = replace(binding("P2", "P1", at), history=(active,))
    await service.write(bound)
    done = (await service.settle(fen=1000_00)).settlement
    service.set_clock("2025-10-08T09:00")
    await service.write(
        moved(bound, BindingState.ENDED, service.clock(), who="test", why="")
    )
    return done


async def watched(service: Service) -> None:
    """Give P1 money, and watch what is told of that."""
    begin = event_pb2.WatchRequest(until_now=True)
    *_, first = [one async for one in service.events.Watch(begin)]
    await service.give("P1", 100)
    since = event_pb2.WatchRequest(cursor=first.cursor, until_now=True)
    assert len([one async for one in service.events.Watch(since)]) > 1


async def exported(service: Service) -> None:
    """Export everything of P1."""
    request = access_pb2.ExportPersonRequest(person=service.ref("P1"))
    async for _ in service.access.ExportPerson(request):
        pass
