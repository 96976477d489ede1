"""What each kind of caller may do: the table of RPC × kind, and within what (权限表)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from gongji.access.callers import Caller, Kind


class AccessScope(StrEnum):
    """Within what a call must stay; each is shown to hold before anything is answered."""

    CHANNEL = "channel"
    """The channel is one of the caller's."""
    INSTITUTION = "institution"
    """The institution is one of the caller's."""
    SUBJECT = "subject"
    """The person for whom the caller acts is a party to what is asked for."""
    CITY = "city"
    """The pooling area of what is asked for is one of the caller's."""


KEYS_OF_SCOPES: Final = {
    AccessScope.CITY: "cities",
    AccessScope.CHANNEL: "channels",
    AccessScope.INSTITUTION: "institutions",
}
"""The key of a caller that says what is its own; of a subject no key does."""


def own_in(caller: Caller, scope: AccessScope) -> Container[str]:
    """Return what is a caller's own in a scope."""
    key = KEYS_OF_SCOPES.get(scope)
    own: Container[str] = getattr(caller, key) if key else frozenset()
    return own


Right: TypeAlias = frozenset[AccessScope]
"""A right to one method: the scopes a call must stay within, none if there are none."""

Row: TypeAlias = dict[Kind, Right]
"""The right of each kind to one method; a kind that is absent has none."""


def _to(kinds: Iterable[Kind], *scopes: AccessScope) -> Row:
    return dict.fromkeys(kinds, frozenset(scopes))


_CHANNELS: Final = (Kind.APP, Kind.COUNTER, Kind.BANK)

_INSTITUTIONS: Final = (Kind.HOSPITAL, Kind.PHARMACY)

_KNOWN: Final = tuple([k for k in Kind if k not in {Kind.TESTER, Kind.FRONT}])

_CHANNEL, _INSTITUTION = AccessScope.CHANNEL, AccessScope.INSTITUTION

_SUBJECT, _CITY = AccessScope.SUBJECT, AccessScope.CITY

_RULES: Final = _to(_KNOWN)
"""The cities' rules hold no personal data: whoever is known may read them."""

_REFUSED: Final = _to(_CHANNELS, _SUBJECT) | _to(
    (*_INSTITUTIONS, Kind.COLLECTOR, Kind.REVIEWER, Kind.OPERATOR)
)
"""A refusal is told again to whom it was told, whatever it was about."""

_WORK: Final = _to((Kind.OPERATOR,), _CITY)

_READ: Final = _WORK | _to((Kind.AUDITOR,), _CITY)

_OWN: Final = _READ | _to(_CHANNELS, _SUBJECT, _CITY)
"""A person's own data, through a channel that acts for him."""

# The operator too acts for a person only if that person was identified.
_BOUND: Final = _to(_CHANNELS, _CHANNEL, _SUBJECT, _CITY) | _to(
    (Kind.OPERATOR,), _SUBJECT, _CITY
)

# Only the work's: whoever audits reads what is stored, and hands nothing out.
_HANDED_OUT: Final = _WORK | _to(_CHANNELS, _SUBJECT, _CITY)

_CHECKED: Final = _to((*_CHANNELS, Kind.REVIEWER, Kind.AUDITOR, Kind.OPERATOR))
"""Whoever is shown a paper has read it already: its code is the right to have it checked."""

_WALLET: Final = _to((*_CHANNELS, Kind.OPERATOR), _SUBJECT, _CITY)
"""The wallet is no channel's: whoever acts for the person may ask."""

_BILLED: Final = _WORK | _to(_INSTITUTIONS, _INSTITUTION)

_COMPARED: Final = _READ | _to(_INSTITUTIONS, _INSTITUTION)

_FED: Final = _WORK | _to((Kind.FEEDER,), _CITY)

_COLLECTED: Final = _WORK | _to((Kind.COLLECTOR,), _CITY)

_REVIEWED: Final = _WORK | _to((Kind.REVIEWER,), _CITY)

# At the agency of the insured city, or through what acts for it (H7).
_FILED: Final = _WORK | _to((Kind.APP, Kind.COUNTER), _SUBJECT, _CITY)

_LOGGED: Final = _to((Kind.OPERATOR, Kind.AUDITOR))

