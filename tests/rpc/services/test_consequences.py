"""Consequences and Resettle over the wire: what late facts change is told, and made good,
over both databases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from gongji.binding.life import closed
from gongji.model.binding import BindingEvent
from gongji.rules.codes import BindingState, Purpose
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    registry_pb2,
    settlement_pb2,
    types_pb2,
)
from gongji.v1 import consequence_pb2 as pb
from msgspec.structs import replace

from tests.rpc.services.test_account import PREMIUMS
from tests.scaffold.people import binding, identity_number
from tests.scaffold.service import HOSPITAL, RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


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


async def tell(
    service: Service, number: int, enrolments: Iterable[Any], **changes: Any
) -> str:
    """Import what is known of P1, P2 or P3 now; return the import's id."""
    row = types_pb2.Person(
        person_no=f"P{number}",
        certificate=types_pb2.Certificate(
            type="01", number=identity_number(number - 1)
        ),
        name="赵某某",
        phone="13800001234",
        insured_place="341100",
        enrolments=enrolments,
        contribution_base_fen=500_000,
        **changes,
    )
    reply = await service.import_persons([row])
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


async def test_retirement_told_late(service: Service) -> None:
    """Told three months late, a settlement is listed with both results, who pays
    otherwise, and the fact behind it."""
    done = (await service.settle(fen=2000_00)).settlement
    service.set_clock("2025-12-31T09:00")
    import_id = await tell(service, 1, RETIRED_IN_JULY)
    (late,) = await told(service, import_id=import_id)
    assert late.stored.settlement_id == done.settlement_id
    more = late.settlement.fund_fen - done.fund_fen
    assert more > 0
    assert {d.payer: d.fen - d.stored_fen for d in late.differences} == {
        settlement_pb2.PAYER_FUND: more,
        settlement_pb2.PAYER_CASH: -more,
    }
    (fact,) = late.facts
    assert (fact.record, fact.decided_on, fact.known_now, *fact.differences) == (
        "P1",
        1,
        2,
        "职工医保参保：2025-07-01起 正常参保、退休（原正常参保、在职）",
    )


async def test_made_good(service: Service) -> None:
    """Settled again it stands as told, each names the other, and nothing is left."""
    done = (await service.settle(fen=2000_00)).settlement
    import_id = await tell(service, 1, RETIRED_IN_JULY)
    (late,) = await told(service, import_id=import_id)
    what = {"settlement_id": done.settlement_id, "later": True}
    shown = await resettle(service, validate_only=True, **what)
    assert not shown.HasField("receipt")
    (again,) = (await resettle(service, **what)).settlements
    assert (again.before.replaced_by, again.after.replaces) == (
        again.after.settlement_id,
        done.settlement_id,
    )
    assert again.after.first_settled_at == done.settled_at
    (as_shown,) = shown.settlements
    assert paid(again.after) == paid(late.settlement) == paid(as_shown.after)
    for scope in ({"import_id": import_id}, {"since": done.settled_at}):
        assert [] == await told(service, **scope)


async def test_nothing_to_settle_again(service: Service) -> None:
    """What nothing has changed is not settled again."""
    done = (await service.settle()).settlement
    request = pb.ResettleRequest(
        request_id=service.new_id(), settlement_id=done.settlement_id
    )
    refused = await service.refused(service.consequences.Resettle, request)
    assert refused.reason == "NOTHING_TO_RESETTLE"


async def test_both_ids_lead_to_what_stands(service: Service) -> None:
    """A hospital that knows the first id, or the message, takes back what stands."""
    first = (await service.settle(msgid="M1")).settlement
    await tell(service, 1, RETIRED_IN_JULY)
    (again,) = (await resettle(service, settlement_id=first.settlement_id)).settlements
    answered = await service.settle(msgid="M1")
    assert answered.settlement.settlement_id == again.after.settlement_id
    assert answered.receipt.replayed
    reply = await service.reverse(settlement_id=first.settlement_id)
    assert reply.settlement.settlement_id == again.after.settlement_id
    stands = await service.settlement(again.after.settlement_id)
    assert stands.HasField("reversed_at")
    refused = await service.not_reversed(settle_request_id=first.request_id)
    assert refused.reason == "ALREADY_REVERSED"


