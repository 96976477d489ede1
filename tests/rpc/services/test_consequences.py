"""Consequences over the wire: what late facts change is told, over both databases."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import grpc
import pytest
from gongji.v1 import (
    binding_pb2,
    settlement_pb2,
)
from gongji.v1 import consequence_pb2 as pb

from tests.rpc.services.telling import (
    PAUSED_IN_SEPTEMBER,
    RETIRED_IN_JULY,
    regrade,
    resettle,
    row_of,
    tell,
    told,
)
from tests.scaffold.service import HOSPITAL, RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


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
    assert len(token) <= 200


async def test_a_token_is_its_caller_s(service: Service) -> None:
    """A token names nobody in clear, and serves no other caller."""
    await service.settle(fen=2000_00)
    import_id = await regrade(service, 8)
    request = pb.ConsequencesRequest(import_id=import_id)
    replies = [reply async for reply in service.consequences.Consequences(request)]
    token = replies[-1].progress.resume_token
    clear = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert HOSPITAL.encode() not in clear
    request.resume_token = token
    metadata = (("x-gongji-caller", "another"),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in service.consequences.Consequences(request, metadata=metadata):
            pass
    assert "MALFORMED_FIELD resume_token" == RefusedCall.of(caught.value).named


async def test_an_import_still_to_be_merged(service: Service) -> None:
    """What an import of more rows than one commit takes changes is told as soon as it
    is applied, though it is not merged yet."""
    done = (await service.settle(fen=2000_00)).settlement
    rows = [service.person(number) for number in range(1, 600)]
    rows.append(row_of(1, RETIRED_IN_JULY))
    summary = (await service.import_persons(rows)).summary
    (late,) = await told(service, import_id=summary.import_id)
    assert late.stored.settlement_id == done.settlement_id


async def test_a_caller_who_goes_away(service: Service) -> None:
    """A review ends with its caller, and the service answers on."""
    await service.settle(fen=2000_00)
    import_id = await regrade(service, 8)
    request = pb.ConsequencesRequest(import_id=import_id)
    call: Any = service.consequences.Consequences(request)
    assert (await call.read()).WhichOneof("message") == "progress"
    call.cancel()
    assert (await told(service, import_id=import_id)) != []