RIGHTS: Final[Mapping[str, Row]] = {
    "ListCities": _RULES,
    "GetCity": _RULES,
    "GetGuide": _RULES,
    "DescribeForm": _RULES,
    "SubmitBinding": _BOUND,
    "RecordConsent": _BOUND,
    "ReviewBinding": _REVIEWED,
    "GetBinding": _OWN | _REVIEWED,
    "ListBindings": _OWN | _REVIEWED,
    "Unbind": _BOUND,
    "ExplainRefusal": _REFUSED,
    "File": _FILED,
    "EndFiling": _FILED,
    "GetFiling": _OWN,
    "ListFilings": _OWN,
    "SubmitClaim": _FILED,
    "ReviewClaim": _REVIEWED,
    "DecideClaim": _REVIEWED,
    "WithdrawClaim": _FILED,
    "GetClaim": _OWN | _REVIEWED,
    "ListClaims": _OWN | _REVIEWED,
    "Quote": _BILLED,
    "Settle": _BILLED,
    "Reverse": _BILLED,
    "GetSettlement": _OWN | _to(_INSTITUTIONS, _INSTITUTION),
    "ReconcileTotals": _COMPARED,
    "ReconcileDetails": _COMPARED,
    "Recompute": _READ,
    "GetPacket": _READ,
    "ListSettlements": _OWN,
    "GetBenefitYear": _OWN | _to(_INSTITUTIONS, _INSTITUTION),
    "GetAccount": _OWN,
    "ListEntries": _OWN,
    # Of each kind of event to whom the method that reads the rest of it is open.
    "Watch": _OWN | _REVIEWED | _to(_INSTITUTIONS, _INSTITUTION),
    "IssueStatement": _HANDED_OUT,
    "VerifyStatement": _CHECKED,
    "Credit": _WORK,
    "CorrectCredit": _WORK,
    "TakeBackCredit": _WORK,
    "PayPremium": _COLLECTED,
    "RefundPremium": _COLLECTED,
    **dict.fromkeys(("OpenWallet", "ChangeWalletPlace", "Transfer"), _WALLET),
    **dict.fromkeys(("AcceptTransfer", "DeclineTransfer"), _WALLET),
    **dict.fromkeys(("GetWallet", "ListTransfers"), _OWN),
    "Consequences": _READ,
    "Resettle": _WORK,
    "ImportPersons": _FED,
    "ImportInstitutions": _FED,
    # A hospital's patients may be insured anywhere.
    "GetPerson": _OWN | _to(_INSTITUTIONS),
    "GetInstitution": _COMPARED,
    "GetImport": _READ | _FED,
    "ListImports": _READ | _FED,
    "ListAccesses": _OWN,
    # Everything at once and unmasked: where a clerk sees the person.
    "ExportPerson": _WORK | _to((Kind.COUNTER,), _SUBJECT, _CITY),
    "ErasePerson": _WORK,
    # A root and its path say nothing; the leaves of all are told to whom all is open.
    "GetCheckpoint": _LOGGED,
    "GetConsistencyProof": _LOGGED,
    "GetInclusionProof": _READ,
    "ListLeaves": _READ,
    "GetClock": _to((Kind.OPERATOR,)),
    "SetClock": _to((Kind.OPERATOR,)),
    "Reset": _to((Kind.OPERATOR,)),
    "OrderFault": _to((Kind.OPERATOR,)),
    "IssueVoucher": _to((Kind.OPERATOR,)),
}
"""The right of each kind to each method, by the method's own name.

A tester stands in no row: on a sandbox it may do everything, elsewhere nothing.
"""


ON_SANDBOXES: Final = frozenset(
    {"GetClock", "SetClock", "Reset", "OrderFault", "IssueVoucher"}
)
"""Methods that only sandboxes serve."""


def right_of(method: str, kind: Kind, *, sandbox: bool) -> Right | None:
    """Return a kind's right to a method of a sandbox, or of no sandbox; None if it has none."""
    if kind is Kind.TESTER:
        return frozenset() if sandbox else None
    return RIGHTS.get(method, {}).get(kind)


def scopes_of(kind: Kind) -> frozenset[AccessScope]:
    """Return every scope that some right of a kind has."""
    rights = [row[kind] for row in RIGHTS.values() if kind in row]
    return frozenset().union(*rights)
