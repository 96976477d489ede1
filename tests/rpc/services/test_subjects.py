"""The subject of a call: read, timely, and in agreement with a consent."""

from __future__ import annotations

from typing import Any, Final

import pytest
from gongji.model.binding import Binding
from gongji.model.people import Person
from gongji.rules.codes import BindingState
from gongji.v1 import access_pb2, account_pb2, binding_pb2, types_pb2
from msgspec.structs import replace

from tests.rpc.services.acting import (
    application,
    consent,
    later,
    outcome,
    reason,
    subject,
)
from tests.scaffold.people import NOW
from tests.scaffold.service import Service, import_header, replayed

UNTIMELY: Final = {
    "just now": (later(0), ""),
    "half an hour ago": (later(-30), ""),
    "longer ago": (later(-30.1), "SUBJECT_REQUIRED"),
    "a minute ahead": (later(1), ""),
    "further ahead": (later(1.1), "SUBJECT_REQUIRED"),
}


@pytest.mark.parametrize(("at", "expected"), UNTIMELY.values(), ids=UNTIMELY)
async def test_a_subject_is_of_now(guarded: Service, at: Any, expected: str) -> None:
    """A person identified longer ago than half an hour, or in the future, is none."""
    request = account_pb2.GetAccountRequest(person=guarded.ref("H"))
    call = guarded.accounts.GetAccount
    assert expected == await reason(call, request, packed=subject("H", at))


KEY: Final = "x-gongji-subject-bin"

MALFORMED: Final = {
    "no message": (b"\xff\xff", KEY),
    "too long": (b"\x00" * 5000, KEY),
    "without purpose": (subject("H", purpose=0), f"{KEY}.purpose"),
    "an unknown purpose": (subject("H", purpose=77), f"{KEY}.purpose"),
    "without how": (subject("H", identification=0), f"{KEY}.identification"),
    "without when": (subject("H", identified_at=None), f"{KEY}.identified_at"),
    "without evidence": (subject("H", evidence=""), f"{KEY}.evidence"),
    "evidence with blanks": (subject("H", evidence="a b"), f"{KEY}.evidence"),
    "nobody's number": (
        subject("H", person=types_pb2.PersonRef(person_no="?")),
        f"{KEY}.person.person_no",
    ),
    "no person named": (
        subject("H", person=types_pb2.PersonRef()),
        f"{KEY}.person.by",
    ),
    "a wrong check digit": (
        subject(
            "H",
            person=types_pb2.PersonRef(
                certificate=types_pb2.Certificate(
                    type="01", number="341199198001010010"
                )
            ),
        ),
        f"{KEY}.person.certificate.number",
    ),
}


