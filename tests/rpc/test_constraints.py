"""Each kind of rule over the real protos: what keeps it passes, what breaks it is named
with its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from gongji.model.refusals import Malformed, MalformedField, PartsDoNotSum
from gongji.rpc.constraints import _value_check, enforce, message_check
from gongji.rpc.values import Violation
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    constraints_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    types_pb2,
    wallet_pb2,
)
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.rpc.requested import texts

UUID = "8c2f0b52-3a0e-4a41-8c5b-0a3c33b35a11"
AT = Timestamp(seconds=1_759_000_000)
OWN_WORD = binding_pb2.Consent(method=binding_pb2.CONSENT_METHOD_OWN_ACCOUNT)
P1 = types_pb2.PersonRef(person_no="P1")


def bill(**changes: Any) -> settlement_pb2.Bill:
    fields: dict[str, Any] = {
        "patient": P1,
        "institution_code": "H34110000001",
        "service_day": "2025-09-30",
        "visit_kind": 11,
        "total_fen": 100,
        "in_scope_fen": 100,
        "account_use": 1,
        **changes,
    }
    return settlement_pb2.Bill(**fields)


def settle(**changes: Any) -> settlement_pb2.SettleRequest:
    return settlement_pb2.SettleRequest(request_id=UUID, bill=bill(**changes))


def submit(**changes: Any) -> binding_pb2.SubmitBindingRequest:
    fields: dict[str, Any] = {
        "request_id": UUID,
        "holder": P1,
        "member": P1,
        "relation": "10",
        "purposes": [1],
        "channel": "window",
        **changes,
    }
    return binding_pb2.SubmitBindingRequest(**fields)


def material(**changes: Any) -> binding_pb2.Material:
    return binding_pb2.Material(
        **{"kind": "marriage_certificate", "reference": "x", **changes}
    )


def credit(**what: Any) -> account_pb2.CreditRequest:
    return account_pb2.CreditRequest(request_id=UUID, person=P1, **what)


def enrolled(day: str) -> types_pb2.Person:
    enrolment = types_pb2.Enrolment(
        scheme=types_pb2.SCHEME_EMPLOYEE,
        psn_type="11",
        status=types_pb2.ENROLMENT_STATUS_NORMAL,
    )
    setattr(enrolment, "from", day)
    certificate = types_pb2.Certificate(type="08", number="X123")
    return types_pb2.Person(
        person_no="P1",
        certificate=certificate,
        name="赵某某",
        insured_place="341199",
        enrolments=[enrolment],
    )


def certified(number: str) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(
        certificate=types_pb2.Certificate(type="01", number=number)
    )


def named(name: str) -> types_pb2.Person:
    person = enrolled("2020-01-01")
    person.name = name
    return person


def reviewed(remark: str) -> binding_pb2.ReviewBindingRequest:
    return binding_pb2.ReviewBindingRequest(
        request_id=UUID,
        binding_id="B1",
        reviewer="1",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
        remark=remark,
    )


def reversal(settlement_id: str) -> settlement_pb2.ReverseRequest:
    return settlement_pb2.ReverseRequest(request_id=UUID, settlement_id=settlement_id)


def reconciled(
    settlement_id: str = "S1", patient: str = "P1"
) -> settlement_pb2.ReconcileDetailsRequest:
    row = settlement_pb2.ReconcileRow(settlement_id=settlement_id, patient=patient)
    return settlement_pb2.ReconcileDetailsRequest(row=row)


KEPT: dict[str, Message] = {
    "a bill": settle(),
    "a bill with every part": settle(
        total_fen=10,
        out_of_catalogue_fen=1,
        above_limit_fen=2,
        first_selfpay_fen=3,
        in_scope_fen=4,
    ),
    "the greatest amount": settle(
        total_fen=100_000_000_000, in_scope_fen=100_000_000_000
    ),
    "a leap day": settle(service_day="2024-02-29"),
    "an unspecified enum that is not required": settle(scheme=0),
    "a patient by certificate": settle(patient=certified("341199198001010011")),
    "an upper-case request id": settlement_pb2.SettleRequest(
        request_id=UUID.upper(), bill=bill()
    ),
    "an application with evidence": submit(
        purposes=[1, 2],
        materials=[material(sha256="0" * 64)],
        agreement=binding_pb2.AgreementAccepted(agreement_id="x", version="1", at=AT),
        consent=binding_pb2.Consent(
            method=binding_pb2.CONSENT_METHOD_OWN_ACCOUNT, at=AT
        ),
    ),
    "an optional message left out": submit(),
    "text with Chinese characters up to its length": submit(
        materials=[material(reference="证" * 200)]
    ),
    "a month": credit(month="2025-09"),
    "the least balance": credit(brought_forward_fen=-(10**11)),
    "an open list": account_pb2.ListEntriesRequest(person=P1),
    "an import row": enrolled("9999-12-31"),
    "a message without fields": city_pb2.ListCitiesRequest(),
    "a name with a blank after it": named("汪例 "),
    "a name of the private area": named("王\ue863"),
    "a remark like markup": reviewed("[/x] [link=y] <b> “一”；二"),
}

BROKEN: dict[str, tuple[Message, str]] = {
    "a missing string": (settlement_pb2.SettleRequest(bill=bill()), "request_id"),
    "a missing message": (settlement_pb2.SettleRequest(request_id=UUID), "bill"),
    "a missing nested message": (settle(patient=None), "bill.patient"),
    "a missing enum": (settle(visit_kind=0), "bill.visit_kind"),
    "a missing element": (submit(purposes=[]), "purposes"),
    "a missing instant": (sandbox_pb2.SetClockRequest(request_id=UUID), "now"),
    "a required oneof left open": (
        settle(patient=types_pb2.PersonRef()),
        "bill.patient.by",
    ),
    "a required oneof of the request left open": (
        settlement_pb2.ListSettlementsRequest(),
        "side",
    ),
    "an empty member of a oneof": (
        settle(patient=types_pb2.PersonRef(person_no="")),
        "bill.patient.person_no",
    ),
    "a UUID without hyphens": (
        settlement_pb2.SettleRequest(request_id=UUID.replace("-", ""), bill=bill()),
        "request_id",
    ),
    "an empty UUID in a oneof": (
        settlement_pb2.ReverseRequest(request_id=UUID, settle_request_id=""),
        "settle_request_id",
    ),
    "a day that does not exist": (settle(service_day="2025-02-29"), "bill.service_day"),
    "a day in another form": (settle(service_day="20250930"), "bill.service_day"),
    "a day in other digits": (
        settle(service_day="\uff12\uff10\uff12\uff15-09-30"),
        "bill.service_day",
    ),
    "a month that does not exist": (credit(month="2025-13"), "month"),
    "a month of year nought": (credit(month="0000-01"), "month"),
    "an instant before 1900": (
        sandbox_pb2.SetClockRequest(request_id=UUID, now=Timestamp(seconds=-(1 << 40))),
        "now",
    ),
    "an instant with too many nanoseconds": (
        sandbox_pb2.SetClockRequest(
            request_id=UUID, now=Timestamp(seconds=1, nanos=1_000_000_000)
        ),
        "now",
    ),
    "a pattern not met": (
        settle(institution_code="h34110000001"),
        "bill.institution_code",
    ),
    "a pattern met only at the start": (
        settle(institution_code="H34110000001\n"),
        "bill.institution_code",
    ),
    "a string too short": (
        settle(patient=certified("12")),
        "bill.patient.certificate.number",
    ),
    "a string too long": (settle(filing_no="9" * 61), "bill.filing_no"),
    "a string with a control character": (settle(filing_no="9\x00"), "bill.filing_no"),
    "a name nobody sees": (named("\u200b"), "name"),
    "a name that turns the line": (named("\u202e例汪"), "name"),
    "a name with an escape of one byte": (named("汪\x9b31m"), "name"),
    "a name with a NUL": (named("汪\x00"), "name"),
    "a name of blanks": (named(" \u3000"), "name"),
    "a remark of two lines": (reviewed("一\n二"), "remark"),
    "a blank after a settlement's number": (reversal("S1 "), "settlement_id"),
    "a full-width blank before it": (reversal("\u3000S1"), "settlement_id"),
    "a blank after a row's settlement": (
        reconciled(settlement_id="S1 "),
        "row.settlement_id",
    ),
    "a tab after a row's patient": (reconciled(patient="P1\t"), "row.patient"),
    "a blank after a message's number": (settle(msgid="M1 "), "bill.msgid"),
    "a blank after a filing's number": (settle(filing_no="F1\xa0"), "bill.filing_no"),
    "a blank after a giver": (settle(givers=["G1", "G2 "]), "bill.givers[1]"),
    "an amount below its least": (
        settle(total_fen=0, in_scope_fen=0),
        "bill.total_fen",
    ),
    "a negative amount": (settle(in_scope_fen=-1), "bill.in_scope_fen"),
    "an amount above its greatest": (
        settle(total_fen=100_000_000_001),
        "bill.total_fen",
    ),
    "the smallest number of all": (
        settle(above_limit_fen=-(1 << 63)),
        "bill.above_limit_fen",
    ),
    "an enum number nobody declared": (settle(visit_kind=77), "bill.visit_kind"),
    "an optional enum number nobody declared": (settle(scheme=311), "bill.scheme"),
    "an unspecified enum in a list": (submit(purposes=[1, 0]), "purposes[1]"),
    "an unknown enum in a list": (submit(purposes=[9]), "purposes[0]"),
    "too many elements": (settle(givers=[f"G{n}" for n in range(21)]), "bill.givers"),
    "two equal elements": (settle(givers=["G1", "G1"]), "bill.givers"),
    "an empty element": (settle(givers=["G1", ""]), "bill.givers[1]"),
    "an element too long": (settle(givers=["G" * 31]), "bill.givers[0]"),
    "a field of an element": (
        submit(materials=[material(), material(kind="")]),
        "materials[1].kind",
    ),
    "a nested element of an import row": (enrolled("2025-00-01"), "enrolments[0].from"),
    "an optional message that is there but incomplete": (
        submit(
            consent=binding_pb2.Consent(method=binding_pb2.CONSENT_METHOD_OWN_ACCOUNT)
        ),
        "consent.at",
    ),
    "the first of several in the order of declaration": (
        settlement_pb2.SettleRequest(request_id="x", bill=bill(visit_kind=0)),
        "request_id",
    ),
}


@pytest.mark.parametrize("message", KEPT.values(), ids=KEPT)
def test_what_keeps_the_rules_passes(message: Message) -> None:
    """A message that keeps its rules is let through as it is."""
    before = message.SerializeToString(deterministic=True)
    enforce(message)
    assert before == message.SerializeToString(deterministic=True)


@pytest.mark.parametrize(("message", "path"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_rule_is_named_by_its_path(message: Message, path: str) -> None:
    """A broken rule is MALFORMED_FIELD with the path of the field, and the sentence
    begins with it."""
    with pytest.raises(MalformedField) as refused:
        enforce(message)
    assert path == refused.value.field
    assert refused.value.message.startswith(f"{path}：")


def test_parts_must_add_up() -> None:
    """Parts that do not add up to their total are PARTS_DO_NOT_SUM at the total."""
    with pytest.raises(PartsDoNotSum) as refused:
        enforce(settle(total_fen=101))
    assert "bill.total_fen" == refused.value.field


def test_no_value_of_a_text_is_quoted() -> None:
    """A refusal never repeats what was typed: it may be somebody's number."""
    with pytest.raises(Malformed) as refused:
        enforce(settle(patient=certified("341199!98001010011")))
    assert "341199!98001010011" not in refused.value.message


