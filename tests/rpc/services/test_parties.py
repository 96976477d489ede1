"""For whom a caller acts, over the wire: who may read and do what for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from gongji.access.rights import RIGHTS, AccessScope
from gongji.model.account import Account
from gongji.model.people import Person
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    registry_pb2,
    settlement_pb2,
    types_pb2,
)

from tests.rpc.services.acting import (
    application,
    consent,
    metadata,
    outcome,
    reason,
    subject,
)
from tests.scaffold.people import NOW
from tests.scaffold.service import RefusedCall, Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


# --- the table, from a model of its own -------------------------------------------------

MAY_ACT_FOR: Final[Mapping[str, frozenset[str]]] = {
    "H": frozenset({"H", "C"}),
    "W": frozenset({"W", "C"}),
    "C": frozenset({"C"}),
    "O": frozenset({"O"}),
    # O's father has died: the grandmother is guardian, and before the brother.
    "G": frozenset({"G", "O"}),
    "B": frozenset({"B"}),
    "S": frozenset({"S"}),
    # Who has died, or is not registered, acts for nobody, nor for himself.
    "D": frozenset(),
    "X404": frozenset(),
}
"""For whom each subject may act."""


def request_of(method: str, service: Service, target: str) -> Any:
    """Return a request of a method about a person, or about a binding."""
    name, _, side = method.partition(" ")
    request = getattr(MODULES[name], f"{name}Request")
    if name == "SubmitBinding":
        return application(service, target, "S")
    if method in SIDES:
        fields: dict[str, Any] = {"binding_id": target}
        if name == "Unbind":
            fields |= {"request_id": service.new_id(), "channel": "window"}
        if name == "RecordConsent":
            fields |= {"request_id": service.new_id(), "consent": consent()}
        return request(**fields)
    return request(**{side or "person": service.ref(target)})


MODULES: Final = {
    "GetPerson": registry_pb2,
    "ListAccesses": access_pb2,
    "ExportPerson": access_pb2,
    "GetAccount": account_pb2,
    "ListEntries": account_pb2,
    "ListSettlements": settlement_pb2,
    "GetBenefitYear": settlement_pb2,
    "ListBindings": binding_pb2,
    "SubmitBinding": binding_pb2,
    "GetBinding": binding_pb2,
    "Unbind": binding_pb2,
    "RecordConsent": binding_pb2,
}
"""The module of each method's messages."""


def stub_of(method: str, service: Service) -> Any:
    name = method.split(maxsplit=1)[0]
    if name == "ExportPerson":
        return partial(exported, service)
    stubs = (
        service.registry,
        service.access,
        service.accounts,
        service.settlements,
        service.bindings,
    )
    return next(getattr(stub, name) for stub in stubs if hasattr(stub, name))


async def exported(service: Service, request: Any, metadata: Any) -> list[Any]:
    """Return the parts of an export."""
    parts = service.access.ExportPerson(request, metadata=metadata)
    return [part async for part in parts]


PEOPLE: Final = ("H", "W", "C", "O", "S", "X405")
"""The people asked about; the last one is not registered."""

SIDES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "GetBinding": {"B-H-W": ("H", "W"), "B-H-C": ("H", "C"), "B404": ()},
    "Unbind": {"B-H-W": ("H", "W"), "B-H-C": ("H", "C"), "B404": ()},
    "RecordConsent": {"A-H-W": ("W",), "A-H-C": ("C",), "B404": ()},
}
"""Whose business each binding is; a consent is the member's alone."""

OF_PEOPLE: Final = (
    "GetPerson",
    "ListAccesses",
    "ExportPerson",
    "GetAccount",
    "ListEntries",
    "ListSettlements patient",
    "ListSettlements holder",
    "GetBenefitYear",
    "ListBindings holder",
    "ListBindings member",
    "SubmitBinding",
)


def targets_of(method: str) -> Mapping[str, Iterable[str]]:
    """Return what a method may be asked about, and whose business each is."""
    return SIDES.get(method) or {person: (person,) for person in PEOPLE}


