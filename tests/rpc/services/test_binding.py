"""The life of a binding over the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gongji.model.binding import Binding
from gongji.rules.codes import BindingState
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2

from tests.scaffold.service import Service, new_binding

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


def waiting(service: Service, state: BindingState, **changes: Any) -> Binding:
    """Return an application of P1 for P2 that waits."""
    now = service.clock()
    return new_binding(
        state=state,
        submitted_at=now - timedelta(days=1),
        expires_at=now + timedelta(days=30),
        **changes,
    )


def application(service: Service, **changes: Any) -> pb.SubmitBindingRequest:
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "holder": service.ref("P1"),
        "member": service.ref("P2"),
        "relation": "10",
        "purposes": [types_pb2.PURPOSE_VISIT],
        "channel": "window",
        **changes,
    }
    return pb.SubmitBindingRequest(**fields)


def approval(service: Service) -> pb.ReviewBindingRequest:
    return pb.ReviewBindingRequest(
        request_id=service.new_id(),
        binding_id="B1",
        reviewer="1001",
        verdict=pb.REVIEW_VERDICT_APPROVE,
    )


async def test_every_unmet_condition_is_listed(service: Service) -> None:
    """NOT_ELIGIBLE lists each condition with hook, clauses and words; nothing is stored."""
    await service.import_persons([service.person(1, insured_place="340800")])
    request = application(service, member=service.ref("R1"), relation="28")
    refusal = await service.refused(service.bindings.SubmitBinding, request)
    assert "NOT_ELIGIBLE" == refusal.reason
    violations = refusal.failure.violations
    assert "relations" in [v.type for v in violations]
    assert all(v.description and v.subject for v in violations)
    cited = {number for v in violations for number in v.subject.split(",")}
    assert cited == set(refusal.metadata["clauses"].split(","))
    listing = pb.ListBindingsRequest(holder=service.ref("P1"))
    listed = await service.bindings.ListBindings(listing)
    assert [] == list(listed.bindings)


async def test_validate_only_uses_up_nothing(service: Service) -> None:
    """With validate_only the decision is the same, nothing is stored and the request id
    stays free."""
    request = application(service, relation="28", validate_only=True)
    first = await service.refused(service.bindings.SubmitBinding, request)
    request.validate_only = False
    second = await service.refused(service.bindings.SubmitBinding, request)
    assert first.failure == second.failure
    request.relation = "20"
    refusal = await service.refused(service.bindings.SubmitBinding, request)
    assert "REQUEST_ID_REUSED" == refusal.reason
    assert "relation" == refusal.differing


async def test_a_review_approves(service: Service) -> None:
    """A reviewer's approval makes the binding active and is answered once."""
    await service.write(waiting(service, BindingState.UNDER_REVIEW))
    request = approval(service)
    first = await service.bindings.ReviewBinding(request)
    again = await service.bindings.ReviewBinding(request)
    assert pb.BINDING_STATE_ACTIVE == first.binding.state
    assert [types_pb2.PURPOSE_VISIT] == list(first.binding.purposes)
    assert (first.binding, True) == (again.binding, again.receipt.replayed)
    stored = await service.bindings.GetBinding(pb.GetBindingRequest(binding_id="B1"))
    assert first.binding == stored.binding


async def test_what_expired_is_shown_expired(service: Service) -> None:
    """An application nobody answered in time is shown as expired from its instant on,
    and cannot be moved."""
    await service.write(waiting(service, BindingState.UNDER_REVIEW))
    service.clock.set(service.clock() + timedelta(days=30))
    stored = await service.bindings.GetBinding(pb.GetBindingRequest(binding_id="B1"))
    assert pb.BINDING_STATE_EXPIRED == stored.binding.state
    assert pb.BINDING_STATE_EXPIRED == stored.binding.history[-1].to_state
    request = approval(service)
    refusal = await service.refused(service.bindings.ReviewBinding, request)
    assert "ILLEGAL_TRANSITION" == refusal.reason


async def test_evidence_comes_back_as_it_was_given(service: Service) -> None:
    """Consent is kept with method, instant and reference."""
    await service.write(waiting(service, BindingState.AWAITING_CONSENT))
    consent = pb.Consent(method=pb.CONSENT_METHOD_PHONE_CODE, reference="evidence-1")
    consent.at.FromDatetime(service.clock())
    request = pb.RecordConsentRequest(
        request_id=service.new_id(), binding_id="B1", consent=consent
    )
    reply = await service.bindings.RecordConsent(request)
    assert consent == reply.binding.consent
