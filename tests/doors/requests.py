"""The request of each cell, as its caller sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    log_pb2,
    packet_pb2,
    registry_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
    wallet_pb2,
)

from tests.doors.cells import ABSENT, OWN, Cell
from tests.doors.claims import CLAIMS
from tests.doors.filings import FILINGS
from tests.doors.sandboxes import SANDBOXES
from tests.doors.served import (
    AREA,
    CHANNEL,
    HOLDER,
    INSTITUTION,
    MEMBER,
    Doors,
    binding_id,
    ended,
    imported,
    packed_subject,
    refused_id,
)
from tests.rpc.services.acting import application, consent, metadata
from tests.scaffold.service import import_header, import_rows

Request = Callable[[Doors, Cell], Any]

PERIOD: Final[Any] = {"from_day": "2025-09-01", "to_day": "2025-09-30"}


def request_of(doors: Doors, cell: Cell) -> tuple[Any, Any]:
    """Return the stub's method and the request, a list of messages if it streams."""
    stub, make = REQUESTS[cell.method]
    return getattr(getattr(doors.service, stub), cell.method), make(doors, cell)


async def tried(doors: Doors, cell: Cell) -> Any:
    """Return how the call of a cell ends."""
    call, request = request_of(doors, cell)
    return await ended(call, request, metadata(cell.kind, packed_subject(cell)))


def _holder(doors: Doors, cell: Cell) -> types_pb2.PersonRef:
    return doors.service.ref(HOLDER[cell.city])


def _member(doors: Doors, cell: Cell) -> types_pb2.PersonRef:
    return doors.service.ref(MEMBER[cell.city])


def _id(doors: Doors) -> str:
    return doors.service.new_id()


def _bill(doors: Doors, cell: Cell) -> settlement_pb2.Bill:
    # The code of an institution that is there, whichever city it lies in.
    code = INSTITUTION[cell.institution, OWN]
    return doors.service.bill(patient=_holder(doors, cell), institution_code=code)


def _settlement(doors: Doors, cell: Cell) -> str:
    return doors.settlements[cell.institution, cell.city]


def _institution(cell: Cell) -> str:
    return INSTITUTION[cell.institution, cell.city]


def _details(_: Doors, cell: Cell) -> list[Any]:
    header = settlement_pb2.ReconcileHeader(
        institution_code=_institution(cell), **PERIOD
    )
    return [settlement_pb2.ReconcileDetailsRequest(header=header)]


def _persons(doors: Doors, cell: Cell) -> list[Any]:
    # Another one each time, so that the row always brings something.
    row = imported(doors.service, cell.city, number=next(doors.serial))
    return [import_header(_id(doors)), *import_rows(row)]


def _institutions(doors: Doors, cell: Cell) -> list[Any]:
    row = types_pb2.Institution(
        code=f"H{AREA[cell.city]}{next(doors.serial):05d}",
        name="某医院",
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=5,
        designated_from="2020-01-01",
    )
    header = registry_pb2.ImportHeader(request_id=_id(doors))
    return [
        registry_pb2.ImportInstitutionsRequest(header=header),
        registry_pb2.ImportInstitutionsRequest(institution=row),
    ]


def _reviewed(doors: Doors, cell: Cell) -> binding_pb2.ReviewBindingRequest:
    return binding_pb2.ReviewBindingRequest(
        request_id=_id(doors),
        binding_id=binding_id(cell.channel, cell.city, "waiting"),
        reviewer="R1",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
    )


def _consented(doors: Doors, cell: Cell) -> binding_pb2.RecordConsentRequest:
    return binding_pb2.RecordConsentRequest(
        request_id=_id(doors),
        binding_id=binding_id(cell.channel, cell.city, "waiting"),
        consent=consent(),
    )


def _unbound(doors: Doors, cell: Cell) -> binding_pb2.UnbindRequest:
    # The channel is the one that unbinds; which one bound is another matter.
    return binding_pb2.UnbindRequest(
        request_id=_id(doors),
        binding_id=binding_id("other", cell.city, "active"),
        channel=CHANNEL[cell.channel],
    )


def _corrected(kind: Any) -> Request:
    return lambda doors, cell: kind(
        request_id=_id(doors), person=_holder(doors, cell), month="2025-08", why="x"
    )