@pytest.mark.parametrize("method", [*OF_PEOPLE, *SIDES])
@pytest.mark.parametrize("acting", MAY_ACT_FOR)
async def test_the_table_of_parties(guarded: Service, method: str, acting: str) -> None:
    """A call is refused as no party's exactly if its subject may act for nobody whose
    business it is: neither for a stranger, nor for a person or binding that is none."""
    expected = {}
    actual = {}
    for target, sides in targets_of(method).items():
        expected[target] = bool(MAY_ACT_FOR[acting] & set(sides))
        ended = await reason(
            stub_of(method, guarded),
            request_of(method, guarded, target),
            "counter",
            subject(acting),
        )
        assert ended != "INTERNAL"
        actual[target] = ended != "SUBJECT_NOT_PARTY"
    assert expected == actual


@pytest.mark.parametrize("caller", ["app", "counter", "bank"])
@pytest.mark.parametrize("packed", [None, subject("")], ids=["nothing", "a purpose"])
async def test_without_subject_nothing(
    guarded: Service, caller: str, packed: bytes | None
) -> None:
    """A channel that does not say for whom it acts is told to, whatever it asks."""
    for method in (*OF_PEOPLE, *SIDES):
        for target in targets_of(method):
            ended = await reason(
                stub_of(method, guarded),
                request_of(method, guarded, target),
                caller,
                packed,
            )
            # An export is handed over at a counter only.
            handed = method != "ExportPerson" or caller == "counter"
            expected = "SUBJECT_REQUIRED" if handed else "NOT_PERMITTED"
            assert (method, target, expected) == (method, target, ended)


async def test_an_operator_acts_for_a_person_only_with_one(guarded: Service) -> None:
    """The operator too submits, consents and unbinds for an identified person only."""
    for method in ("SubmitBinding", *SIDES):
        target = next(iter(targets_of(method)))
        ended = await reason(
            stub_of(method, guarded), request_of(method, guarded, target), "operator"
        )
        assert (method, ended == "SUBJECT_REQUIRED") == (method, method != "GetBinding")


async def test_denied_before_existence(guarded: Service) -> None:
    """Of what is another's and of what does not exist the answers are equal, to a word."""
    for method in (*OF_PEOPLE, *SIDES):
        targets = list(targets_of(method))
        answers = [
            await outcome(
                stub_of(method, guarded),
                request_of(method, guarded, target),
                "counter",
                subject("S"),
            )
            for target in (targets[0], targets[-1])
        ]
        assert all(isinstance(answer, RefusedCall) for answer in answers)
        assert answers[0] == answers[1]


async def test_by_certificate_as_by_number(guarded: Service) -> None:
    """A certificate of a stranger, and one of nobody, are answered like his number."""
    stranger = (await guarded.stored(Person, "W")).certificate
    cards = [
        types_pb2.Certificate(type=stranger.type, number=stranger.number),
        types_pb2.Certificate(type="08", number="X00000001"),
    ]
    answers = [
        await outcome(
            guarded.accounts.GetAccount,
            account_pb2.GetAccountRequest(person=types_pb2.PersonRef(certificate=card)),
            packed=subject("S"),
        )
        for card in cards
    ]
    assert ["SUBJECT_NOT_PARTY"] * 2 == [answer.reason for answer in answers]
    assert answers[0] == answers[1]


# --- bills ------------------------------------------------------------------------------


async def settled(service: Service, patient: str, fen: int = 30_000) -> str:
    """Return the id of a bill of somebody's, settled by the hospital."""
    request = settlement_pb2.SettleRequest(
        request_id=service.new_id(),
        bill=service.bill(fen, patient=service.ref(patient)),
    )
    reply = await service.settlements.Settle(request, metadata=metadata("hospital"))
    return reply.settlement.settlement_id


BILLS: Final = {
    "W": {"H": False, "W": True, "C": False, "S": False},
    "C": {"H": True, "W": True, "C": True, "S": False},
}
"""Who sees the bill of a wife, and of a child, if H's purse pays for both."""