@pytest.mark.parametrize(("packed", "field"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_subject(guarded: Service, packed: bytes, field: str) -> None:
    """What is wrong with a subject is said with its path, and its value is not repeated."""
    request = account_pb2.GetAccountRequest(person=guarded.ref("H"))
    refused = await outcome(guarded.accounts.GetAccount, request, packed=packed)
    assert "INVALID_ARGUMENT" == refused.code.name
    assert field == refused.field
    assert "341199198001010010" not in refused.message


async def test_a_subject_by_certificate(guarded: Service) -> None:
    """A subject may be named by certificate; one that nobody has is a stranger."""
    card = (await guarded.stored(Person, "H")).certificate
    reasons = {}
    for number in (card.number, "X00000001"):
        ref = types_pb2.PersonRef(
            certificate=types_pb2.Certificate(
                type=card.type if number == card.number else "08", number=number
            )
        )
        request = account_pb2.GetAccountRequest(person=guarded.ref("H"))
        packed = subject("H", person=ref)
        reasons[number == card.number] = await reason(
            guarded.accounts.GetAccount, request, packed=packed
        )
    assert {True: "", False: "SUBJECT_NOT_PARTY"} == reasons


# --- consent ----------------------------------------------------------------------------

GUARDIAN: Final = binding_pb2.CONSENT_METHOD_GUARDIAN

OWN: Final = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT

CONSENTS: Final = {
    "the wife herself": ("W", "W", OWN, 0, ""),
    "the wife at the counter": (
        "W",
        "W",
        binding_pb2.CONSENT_METHOD_COUNTER,
        0,
        "",
    ),
    "the husband for her": ("W", "H", OWN, 0, "SUBJECT_NOT_PARTY"),
    "the husband as her guardian": ("W", "H", GUARDIAN, 0, "SUBJECT_NOT_PARTY"),
    "the wife as a guardian": ("W", "W", GUARDIAN, 0, "MALFORMED_FIELD"),
    "the father as guardian": ("C", "H", GUARDIAN, 0, ""),
    "the mother as guardian": ("C", "W", GUARDIAN, 0, ""),
    "the father in the child's name": ("C", "H", OWN, 0, "MALFORMED_FIELD"),
    "the child as its guardian": ("C", "C", GUARDIAN, 0, "MALFORMED_FIELD"),
    "a stranger": ("C", "S", GUARDIAN, 0, "SUBJECT_NOT_PARTY"),
    "before she was identified": ("W", "W", OWN, -2, "MALFORMED_FIELD"),
}
"""Member, subject, method, minutes of the consent from the identification, reason."""


@pytest.mark.parametrize("told", CONSENTS.values(), ids=CONSENTS)
async def test_a_consent_is_of_who_was_identified(
    guarded: Service, told: tuple[str, str, int, int, str]
) -> None:
    """A consent is the member's, or a minor's guardian's, in the way it is stated, after
    the identification; who that was is kept with it."""
    member, acting, method, minutes, expected = told
    # Nobody is bound to one holder twice.
    bound = await guarded.stored(Binding, f"B-H-{member}")
    await guarded.write(replace(bound, state=BindingState.ENDED, closed_at=NOW))
    request = binding_pb2.RecordConsentRequest(
        request_id=guarded.new_id(),
        binding_id=f"A-H-{member}",
        consent=consent(method, at=later(minutes)),
    )
    packed = subject(acting)
    ended = await outcome(guarded.bindings.RecordConsent, request, packed=packed)
    if expected:
        assert expected == ended.reason
    else:
        assert access_pb2.Subject.FromString(packed) == ended.binding.consented_by


# --- a request id is bound to the subject -----------------------------------------------


async def test_a_request_is_its_subjects(guarded: Service) -> None:
    """The same request for another subject is another one; for the same person, who was
    identified anew meanwhile, it is answered again."""
    request = binding_pb2.UnbindRequest(
        request_id=guarded.new_id(), binding_id="B-H-C", channel="window"
    )
    call = guarded.bindings.Unbind
    first = await outcome(call, request, packed=subject("H"))
    other = await outcome(call, request, packed=subject("W"))
    again = await outcome(
        call, request, packed=subject("H", later(0.5), evidence="face-0002")
    )
    assert [False, True] == replayed(first, again)
    assert ("REQUEST_ID_REUSED", "subject") == (other.reason, other.differing)


async def test_who_unbinds_is_said(guarded: Service) -> None:
    """A binding that ends says which side, or that a guardian, ended it."""
    ended = {}
    for acting, member in (("H", "W"), ("W", "C")):
        request = binding_pb2.UnbindRequest(
            request_id=guarded.new_id(), binding_id=f"B-H-{member}", channel="window"
        )
        reply = await outcome(guarded.bindings.Unbind, request, packed=subject(acting))
        ended[acting] = reply.binding.reason
    assert {"H": "授权人解绑", "W": "监护人解绑"} == ended


# --- what was done without a credential -------------------------------------------------


async def test_nobody_marries_himself_to_a_purse(guarded: Service) -> None:
    """A channel cannot import its user as somebody's spouse, consent for both, nor pay
    from that purse: each step is refused by itself."""
    me = guarded.ref("S")
    steps = {
        "import": await reason(
            lambda rows, metadata: guarded.registry.ImportPersons(
                iter(rows), metadata=metadata
            ),
            [import_header(guarded.new_id())],
            packed=subject("S"),
        ),
        "apply for the holder": await reason(
            guarded.bindings.SubmitBinding,
            application(guarded, "H", "S"),
            packed=subject("S"),
        ),
        "consent for the other": await reason(
            guarded.bindings.SubmitBinding,
            application(guarded, "S", "H", consent=consent()),
            packed=subject("S"),
        ),
        "consent later": await reason(
            guarded.bindings.RecordConsent,
            binding_pb2.RecordConsentRequest(
                request_id=guarded.new_id(), binding_id="A-H-W", consent=consent()
            ),
            packed=subject("S"),
        ),
        "pay": await reason(
            guarded.accounts.PayPremium,
            account_pb2.PayPremiumRequest(
                request_id=guarded.new_id(),
                holder=guarded.ref("H"),
                member=me,
                year="2026",
                fen=1_000_00,
            ),
            packed=subject("S"),
        ),
    }
    assert {
        "import": "NOT_PERMITTED",
        "apply for the holder": "SUBJECT_NOT_PARTY",
        "consent for the other": "SUBJECT_NOT_PARTY",
        "consent later": "SUBJECT_NOT_PARTY",
        "pay": "NOT_PERMITTED",
    } == steps
