"""For whom a caller acts, over the wire: who may read and do what for whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import pytest
from gongji.access.rights import RIGHTS, AccessScope
from gongji.model.people import Person
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    claim_pb2,
    filing_pb2,
    registry_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
    wallet_pb2,
)

from tests.rpc.services.acting import (
    application,
    consent,
    outcome,
    reason,
    subject,
)
from tests.scaffold.claims import claim_of
from tests.scaffold.people import CHUZHOU, claim, filing
from tests.scaffold.service import RefusedCall, Service

HOMES: Final = ("memory", "postgres")

on_both = pytest.mark.parametrize("home", HOMES, indirect=True)

ALL: Final = os.environ.get("GONGJI_DOORS") == "1"


@pytest.fixture
async def guarded(guarded: Service) -> Service:
    """Run the family's service; W and the child have filed care elsewhere, and claimed."""
    for person_no in ("W", "C"):
        await guarded.write(
            filing(person_no, area_code=CHUZHOU), claim(person_no, CHUZHOU)
        )
    return guarded


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
    fields = BESIDES.get(name, dict)()
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        fields["request_id"] = service.new_id()
    if name == "SubmitBinding":
        return application(service, target, "S")
    if name == "SubmitClaim":
        return claim_of(target)
    if method in SIDES:
        return request(**{IDS.get(name, "binding_id"): target}, **fields)
    return request(**{side or "person": service.ref(target)}, **fields)


BESIDES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "Unbind": lambda: {"channel": "window"},
    "RecordConsent": lambda: {"consent": consent()},
    "File": lambda: {
        "kind": filing_pb2.FILING_KIND_LONG_TERM,
        "areas": ["310000"],
        "since": "2025-10-01",
    },
    "EndFiling": lambda: {"from_day": "2025-12-01"},
    "IssueStatement": lambda: {"side": statement_pb2.STATEMENT_SIDE_MEMBER},
    "OpenWallet": lambda: {"use_place": "310100", "phone": "13800001234"},
    "ChangeWalletPlace": lambda: {"use_place": "310100"},
    "Transfer": lambda: {
        "receiver": Service.ref("B"),
        "relation": "10",
        "fen": 1,
    },
    "AcceptTransfer": lambda: {"transfer_id": "T404"},
    "DeclineTransfer": lambda: {"transfer_id": "T404"},
}
"""What a request of each method says besides whom it is about."""

IDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("GetFiling", "EndFiling"), "filing_no"),
    **dict.fromkeys(("GetClaim", "WithdrawClaim"), "claim_id"),
}
"""The id by which each method is asked that is about no binding."""

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
    **dict.fromkeys(("File", "EndFiling", "GetFiling", "ListFilings"), filing_pb2),
    **dict.fromkeys(("SubmitClaim", "WithdrawClaim", "GetClaim"), claim_pb2),
    "ListClaims": claim_pb2,
    "IssueStatement": statement_pb2,
    **dict.fromkeys(("OpenWallet", "ChangeWalletPlace", "GetWallet"), wallet_pb2),
    **dict.fromkeys(("Transfer", "AcceptTransfer", "DeclineTransfer"), wallet_pb2),
    "ListTransfers": wallet_pb2,
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
        service.filings,
        service.claims,
        service.statements,
        service.wallets,
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
    "GetFiling": {"FW": ("W",), "FC": ("C",), "F404": ()},
    "EndFiling": {"FW": ("W",), "FC": ("C",), "F404": ()},
    "GetClaim": {"KW": ("W",), "KC": ("C",), "K404": ()},
    "WithdrawClaim": {"KW": ("W",), "KC": ("C",), "K404": ()},
}
"""Whose business each binding, filing and claim is; a consent is the member's alone."""

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
    "File",
    "ListFilings",
    "SubmitClaim",
    "ListClaims patient",
    "IssueStatement",
    "OpenWallet",
    "ChangeWalletPlace",
    "GetWallet",
    "Transfer sender",
    "AcceptTransfer receiver",
    "DeclineTransfer receiver",
    "ListTransfers",
)

AT_NO_BANK: Final = frozenset({"File", "EndFiling", "SubmitClaim", "WithdrawClaim"})
"""What is done at the agency of the insured city, or through what acts for it (H7)."""

WITH_ONE_ONLY: Final = frozenset(
    {"SubmitBinding", "Unbind", "RecordConsent", "OpenWallet", "ChangeWalletPlace"}
    | {"Transfer", "AcceptTransfer", "DeclineTransfer"}
)
"""What an operator too does for an identified person only."""


def targets_of(method: str) -> Mapping[str, Iterable[str]]:
    """Return what a method may be asked about, and whose business each is."""
    return SIDES.get(method) or {person: (person,) for person in PEOPLE}


def table() -> Iterator[tuple[str, str, str]]:
    """Yield each store, method and acting person.

    Over PostgreSQL each method is tried for one person, for all by `make doors`: who may
    do what is decided before a store is asked.
    """
    for place, method in enumerate((*OF_PEOPLE, *SIDES)):
        for number, acting in enumerate(MAY_ACT_FOR):
            yield "memory", method, acting
            if ALL or number == place % len(MAY_ACT_FOR):
                yield "postgres", method, acting


@pytest.mark.sampled(100)
@pytest.mark.parametrize(("home", "method", "acting"), list(table()), indirect=["home"])
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


@on_both
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
            denied = method == "ExportPerson" and caller != "counter"
            denied |= method in AT_NO_BANK and caller == "bank"
            expected = "NOT_PERMITTED" if denied else "SUBJECT_REQUIRED"
            assert (method, target, expected) == (method, target, ended)


@on_both
async def test_an_operator_acts_for_a_person_only_with_one(guarded: Service) -> None:
    """The operator too binds, unbinds and moves a wallet's money for an identified person
    only."""
    for method in (*OF_PEOPLE, *SIDES):
        target = next(iter(targets_of(method)))
        ended = await reason(
            stub_of(method, guarded), request_of(method, guarded, target), "operator"
        )
        needed = method.split()[0] in WITH_ONE_ONLY
        assert (method, needed) == (method, ended == "SUBJECT_REQUIRED")


@on_both
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


@on_both
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


def test_no_method_is_left_out() -> None:
    """Each method with a scope of the subject stands in the table of parties."""
    scoped = {
        method
        for method, row in RIGHTS.items()
        if any(AccessScope.SUBJECT in right for right in row.values())
    }
    # test_explaining and tests/rpc/services/test_event try the last two.
    elsewhere = {"GetSettlement", "ExplainRefusal", "Watch"}
    assert scoped == {m.split()[0] for m in (*OF_PEOPLE, *SIDES)} | elsewhere