@pytest.mark.parametrize("patient", BILLS)
async def test_a_bill_is_its_patients(guarded: Service, patient: str) -> None:
    """A bill is seen by the patient and a child's guardians, not by whose purse paid."""
    request = settlement_pb2.GetSettlementRequest(
        settlement_id=await settled(guarded, patient)
    )
    call = guarded.settlements.GetSettlement
    seen = {
        acting: not await reason(call, request, packed=subject(acting))
        for acting in BILLS[patient]
    }
    assert BILLS[patient] == seen


async def test_a_holder_sees_the_charge_and_not_the_bill(guarded: Service) -> None:
    """A holder sees when, where and how much of his purse went, and nothing of the bill."""
    settlement_id = await settled(guarded, "W")
    request = settlement_pb2.ListSettlementsRequest(holder=guarded.ref("H"))
    call = guarded.settlements.ListSettlements
    (row,) = (await outcome(call, request, packed=subject("H"))).rows
    assert [
        "settlement_id",
        "settled_at",
        "service_day",
        "institution_code",
        "institution_name",
        "patient",
        "charged_fen",
    ] == [field.name for field, _ in row.ListFields()]
    assert settlement_id == row.settlement_id


PURSES: Final = {
    ("hospital", ""): {"C"},
    ("app", "C"): {"C"},
    # His own purse paid.
    ("app", "H"): {"C", "H"},
    ("app", "W"): {"C"},
    ("operator", ""): {"C", "H"},
    ("auditor", ""): {"C", "H"},
}
"""Of whose purses each learns the balance from a child's bill, which two purses paid."""


@pytest.mark.parametrize(("caller", "acting"), PURSES)
async def test_a_balance_is_its_holders(
    guarded: Service, caller: str, acting: str
) -> None:
    """What is left in a purse its holder sees; of a patient's own purse also whoever sees
    the bill; operators and auditors see all."""
    await guarded.write(Account("C", 10_00, 1))
    request = settlement_pb2.GetSettlementRequest(
        settlement_id=await settled(guarded, "C")
    )
    packed = subject(acting) if acting else None
    call = guarded.settlements.GetSettlement
    reply = await outcome(call, request, caller, packed)
    moved = {m.purse: bool(m.version_after) for m in reply.settlement.movements}
    assert {"C", "H"} == set(moved)
    assert PURSES[caller, acting] == {purse for purse, told in moved.items() if told}


@pytest.mark.parametrize("caller", ["hospital", "operator"])
async def test_a_hospital_learns_of_no_other_visits(
    guarded: Service, caller: str
) -> None:
    """What a reversal would leave split otherwise is shown to operators whole, to a
    hospital of its own bills only."""
    elsewhere = guarded.world.hospital(2, code="H34110000009")
    await guarded.write(elsewhere)
    first = await settled(guarded, "W", 100_000)
    other = guarded.bill(
        100_000, patient=guarded.ref("W"), institution_code=elsewhere.code
    )
    guarded.clock.set(NOW + timedelta(hours=1))
    await guarded.settlements.Settle(
        settlement_pb2.SettleRequest(request_id=guarded.new_id(), bill=other),
        metadata=metadata("operator"),
    )
    request = settlement_pb2.ReverseRequest(
        request_id=guarded.new_id(),
        settlement_id=first,
        patient=guarded.ref("W"),
        validate_only=True,
    )
    reply = await outcome(guarded.settlements.Reverse, request, caller)
    assert (1 if caller == "operator" else 0) == len(reply.affected)


def test_no_method_is_left_out(home: object) -> None:
    """Each method with a scope of the subject stands in the table of parties."""
    del home
    scoped = {
        method
        for method, row in RIGHTS.items()
        if any(AccessScope.SUBJECT in right for right in row.values())
    }
    # test_explaining and tests/rpc/services/test_event try the last two.
    elsewhere = {"GetSettlement", "ExplainRefusal", "Watch"}
    assert scoped == {m.split()[0] for m in (*OF_PEOPLE, *SIDES)} | elsewhere
