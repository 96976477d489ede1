"""What is shown at the counter: accepted by rule, spent once, never told again."""

from __future__ import annotations

from typing import Final

import pytest
from gongji.v1 import sandbox_pb2
from gongji.v1 import settlement_pb2 as pb

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.laws.law import law

SHOWN: Final = {
    "E_VOUCHER": pb.VisitEvidence(
        type=pb.EVIDENCE_TYPE_E_VOUCHER, number="NOTOFANYISSUER"
    ),
    "SOCIAL_SECURITY_CARD": pb.VisitEvidence(
        type=pb.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD, number="A12345678", card_sn="SN1"
    ),
}
"""By type what nobody but its issuer could refuse."""


@law("CORE-EVIDENCE-001")
def test_a_token_settles_once(gongji_city: CityUnderTest) -> None:
    """A spent token settles nothing else, and a retry with it is answered as at first."""
    patient = gongji_city.people.one()
    request = gongji_city.settling(patient)
    issue = sandbox_pb2.IssueVoucherRequest(
        request_id=new_id(),
        person_no=patient.person_no,
        institution_code=request.bill.institution_code,
    )
    token = gongji_city.stubs.sandbox.IssueVoucher(issue).token
    request.bill.evidence.type = pb.EVIDENCE_TYPE_E_VOUCHER
    request.bill.evidence.number = token
    settle = gongji_city.stubs.settlements.Settle
    first = settle(request)
    assert pb.EVIDENCE_CHECK_ISSUER == first.settlement.evidence.checked
    again = settle(request)
    assert again.receipt.replayed
    assert first.settlement == again.settlement
    request.request_id = new_id()
    refused = ask(settle, request)
    assert isinstance(refused, CallRefused)
    assert "EVIDENCE_TOKEN_SPENT" == refused.reason


@law("CORE-EVIDENCE-002")
@pytest.mark.parametrize("name", SHOWN)
def test_what_a_city_accepts(gongji_city: CityUnderTest, name: str) -> None:
    """What is accepted settles and is told without its number; else the rule is named."""
    rule = gongji_city.requirements.rule("visit_evidence")
    accepted = SHOWN[name].type in rule["at_home"]["types"]
    request = gongji_city.settling(gongji_city.people.one())
    request.bill.evidence.CopyFrom(SHOWN[name])
    answer = ask(gongji_city.stubs.settlements.Settle, request)
    if accepted:
        assert not isinstance(answer, CallRefused), answer
        seen = answer.settlement.evidence
        assert (SHOWN[name].type, "visit_evidence") == (seen.type, seen.rule.hook)
        assert SHOWN[name].number not in str(answer)
    else:
        assert isinstance(answer, CallRefused)
        assert "EVIDENCE_NOT_ACCEPTED" == answer.reason
