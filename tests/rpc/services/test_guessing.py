"""Guessing about people over the wire: counted by caller and person, ended by a pause."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest
from gongji.model.people import Certificate, Person
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    registry_pb2,
    settlement_pb2,
    types_pb2,
)
from google.rpc import error_details_pb2, status_pb2
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.rpc.services.acting import (
    another_process,
    application,
    metadata,
    outcome,
    reason,
    subject,
)
from tests.scaffold.people import NOW, identity_number
from tests.scaffold.service import RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

WRONG = 3
"""Wrong statements after which a pause begins (`acting.POLICY`)."""

NOBODY = 4
"""Look-ups that find nobody after which a pause begins (`acting.POLICY`)."""

RIGHT = {"name": "赵某某", "phone": "13800001234"}
"""What the registry says of everybody of age."""


async def stated(
    service: Service,
    details: Mapping[str, str],
    caller: str = "app",
    member: str = "W",
    holder: str = "H",
    *,
    tried: bool = True,
) -> str:
    """Return how an application ends that states details: right, wrong, or the reason."""
    typed = binding_pb2.MemberDetails(**details)
    request = application(
        service, holder, member, member_details=typed, validate_only=tried
    )
    ended = await outcome(
        service.bindings.SubmitBinding, request, caller, subject(holder)
    )
    if not isinstance(ended, RefusedCall):
        return "right"
    if ended.reason != "NOT_ELIGIBLE":
        return ended.reason
    # Other conditions are not met either, which says nothing of the details.
    sentences = [violation.description for violation in ended.failure.violations]
    wrong = any("与登记信息不一致" in sentence for sentence in sentences)
    return "wrong" if wrong else "right"


GUESSES = [
    {"name": "王某某"},
    {"phone": "13900000000"},
    {"certificate_number": identity_number(77)},
]


async def wrong_ones(service: Service, *, tried: bool = True) -> list[str]:
    """Return how three wrong statements of the app about W end."""
    return [await stated(service, guess, tried=tried) for guess in GUESSES]


@pytest.mark.parametrize("how", ["tried", "submitted"])
async def test_validate_only_confirms_no_guesses(guarded: Service, how: str) -> None:
    """After so many wrong statements about a person neither a right nor a wrong one is
    told from the other, tried or submitted, until the pause is over."""
    told = await wrong_ones(guarded, tried=how == "tried")
    assert ["wrong"] * WRONG == told
    for tried in (True, False):
        paused = [
            await stated(guarded, details, tried=tried)
            for details in (RIGHT, *GUESSES, {})
        ]
        assert {"GUESSING_PAUSED"} == set(paused)
    guarded.clock.set(NOW + timedelta(seconds=899))
    assert "GUESSING_PAUSED" == await stated(guarded, RIGHT)
    guarded.clock.set(NOW + timedelta(seconds=900))
    assert "right" == await stated(guarded, RIGHT)


async def test_a_pause_is_of_a_caller_and_a_person(guarded: Service) -> None:
    """A pause hinders neither another caller nor another person; other holders it does."""
    await wrong_ones(guarded)
    assert "right" == await stated(guarded, RIGHT, "other_app")
    assert "right" == await stated(guarded, RIGHT, member="S")
    assert "GUESSING_PAUSED" == await stated(guarded, RIGHT, holder="G")


async def test_right_statements_do_not_count(guarded: Service) -> None:
    """Who states what is right is never paused, however often."""
    assert {"right"} == {await stated(guarded, RIGHT) for _ in range(3 * WRONG)}


async def test_a_refusal_again_is_no_guess(guarded: Service) -> None:
    """A wrong application sent again under its id is answered as it was, and not counted."""
    request = application(
        guarded, "H", "W", member_details=binding_pb2.MemberDetails(name="王某某")
    )
    call = guarded.bindings.SubmitBinding
    for _ in range(3 * WRONG):
        assert "NOT_ELIGIBLE" == await reason(call, request, packed=subject("H"))
    assert "right" == await stated(guarded, RIGHT)


async def test_guesses_at_once(guarded: Service) -> None:
    """Of many guesses at once no more are answered than one after the other."""
    guesses = [f"1390000{n:04d}" for n in range(40)]
    told = await asyncio.gather(
        *[stated(guarded, {"phone": phone}) for phone in (*guesses, RIGHT["phone"])]
    )
    assert WRONG == told.count("wrong")
    assert {"wrong", "GUESSING_PAUSED"} >= set(told) - {"right"}


async def test_a_pause_says_when_it_ends(guarded: Service) -> None:
    """The refusal says when a pause ends: in words, in RetryInfo, to gRPC's own retries."""
    await wrong_ones(guarded)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.bindings.SubmitBinding(
            application(guarded, "H", "W"), metadata=metadata("app", subject("H"))
        )
    assert "暂停受理至 10:15:00" in (caught.value.details() or "")
    trailing = dict(caught.value.trailing_metadata() or ())
    assert "900000" == trailing["grpc-retry-pushback-ms"]
    packed: Any = trailing["grpc-status-details-bin"]
    retry = error_details_pb2.RetryInfo()
    assert any(d.Unpack(retry) for d in status_pb2.Status.FromString(packed).details)
    assert 900 == retry.retry_delay.seconds