async def test_grade_corrected(service: Service) -> None:
    """A hospital's grade corrected: each patient is told once, however often he came,
    and all later visits of the year with the first."""
    for patient in ("P1", "P2", "P1"):
        await service.settle(
            total_fen=2000_00, in_scope_fen=2000_00, patient=service.ref(patient)
        )
        service.clock.set(service.clock() + timedelta(minutes=1))
    import_id = await regrade(service, 8)
    late = await told(service, import_id=import_id)
    assert ["P1", "P1", "P2"] == [one.stored.bill.patient.person_no for one in late]
    assert {tuple(one.facts[0].differences) for one in late} == {
        ("医院等级：2020-01-01起 一级甲等（原三级甲等）",)
    }
    for patient in ("P1", "P2"):
        (first, *_) = [o for o in late if o.stored.bill.patient.person_no == patient]
        await resettle(service, settlement_id=first.stored.settlement_id, later=True)
    assert [] == await told(service, import_id=import_id)


async def test_corrected_back(service: Service) -> None:
    """Corrected and corrected back, whatever was settled is as it should be."""
    done = (await service.settle(fen=2000_00)).settlement
    first, second = await regrade(service, 8), await regrade(service, 2)
    for scope in ({"import_id": first}, {"import_id": second}):
        assert [] == await told(service, **scope)
    assert [] == await told(service, since=done.settled_at)


async def test_giver_paused(service: Service) -> None:
    """Of a giver who was paused after all, the binding is told with the bills that used
    it, and the bill of his relative: his purse gets back what it paid."""
    await service.give("P2", 70_00)
    await service.bind("P2")
    done = (await service.settle()).settlement
    assert done.aid_fen == 70_00
    import_id = await tell(service, 2, PAUSED_IN_SEPTEMBER)
    settlement, binding = await told(service, import_id=import_id)
    assert (0, 70_00) == (settlement.settlement.aid_fen, done.aid_fen)
    assert [f.record for f in settlement.facts] == ["P2"]
    assert (
        binding.before,
        binding.now,
        binding.since,
        list(binding.settlement_ids),
    ) == (
        binding_pb2.BINDING_STATE_ACTIVE,
        binding_pb2.BINDING_STATE_SUSPENDED,
        "2025-09-20",
        [done.settlement_id],
    )
    await resettle(service, settlement_id=done.settlement_id)
    assert (await service.account("P2")).balance_fen == 70_00
    (binding,) = await told(service, import_id=import_id)
    assert [] == list(binding.settlement_ids)


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


async def test_credit_up_and_down(service: Service) -> None:
    """A credit of a person who was not insured that month after all is told with what is
    spent of it, and what the purse holds is taken out; told back, it is due again."""
    fen = await credit_of_september(service)
    spent = (await service.settle(fen=40_00)).settlement.account_fen
    of_month = {"person": service.ref("P1"), "month": "2025-09"}
    for enrolments, owed in ((PAUSED_IN_SEPTEMBER, spent), (AT_WORK, 0)):
        import_id = await tell(service, 1, enrolments)
        (credit,) = await credits_told(service, import_id)
        due = 0 if owed else fen
        now = (credit.credited_fen, credit.due_fen, credit.owed_fen)
        assert (fen - due, due, owed) == now
        again = (await resettle(service, credit=of_month)).credit
        assert (again.due_fen, again.owed_fen) == (due, owed)
        assert (await service.account("P1")).balance_fen == max(0, due - spent)
        assert [] == await credits_told(service, import_id)


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


