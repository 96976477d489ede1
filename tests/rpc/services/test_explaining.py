"""Why something is refused, told whole: tried applications, and refusals of before."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Request, RequestRecord
from gongji.model.people import Person
from gongji.rules.codes import BindingState
from gongji.v1 import account_pb2, binding_pb2
from msgspec.structs import replace

from tests.rpc.services.acting import (
    application,
    consent,
    outcome,
    reason,
    subject,
)
from tests.scaffold.service import RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def refused_submission(
    service: Service, caller: str = "app", **changes: Any
) -> tuple[str, RefusedCall]:
    """Have H's application for S refused; return its id and how it was told."""
    request = application(service, "H", "S", **changes)
    ended = await outcome(service.bindings.SubmitBinding, request, caller, subject("H"))
    assert isinstance(ended, RefusedCall)
    assert "NOT_ELIGIBLE" == ended.reason
    return request.request_id, ended


async def explained(
    service: Service, request_id: str, caller: str = "app", acting: str = "H"
) -> Any:
    """Return how the caller's question why ends; "" acts for nobody."""
    request = binding_pb2.ExplainRefusalRequest(request_id=request_id)
    packed = subject(acting) if acting else None
    return await outcome(service.bindings.ExplainRefusal, request, caller, packed)


def told(refused: RefusedCall) -> list[tuple[str, list[str]]]:
    """Hook and clauses of each condition in a trailer."""
    return [(v.type, v.subject.split(",")) for v in refused.failure.violations]


def hooks(explanation: Any) -> list[tuple[str, list[str]]]:
    """Hook and clauses of each condition in a reply."""
    return [(c.hook, list(c.clauses)) for c in explanation.conditions]


class TestTried:
    """validate_only with explain."""

    async def test_is_answered_with_what_is_not_met(self, guarded: Service) -> None:
        """A tried application is answered with every condition, whole, where without
        explain it is refused for the same."""
        tried = application(guarded, "H", "S", validate_only=True)
        refused = await outcome(
            guarded.bindings.SubmitBinding, tried, "app", subject("H")
        )
        tried.explain = True
        reply = await outcome(
            guarded.bindings.SubmitBinding, tried, "app", subject("H")
        )
        assert not reply.HasField("binding")
        assert hooks(reply.unmet) == told(refused)
        assert "NOT_ELIGIBLE" == reply.unmet.reason
        assert not reply.unmet.abridged
        for condition in reply.unmet.conditions:
            assert condition.code
            assert condition.fields
            assert condition.message
        assert {c.id for c in reply.unmet.clauses} >= {
            number for c in reply.unmet.conditions for number in c.clauses
        }

    async def test_leaves_the_id_free(self, guarded: Service) -> None:
        """Nothing is remembered of what was only tried."""
        tried = application(guarded, "H", "S", validate_only=True, explain=True)
        await outcome(guarded.bindings.SubmitBinding, tried, "app", subject("H"))
        assert (
            "SUBJECT_NOT_PARTY" == (await explained(guarded, tried.request_id)).reason
        )

    async def test_is_explained_only_if_tried(self, guarded: Service) -> None:
        """An application that counts is refused, not explained."""
        asked = application(guarded, "H", "S", explain=True)
        ended = await outcome(
            guarded.bindings.SubmitBinding, asked, "app", subject("H")
        )
        assert "MALFORMED_FIELD explain" == ended.named

    async def test_other_refusals_stay_refusals(self, guarded: Service) -> None:
        """What is wrong in itself is refused, explained or not."""
        asked = application(
            guarded, "H", "S", channel="nowhere", validate_only=True, explain=True
        )
        ended = await reason(guarded.bindings.SubmitBinding, asked, "app", subject("H"))
        assert "UNKNOWN_CHANNEL" == ended


async def test_a_refusal_is_told_again_whole(guarded: Service) -> None:
    """Whoever was refused is told again the sentence, every condition and the figures."""
    request_id, refused = await refused_submission(guarded)
    reply = await explained(guarded, request_id.upper())

    assert "SubmitBinding" == reply.method
    assert reply.at.ToDatetime()
    assert hooks(reply.explanation) == told(refused)
    assert refused.metadata["help"] == reply.explanation.metadata["help"]
    assert reply.explanation.message.startswith(refused.message[:20])


_UUID: Final = re.compile(r"[0-9a-f-]{36}")

WHO: Final = {
    "another caller": ("other_app", "H", "SUBJECT_NOT_PARTY"),
    "for another": ("app", "S", "SUBJECT_NOT_PARTY"),
    "for nobody": ("app", "", "SUBJECT_REQUIRED"),
    "an operator": ("operator", "H", "REFUSAL_NOT_FOUND"),
    "a hospital": ("hospital", "", "REFUSAL_NOT_FOUND"),
    "an auditor": ("auditor", "", "NOT_PERMITTED"),
}