async def test_a_pause_is_told_once(guarded: Service) -> None:
    """One event tells operators whose guesses began a pause, and nothing of a person."""
    with capture_logs() as logs:
        await wrong_ones(guarded)
        await wrong_ones(guarded)
    (event,) = [entry for entry in logs if entry["event"] == "guessing"]
    assert {
        "event": "guessing",
        "log_level": "warning",
        "caller": "app",
        "method": "gongji.v1.BindingService/SubmitBinding",
        "what": "statements",
        "wrong": WRONG,
        "paused_until": "2025-09-30T10:15:00+08:00",
    } == event


async def test_a_line_shows_whoever_is_acted_for_by_a_hash(guarded: Service) -> None:
    """The log tells one person from another, the same each time, and no number."""
    with capture_logs() as logs:
        for guess in GUESSES[:2]:
            await stated(guarded, guess)
    (shown,) = {entry["subject"] for entry in logs if entry["event"] == "call"}
    assert re.fullmatch("[0-9a-f]{12}", shown)


async def test_a_pause_outlives_the_process(guarded: Service) -> None:
    """Another process over the same database knows of the pause."""
    told = [await stated(guarded, guess) for guess in GUESSES[:-1]]
    async with another_process(guarded) as other:
        told += [await stated(other, GUESSES[-1]), await stated(other, RIGHT)]
    told.append(await stated(guarded, RIGHT))
    assert ["wrong"] * WRONG + ["GUESSING_PAUSED"] * 2 == told


async def test_guesses_are_held_about_a_person(guarded: Service) -> None:
    """Whoever asks what is held about him is told who guessed at him, and how often."""
    await wrong_ones(guarded)
    request = access_pb2.ExportPersonRequest(person=guarded.ref("W"))
    parts = guarded.access.ExportPerson(
        request, metadata=metadata("counter", subject("W"))
    )
    held = [
        json.loads(record.content)
        async for part in parts
        for record in part.records
        if record.kind == "guesses"
    ]
    assert [("W/app", WRONG)] == [(row["guesses_id"], row["wrong"]) for row in held]


# --- numbers shown at the counter -------------------------------------------------------


async def shown(
    service: Service,
    number: str,
    caller: str = "hospital",
    method: str = "Quote",
    kind: settlement_pb2.EvidenceType.ValueType = settlement_pb2.EVIDENCE_TYPE_IDENTITY_CARD,
) -> str:
    """Return how a bill of S ends at which a number is shown as S's."""
    evidence = settlement_pb2.VisitEvidence(type=kind, number=number, card_sn="SN1")
    bill = service.bill(patient=service.ref("S"), evidence=evidence)
    stub = service.settlements
    if method == "Quote":
        return await reason(stub.Quote, settlement_pb2.QuoteRequest(bill=bill), caller)
    request = settlement_pb2.SettleRequest(request_id=service.new_id(), bill=bill)
    return await reason(stub.Settle, request, caller)


METHODS = {
    "quoted": ("Quote",),
    "settled": ("Settle",),
    "mixed": ("Quote", "Settle"),
}