@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_premium_paid_by_one_who_was_paused(service: Service) -> None:
    """A premium whose payer was paused that day is told with the unmet condition, and
    comes back to the purse."""
    premium_id = await pay_premium(service)
    import_id = await tell(service, 2, PAUSED_IN_SEPTEMBER)
    (late, *_) = await told(service, import_id=import_id)
    assert (late.premium_id, late.holder, late.fen) == (
        premium_id,
        "P2",
        400_00,
    )
    assert late.conditions[0].rule.hook == "holder_terms"
    of_year = {
        "premium_id": late.premium_id,
        "member": service.ref("P3"),
        "year": "2026",
    }
    reply = await resettle(service, premium=of_year)
    assert reply.premium.movement.fen == 400_00
    assert (await service.account("P2")).balance_fen == 1000_00
    left = await told(service, import_id=import_id)
    assert not [one for one in left if isinstance(one, pb.PremiumConsequence)]


async def unbound_since(service: Service) -> settlement_pb2.Settlement:
    """Settle a bill of 1,000 yuan of which P2 pays 70, and end the binding a week later."""
    await service.give("P2", 70_00)
    at = service.clock() - timedelta(days=10)
    active = BindingEvent(at, None, BindingState.ACTIVE, "test", "", "")
    bound = replace(binding("P2", "P1", at), history=(active,))
    await service.write(bound)
    done = (await service.settle(fen=1000_00)).settlement
    service.set_clock("2025-10-08T09:00")
    await service.write(closed(bound, service.clock(), who="test", why=""))
    return done


async def test_a_part_is_returned(service: Service) -> None:
    """A part of a bill returned: the whole goes back and the rest is charged on the day
    of the refund, to the same purses, also after an unbinding; its month's statement
    shows both."""
    done = await unbound_since(service)
    what = {"settlement_id": done.settlement_id, "returned": {"in_scope_fen": 900_00}}
    (again,) = (await resettle(service, **what)).settlements
    assert (again.after.bill.total_fen, again.after.returned_fen) == (100_00, 900_00)
    assert 0 < again.after.aid_fen <= done.aid_fen
    request = settlement_pb2.ListSettlementsRequest(
        patient=service.ref("P1"), month="2025-10"
    )
    rows = (await service.settlements.ListSettlements(request)).rows
    assert {(r.settlement_id, r.refund, r.total_fen, r.replaces) for r in rows} == {
        (done.settlement_id, True, -1000_00, ""),
        (again.after.settlement_id, False, 100_00, done.settlement_id),
    }


async def test_what_cannot_be_asked(service: Service) -> None:
    """An import that was not applied, a token of elsewhere, and parts of what is no
    settlement are refused by name."""
    for request, reason in (
        (pb.ConsequencesRequest(import_id=service.new_id()), "IMPORT_NOT_FOUND"),
        (pb.ConsequencesRequest(), "MALFORMED_FIELD"),
    ):
        assert await refusal_of(service, request) == reason
    import_id = await regrade(service, 8)
    request = pb.ConsequencesRequest(import_id=import_id, resume_token="x")  # noqa: S106 - it opens nothing
    assert await refusal_of(service, request) == "MALFORMED_FIELD"
    refused = await service.refused(
        service.consequences.Resettle,
        pb.ResettleRequest(
            request_id=service.new_id(),
            credit=pb.CreditOfMonth(person=service.ref("P1"), month="2025-09"),
            later=True,
        ),
    )
    assert refused.field == "later"


async def refusal_of(service: Service, request: pb.ConsequencesRequest) -> str:
    """Return why a review is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in service.consequences.Consequences(request):
            pass
    return RefusedCall.of(caught.value).reason


async def test_resumed(service: Service) -> None:
    """A review goes on from a token: nothing told before it is told again."""
    await service.settle(fen=2000_00)
    import_id = await regrade(service, 8)
    request = pb.ConsequencesRequest(import_id=import_id)
    replies = [reply async for reply in service.consequences.Consequences(request)]
    last = replies[-1].progress
    assert (last.records_done, last.records_total, last.settlements_seen) == (1, 1, 1)
    token = last.resume_token
    assert [] == await told(service, import_id=import_id, resume_token=token)