@pytest.mark.parametrize(("caller", "acting", "ended"), WHO.values(), ids=WHO)
async def test_nobody_else_is_told(
    guarded: Service, caller: str, acting: str, ended: str
) -> None:
    """Only the caller that was refused, acting for the same person, is told; to all
    others it is as if there were no such request."""
    request_id, _ = await refused_submission(guarded)
    denied = await explained(guarded, request_id, caller, acting)
    absent = await explained(guarded, guarded.new_id(), caller, acting)

    assert (ended, ended) == (denied.reason, absent.reason)
    sentences = {_UUID.sub("", answer.message) for answer in (denied, absent)}
    assert 1 == len(sentences)


async def test_what_was_done_is_no_refusal(guarded: Service) -> None:
    """A request that was executed has nothing to explain."""
    request = binding_pb2.UnbindRequest(
        request_id=guarded.new_id(), binding_id="B-H-W", channel="window"
    )
    await outcome(guarded.bindings.Unbind, request, "app", subject("H"))
    ended = await explained(guarded, request.request_id)

    assert "SUBJECT_NOT_PARTY" == ended.reason


Refuse = Callable[[Service], Awaitable[tuple[Any, Any, str, str]]]
"""Makes a call that is refused: its stub, request, caller and for whom."""


async def consenting(service: Service) -> tuple[Any, Any, str, str]:
    """A consent that a guardian gives for W, who is of age."""
    request = binding_pb2.RecordConsentRequest(
        request_id=service.new_id(),
        binding_id="A-H-C",
        consent=consent(binding_pb2.CONSENT_METHOD_OWN_ACCOUNT),
    )
    return service.bindings.RecordConsent, request, "app", "C"


async def reviewing(service: Service) -> tuple[Any, Any, str, str]:
    """A review of an application whose member has died meanwhile."""
    stored = await service.stored(Binding, "A-H-W")
    await service.write(replace(stored, state=BindingState.UNDER_REVIEW))
    member = await service.stored(Person, "W")
    await service.write(replace(member, died_on=service.clock().date()))
    request = binding_pb2.ReviewBindingRequest(
        request_id=service.new_id(),
        binding_id="A-H-W",
        reviewer="R",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
    )
    return service.bindings.ReviewBinding, request, "reviewer", ""


async def paying(service: Service) -> tuple[Any, Any, str, str]:
    """A premium from a purse that is bound for visits only."""
    await service.write(Account("H", 1_000_00, 1))
    request = account_pb2.PayPremiumRequest(
        request_id=service.new_id(),
        holder=service.ref("H"),
        member=service.ref("C"),
        year="2025",
        fen=400_00,
    )
    return service.accounts.PayPremium, request, "collector", ""


@pytest.mark.parametrize("refuse", [consenting, reviewing, paying])
async def test_every_remembered_refusal_is_explained(
    guarded: Service, refuse: Refuse
) -> None:
    """A consent, a review, a premium: each condition has its code, fields and clauses."""
    call, request, caller, acting = await refuse(guarded)
    packed = subject(acting) if acting else None
    refused = await outcome(call, request, caller, packed)
    assert "NOT_ELIGIBLE" == refused.reason
    reply = await explained(guarded, request.request_id, caller, acting)

    assert type(request).__name__.removesuffix("Request") == reply.method
    assert hooks(reply.explanation) == told(refused)
    assert all(c.code and c.fields for c in reply.explanation.conditions)


FORMER: Final = """{"name": "NotEligible", "message": "不符合条件", "field": "",
"clauses": [{"id": "C22", "text": "最多能绑定7人", "source": "滁州 L33",
"grade": "document", "verified_on": ""}],
"conditions": [{"hook": "family_limit", "clauses": ["C22"], "message": "已满 7 人",
"remedy": "先解绑一人"}], "metadata": {"help": ""}}""".encode()


async def test_a_refusal_of_before_is_explained(guarded: Service) -> None:
    """What was refused before conditions had codes is told as it was told then."""
    request_id, _ = await refused_submission(guarded)
    key = Request(request_id, "app", "SubmitBinding").key
    row = await guarded.stored(RequestRecord, key)
    await guarded.write(replace(row, refusal=FORMER))
    (condition,) = (await explained(guarded, request_id)).explanation.conditions

    assert ("family_limit", ["C22"]) == (condition.hook, list(condition.clauses))
    assert "已满 7 人" == condition.message
    assert binding_pb2.CONDITION_CODE_UNSPECIFIED == condition.code
