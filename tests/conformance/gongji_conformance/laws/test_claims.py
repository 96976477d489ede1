"""Profile out-of-area: bills paid by oneself are claimed on paper (手工结算)."""

from __future__ import annotations

from gongji.v1 import claim_pb2, settlement_pb2

from gongji_conformance.city import claims
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.laws.law import law


@law("OUT-OF-AREA-CLAIM-001")
def test_paid_as_settled(gongji_city: CityUnderTest) -> None:
    """A claim is paid what the fund pays of the same bill settled, and no purse moves."""
    patient, other = gongji_city.people.one(balance=500), gongji_city.people.one()
    paid = claims.pay(gongji_city.stubs, claims.claim(gongji_city.bill(patient)))
    bill = claims.claim(gongji_city.bill(other)).bill
    request = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
    settled = gongji_city.stubs.settlements.Settle(request).settlement
    assert claim_pb2.CLAIM_STATE_PAID == paid.state
    assert settled.fund_fen == paid.paid_fen
    assert 500_00 == gongji_city.balance(patient)


@law("OUT-OF-AREA-CLAIM-002")
def test_an_invoice_pays_once(gongji_city: CityUnderTest) -> None:
    """An invoice that is claimed is neither settled nor claimed again until withdrawn."""
    patient = gongji_city.people.one()
    bill = gongji_city.bill(patient)
    number = new_id()[:30]
    service = gongji_city.stubs.claims
    claimed = service.SubmitClaim(claims.claim(bill, number)).claim
    again = ask(service.SubmitClaim, claims.claim(bill, number))
    bill.invoice_no = number
    settle = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
    settled = ask(gongji_city.stubs.settlements.Settle, settle)
    for refused in (again, settled):
        assert isinstance(refused, CallRefused)
        assert "INVOICE_USED" == refused.reason
    withdrawal = claim_pb2.WithdrawClaimRequest(
        request_id=new_id(), claim_id=claimed.claim_id
    )
    service.WithdrawClaim(withdrawal)
    settle.request_id = new_id()
    assert gongji_city.stubs.settlements.Settle(settle).settlement.settlement_id