def messages() -> Iterator[Any]:
    for module in (
        account_pb2,
        binding_pb2,
        city_pb2,
        claim_pb2,
        filing_pb2,
        registry_pb2,
        sandbox_pb2,
        settlement_pb2,
        types_pb2,
        wallet_pb2,
    ):
        yield from module.DESCRIPTOR.message_types_by_name.values()


IDENTIFIERS = re.compile(r".*_(id|no|code)|msgid|batch|patient|givers|reviewer")

# Read off a printed page: blanks are dropped before the number is looked up.
TYPED_FROM_PAPER = {"gongji.v1.VerifyStatementRequest.statement_no"}


@pytest.mark.parametrize("field", texts(), ids=lambda f: f.full_name)
def test_no_text_hides_anything(field: Any) -> None:
    """Every text of the protos refuses what nobody sees, and what names something
    refuses blanks, unless it is typed from paper: whoever adds a field need not
    remember it."""
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    check = _value_check(field, rule)
    hidden = ["1\u200b", "\u202e1", "1\x9b", "1\x00", "1\n", "1\t", "\u2066"]
    blanks = field.full_name in TYPED_FROM_PAPER
    if IDENTIFIERS.fullmatch(field.name) and not blanks:
        hidden += ["1 ", " 1", "1\u3000"]
    for text in hidden:
        assert check is not None
        with pytest.raises(Violation):
            check(text)


@pytest.mark.parametrize("descriptor", list(messages()), ids=lambda d: d.full_name)
def test_every_message_compiles(descriptor: Any) -> None:
    """The rules of every message of the protos can be compiled: they name fields and
    oneofs that are there."""
    message_check(descriptor)
