"""What each kind of caller may do, written from the interface's text, not from a server's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    log_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    wallet_pb2,
)

from gongji_conformance.city.callers import Kind

_FILES: Final = (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    log_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    wallet_pb2,
)

PATHS: Final[Mapping[str, str]] = {
    method.name: f"/{service.full_name}/{method.name}"
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""The path of each method there is, by its name."""

_RULES: Final = frozenset({"ListCities", "GetCity", "GetGuide", "DescribeForm"})
BINDING: Final = frozenset({"SubmitBinding", "RecordConsent", "Unbind"})
"""What is done through a channel."""
_BOUND: Final = frozenset({"GetBinding", "ListBindings"})
_ISSUED: Final = frozenset({"IssueStatement"})
_CHECKED: Final = frozenset({"VerifyStatement"})
"""Of a statement of which one holds number and code."""
_REFUSED: Final = frozenset({"ExplainRefusal"})
"""Of one's own requests."""
_OWN: Final = frozenset(
    {
        *("GetSettlement", "ListSettlements", "GetBenefitYear"),
        *("GetAccount", "ListEntries", "GetPerson"),
    }
)
_WALLET: Final = frozenset(
    {
        *("OpenWallet", "ChangeWalletPlace", "Transfer"),
        *("AcceptTransfer", "DeclineTransfer"),
    }
)
_WALLETS: Final = frozenset({"GetWallet", "ListTransfers"})
_CLAIMS: Final = frozenset({"GetClaim", "ListClaims"})
_FILING: Final = frozenset({"File", "EndFiling", "SubmitClaim", "WithdrawClaim"})
_FILINGS: Final = frozenset({"GetFiling", "ListFilings"}) | _CLAIMS
_RECONCILED: Final = frozenset({"ReconcileTotals", "ReconcileDetails"})
_BILLS: Final = frozenset({"Quote", "Settle", "Reverse"})
_IMPORTS: Final = frozenset({"GetImport", "ListImports"})
_FEEDING: Final = frozenset({"ImportPersons", "ImportInstitutions"})
_PREMIUMS: Final = frozenset({"PayPremium", "RefundPremium"})
_ACCESSES: Final = frozenset({"ListAccesses"})
_WATCHED: Final = frozenset({"Watch"})
_LOG: Final = frozenset(
    {"GetCheckpoint", "GetConsistencyProof", "GetInclusionProof", "ListLeaves"}
)

_READS: Final = (
    _BOUND
    | _OWN
    | _WALLETS
    | _FILINGS
    | _RECONCILED
    | _IMPORTS
    | _ACCESSES
    | _WATCHED
    | _LOG
    | {"GetInstitution", "Recompute", "GetPacket", "Consequences"}
)

_CHANNEL: Final = (
    BINDING
    | _BOUND
    | _OWN
    | _FILINGS
    | _ACCESSES
    | _REFUSED
    | _WATCHED
    | _ISSUED
    | _CHECKED
    | _WALLET
    | _WALLETS
)

_INSTITUTION: Final = (
    _BILLS
    | _RECONCILED
    | _REFUSED
    | _WATCHED
    | {"GetSettlement", "GetBenefitYear", "GetPerson", "GetInstitution"}
)

_STATED: Final[Mapping[Kind, frozenset[str]]] = {
    "app": _RULES | _CHANNEL | _FILING,
    "counter": _RULES | _CHANNEL | _FILING | {"ExportPerson"},
    "bank": _RULES | _CHANNEL,
    "hospital": _RULES | _INSTITUTION,
    "pharmacy": _RULES | _INSTITUTION,
    "collector": _RULES | _PREMIUMS | _REFUSED,
    "feeder": _RULES | _FEEDING | _IMPORTS,
    "reviewer": _RULES
    | _BOUND
    | _CLAIMS
    | _REFUSED
    | _WATCHED
    | _CHECKED
    | {"ReviewBinding", "ReviewClaim", "DecideClaim"},
    "auditor": _RULES | _READS | _CHECKED,
    "operator": frozenset(PATHS),
    "city_team": _RULES,
}

WORK: Final[Mapping[Kind, frozenset[str]]] = {
    kind: methods & frozenset(PATHS) for kind, methods in _STATED.items()
}
"""The methods of each kind's work; all others are refused to it."""


def without_channel(kind: Kind, channel: str) -> frozenset[str]:
    """Return what a kind of caller leaves undone if the city has no channel of its."""
    if channel:
        return frozenset()
    # Who binds and is refused nothing has nothing to explain.
    return BINDING | _REFUSED if BINDING <= WORK[kind] else BINDING