def _answered(kind: Any) -> Request:
    return lambda doors, cell: kind(
        request_id=_id(doors), receiver=_holder(doors, cell), transfer_id="T0"
    )


def _paid(doors: Doors, cell: Cell) -> account_pb2.PayPremiumRequest:
    return account_pb2.PayPremiumRequest(
        request_id=_id(doors),
        holder=doors.service.ref(HOLDER[OWN]),
        member=_member(doors, cell),
        year="2026",
        fen=40_000,
    )


def _refunded(doors: Doors, cell: Cell) -> account_pb2.RefundPremiumRequest:
    return account_pb2.RefundPremiumRequest(
        request_id=_id(doors),
        premium_id="P0",
        member=_member(doors, cell),
        year="2026",
    )


REQUESTS: Final[Mapping[str, tuple[str, Request]]] = {
    "ListCities": ("city", lambda _, __: city_pb2.ListCitiesRequest()),
    "GetCity": ("city", lambda _, __: city_pb2.GetCityRequest(area_code="340800")),
    "GetGuide": ("city", lambda _, __: city_pb2.GetGuideRequest(area_code="340800")),
    "DescribeForm": (
        "bindings",
        lambda _, __: binding_pb2.DescribeFormRequest(
            holder_city="340800", member_city="340800"
        ),
    ),
    "SubmitBinding": (
        "bindings",
        lambda d, c: application(
            d.service, HOLDER[c.city], MEMBER[OWN], channel=CHANNEL[c.channel]
        ),
    ),
    "RecordConsent": ("bindings", _consented),
    "ReviewBinding": ("bindings", _reviewed),
    "GetBinding": (
        "bindings",
        lambda _, c: binding_pb2.GetBindingRequest(
            binding_id=binding_id(c.channel, c.city, "active")
        ),
    ),
    "ListBindings": (
        "bindings",
        lambda d, c: binding_pb2.ListBindingsRequest(holder=_holder(d, c)),
    ),
    "Unbind": ("bindings", _unbound),
    "ExplainRefusal": (
        "bindings",
        lambda _, c: binding_pb2.ExplainRefusalRequest(request_id=refused_id(c)),
    ),
    **FILINGS,
    **CLAIMS,
    "Quote": (
        "settlements",
        lambda d, c: settlement_pb2.QuoteRequest(bill=_bill(d, c)),
    ),
    "Settle": (
        "settlements",
        lambda d, c: settlement_pb2.SettleRequest(request_id=_id(d), bill=_bill(d, c)),
    ),
    "Reverse": (
        "settlements",
        lambda d, c: settlement_pb2.ReverseRequest(
            request_id=_id(d), settlement_id=_settlement(d, c)
        ),
    ),
    "GetSettlement": (
        "settlements",
        lambda d, c: settlement_pb2.GetSettlementRequest(
            settlement_id=_settlement(d, c)
        ),
    ),
    "ReconcileTotals": (
        "settlements",
        lambda _, c: settlement_pb2.ReconcileTotalsRequest(
            institution_code=_institution(c), **PERIOD
        ),
    ),
    "ReconcileDetails": ("settlements", _details),
    "Recompute": (
        "settlements",
        lambda d, c: settlement_pb2.RecomputeRequest(settlement_id=_settlement(d, c)),
    ),
    "GetPacket": (
        "packets",
        lambda d, c: packet_pb2.GetPacketRequest(settlement_id=_settlement(d, c)),
    ),
    "ListSettlements": (
        "settlements",
        lambda d, c: settlement_pb2.ListSettlementsRequest(patient=_holder(d, c)),
    ),
    "GetBenefitYear": (
        "settlements",
        lambda d, c: settlement_pb2.GetBenefitYearRequest(
            person=_holder(d, c), institution_code=_institution(c)
        ),
    ),
    "GetAccount": (
        "accounts",
        lambda d, c: account_pb2.GetAccountRequest(person=_holder(d, c)),
    ),
    "ListEntries": (
        "accounts",
        lambda d, c: account_pb2.ListEntriesRequest(person=_holder(d, c)),
    ),
    "IssueStatement": (
        "statements",
        lambda d, c: statement_pb2.IssueStatementRequest(
            person=_holder(d, c), side=statement_pb2.STATEMENT_SIDE_ACCOUNT
        ),
    ),
    "VerifyStatement": (
        "statements",
        lambda d, _: statement_pb2.VerifyStatementRequest(
            statement_no=d.statement.statement.statement_no, code=d.statement.code
        ),
    ),
    "Watch": (
        "events",
        lambda d, c: event_pb2.WatchRequest(
            persons=[_holder(d, c)],
            institution_codes=[INSTITUTION[c.institution, OWN]],
            until_now=True,
        ),
    ),
    "Credit": (
        "accounts",
        lambda d, c: account_pb2.CreditRequest(
            request_id=_id(d), person=_holder(d, c), brought_forward_fen=100
        ),
    ),
    "CorrectCredit": ("accounts", _corrected(account_pb2.CorrectCreditRequest)),
    "TakeBackCredit": ("accounts", _corrected(account_pb2.TakeBackCreditRequest)),
    "PayPremium": ("accounts", _paid),
    "RefundPremium": ("accounts", _refunded),
    "OpenWallet": (
        "wallets",
        lambda d, c: wallet_pb2.OpenWalletRequest(
            request_id=_id(d),
            person=_holder(d, c),
            use_place="310100",
            phone="13800001234",
        ),
    ),
    "GetWallet": (
        "wallets",
        lambda d, c: wallet_pb2.GetWalletRequest(person=_holder(d, c)),
    ),
    "ChangeWalletPlace": (
        "wallets",
        lambda d, c: wallet_pb2.ChangeWalletPlaceRequest(
            request_id=_id(d), person=_holder(d, c), use_place="320100"
        ),
    ),
    "Transfer": (
        "wallets",
        lambda d, c: wallet_pb2.TransferRequest(
            request_id=_id(d),
            sender=_holder(d, c),
            receiver=_member(d, c),
            relation="10",
            fen=100,
        ),
    ),
    "AcceptTransfer": ("wallets", _answered(wallet_pb2.AcceptTransferRequest)),
    "DeclineTransfer": ("wallets", _answered(wallet_pb2.DeclineTransferRequest)),
    "ListTransfers": (
        "wallets",
        lambda d, c: wallet_pb2.ListTransfersRequest(person=_holder(d, c)),
    ),
    "Consequences": (
        "consequences",
        lambda d, c: consequence_pb2.ConsequencesRequest(import_id=d.imports[c.city]),
    ),
    "Resettle": (
        "consequences",
        lambda d, c: consequence_pb2.ResettleRequest(
            request_id=_id(d), settlement_id=_settlement(d, c), why="x"
        ),
    ),
    "ImportPersons": ("registry", _persons),
    "ImportInstitutions": ("registry", _institutions),
    "GetPerson": (
        "registry",
        lambda d, c: registry_pb2.GetPersonRequest(person=_holder(d, c)),
    ),
    "GetInstitution": (
        "registry",
        lambda _, c: registry_pb2.GetInstitutionRequest(code=_institution(c)),
    ),
    "GetImport": (
        "registry",
        lambda d, c: registry_pb2.GetImportRequest(import_id=d.imports[c.city]),
    ),
    "ListImports": (
        "registry",
        lambda _, __: registry_pb2.ListImportsRequest(
            registry=registry_pb2.REGISTRY_PERSONS
        ),
    ),
    "ListAccesses": (
        "access",
        lambda d, c: access_pb2.ListAccessesRequest(person=_holder(d, c)),
    ),
    "ExportPerson": (
        "access",
        lambda d, c: access_pb2.ExportPersonRequest(person=_holder(d, c)),
    ),
    "ErasePerson": (
        "access",
        lambda d, c: access_pb2.ErasePersonRequest(
            request_id=_id(d), person=_holder(d, c), validate_only=True
        ),
    ),
    "GetCheckpoint": ("log", lambda _, __: log_pb2.GetCheckpointRequest()),
    "GetConsistencyProof": (
        "log",
        lambda _, __: log_pb2.GetConsistencyProofRequest(from_size=1),
    ),
    "GetInclusionProof": (
        "log",
        lambda d, c: log_pb2.GetInclusionProofRequest(
            settlement_id=d.settlements[ABSENT if c.city == ABSENT else OWN, c.city]
        ),
    ),
    "ListLeaves": ("log", lambda _, __: log_pb2.ListLeavesRequest(limit=3)),
    **SANDBOXES,
}
"""By method: the service's stub, and what makes the request."""