@pytest.mark.parametrize("methods", METHODS.values(), ids=METHODS)
async def test_a_number_is_not_found_by_showing_others(
    guarded: Service, methods: tuple[str, ...]
) -> None:
    """Of forty wrong numbers at once so many are judged, however they are shown; then
    the right one is not told from them, but to another caller and after the pause."""
    there = await guarded.stored(Person, "S")
    right = there.certificate.number
    ends = await asyncio.gather(
        *[
            shown(guarded, identity_number(n), method=methods[n % len(methods)])
            for n in range(200, 240)
        ]
    )
    assert WRONG == ends.count("EVIDENCE_OF_ANOTHER")
    assert {"EVIDENCE_OF_ANOTHER", "GUESSING_PAUSED"} == set(ends)
    for method in ("Quote", "Settle"):
        assert "GUESSING_PAUSED" == await shown(guarded, right, method=method)
    # Without a number there is nothing to guess.
    bill = guarded.bill(patient=guarded.ref("S"))
    request = settlement_pb2.QuoteRequest(bill=bill)
    assert "" == await reason(guarded.settlements.Quote, request, "hospital")
    assert "" == await shown(guarded, right, "pharmacy")
    guarded.clock.set(NOW + timedelta(seconds=900))
    assert "" == await shown(guarded, right)


async def test_a_number_of_a_card_is_not_found_either(guarded: Service) -> None:
    """A card the registry knows is as an identity card; what it does not know, and what is
    right, is never counted."""
    social = settlement_pb2.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD
    unknown = {await shown(guarded, f"A{n}", kind=social) for n in range(2 * WRONG)}
    assert {""} == unknown
    there = await guarded.stored(Person, "S")
    assert {""} == {
        await shown(guarded, there.certificate.number) for _ in range(2 * WRONG)
    }
    await guarded.write(replace(there, certificate=Certificate("90", "A1")))
    ends = [await shown(guarded, f"B{n}", kind=social) for n in range(WRONG)]
    ends += [await shown(guarded, number, kind=social) for number in ("B9", "A1")]
    assert ["EVIDENCE_OF_ANOTHER"] * WRONG + ["GUESSING_PAUSED"] * 2 == ends


# --- look-ups by certificate ------------------------------------------------------------


async def looked_up(
    service: Service,
    number: str,
    caller: str = "hospital",
    purpose: int = access_pb2.ACCESS_PURPOSE_CARE,
) -> str:
    """Return how a look-up of a person by an identity number ends."""
    ref = types_pb2.PersonRef(
        certificate=types_pb2.Certificate(type="01", number=number)
    )
    return await reason(
        service.registry.GetPerson,
        registry_pb2.GetPersonRequest(person=ref),
        caller,
        subject("", purpose=purpose) if purpose else None,
    )


async def test_a_look_up_needs_a_purpose(guarded: Service) -> None:
    """Without purpose nobody is looked up by certificate, there or not."""
    there = await guarded.stored(Person, "S")
    for number in (there.certificate.number, identity_number(78)):
        for caller in ("hospital", "operator", "auditor"):
            ended = await looked_up(guarded, number, caller, purpose=0)
            assert "SUBJECT_REQUIRED" == ended
    assert "" == await looked_up(guarded, there.certificate.number)


async def test_a_masked_number_is_not_found_by_trying(guarded: Service) -> None:
    """Of the 1,195 questions that led from a masked number to the whole one a few are
    answered, then neither a wrong number nor the right one."""
    there = await guarded.stored(Person, "S")
    told = [
        await looked_up(guarded, identity_number(n)) for n in range(100, 100 + NOBODY)
    ]
    assert ["PERSON_NOT_FOUND"] * NOBODY == told
    for number in (identity_number(200), there.certificate.number):
        assert "GUESSING_PAUSED" == await looked_up(guarded, number)
    assert "" == await looked_up(guarded, there.certificate.number, "pharmacy")
    guarded.clock.set(NOW + timedelta(seconds=900))
    assert "" == await looked_up(guarded, there.certificate.number)


async def test_guesses_at_a_subject_count(guarded: Service) -> None:
    """A subject named by certificates that nobody has is a look-up like any other."""
    told = []
    for n in range(100, 101 + NOBODY):
        card = types_pb2.Certificate(type="01", number=identity_number(n))
        ref = types_pb2.PersonRef(certificate=card)
        told.append(
            await reason(
                guarded.accounts.GetAccount,
                account_pb2.GetAccountRequest(person=guarded.ref("H")),
                packed=subject("H", person=ref),
            )
        )
    assert ["SUBJECT_NOT_PARTY"] * NOBODY + ["GUESSING_PAUSED"] == told


async def test_testers_are_not_bounded(service: Service) -> None:
    """On a sandbox that admits anybody look-ups need no purpose, and nothing is counted."""
    await service.write(
        service.world.person("R9", certificate=Certificate("01", identity_number(9)))
    )
    told = [await looked_up(service, identity_number(n), purpose=0) for n in range(20)]
    assert "" == told[9]
    assert "GUESSING_PAUSED" not in told
