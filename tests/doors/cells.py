"""The cells of the table of rights: every method, kind, and what a call names."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).resolve().parents[2] / "docs" / "access-table.csv"

OWN, OTHER = "own", "other"

ABSENT: Final = "absent"
"""Of nobody: it does not exist."""

PARTY, STRANGER, NOBODY = "party", "stranger", "nobody"

SUBJECTS: Final = (PARTY, STRANGER, NOBODY)
"""For whom a call is made: a party to what it asks for, somebody else, nobody."""

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ListCities", "GetCity", "GetGuide", "DescribeForm"), ()),
    **dict.fromkeys(("SubmitBinding", "RecordConsent"), ("channel", "city")),
    **dict.fromkeys(("ReviewBinding", "GetBinding", "Unbind"), ("channel", "city")),
    **dict.fromkeys(("File", "EndFiling", "GetFiling", "ListFilings"), ("city",)),
    **dict.fromkeys(("SubmitClaim", "WithdrawClaim", "ReviewClaim"), ("city",)),
    **dict.fromkeys(("DecideClaim", "GetClaim", "ListClaims"), ("city",)),
    **dict.fromkeys(("Quote", "Settle", "Reverse"), ("institution", "city")),
    **dict.fromkeys(
        ("GetSettlement", "Recompute", "GetPacket"), ("institution", "city")
    ),
    "GetBenefitYear": ("institution", "city"),
    **dict.fromkeys(("ReconcileTotals", "ReconcileDetails"), ("institution", "city")),
    **dict.fromkeys(("Resettle", "GetInstitution"), ("institution", "city")),
    **dict.fromkeys(("ListBindings", "ListSettlements"), ("city",)),
    **dict.fromkeys(("GetAccount", "ListEntries", "GetPerson"), ("city",)),
    **dict.fromkeys(("ListAccesses", "ExportPerson", "ErasePerson"), ("city",)),
    **dict.fromkeys(("Credit", "CorrectCredit", "TakeBackCredit"), ("city",)),
    **dict.fromkeys(("PayPremium", "RefundPremium", "Consequences"), ("city",)),
    **dict.fromkeys(("OpenWallet", "GetWallet", "ChangeWalletPlace"), ("city",)),
    **dict.fromkeys(("Transfer", "AcceptTransfer", "DeclineTransfer"), ("city",)),
    "ListTransfers": ("city",),
    **dict.fromkeys(("ImportPersons", "ImportInstitutions"), ("city",)),
    # A refusal is the caller's own, whatever it was about.
    "ExplainRefusal": (),
    "IssueStatement": ("city",),
    # Number and code are the right to it, whoever it is about.
    "VerifyStatement": (),
    "Watch": ("institution", "city"),
    "GetImport": ("city",),
    # A list without a person is narrowed, never refused.
    "ListImports": (),
    **dict.fromkeys(("GetCheckpoint", "GetConsistencyProof"), ()),
    "GetInclusionProof": ("city",),
    # Of other cities' leaves the hashes alone are told.
    "ListLeaves": (),
    **dict.fromkeys(
        ("GetClock", "SetClock", "Reset", "OrderFault", "IssueVoucher"), ()
    ),
}
"""What a request of each method can name as the caller's own or another's."""


@dataclass(frozen=True)
class Cell:
    """One call: by whom, of which method, naming whose channel, institution, city."""

    method: str
    kind: str
    channel: str = OWN
    institution: str = OWN
    city: str = OWN
    subject: str = PARTY

    def __str__(self) -> str:
        named = [f"{name}={getattr(self, name)}" for name in NAMES[self.method]]
        return f"{self.method} {self.kind} {' '.join(named)} subject={self.subject}"


@cache
def table() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return the reviewed table by method and kind."""
    with TABLE.open(encoding="utf-8") as file:
        return {(row["method"], row["kind"]): row for row in csv.DictReader(file)}


def kinds() -> list[str]:
    """Return every kind of the table."""
    return list(dict.fromkeys(kind for _, kind in table()))


def allowed(cell: Cell, *, sandbox: bool) -> bool:
    """Return whether the reviewed table lets a call through."""
    row = table()[cell.method, cell.kind]
    if row["may"] != "yes" and not (sandbox and row["may"] == "sandbox"):
        return False
    named = {name: getattr(cell, name) for name in ("channel", "institution", "city")}
    if any(row[name] == OWN and whose == OTHER for name, whose in named.items()):
        return False
    return row["subject"] != PARTY or cell.subject == PARTY


def all_cells(method: str) -> Iterator[Cell]:
    """Yield every cell of a method."""
    names = NAMES[method]
    for kind in kinds():
        for whose in product((OWN, OTHER), repeat=len(names)):
            named = dict(zip(names, whose, strict=True))
            for subject in SUBJECTS:
                yield Cell(method, kind, subject=subject, **named)


def covering(method: str) -> Iterator[Cell]:
    """Yield of each kind the cell in which all is its own, and each with one change."""
    for kind in kinds():
        own = Cell(method, kind)
        yield own
        for name in NAMES[method]:
            yield replace(own, **{name: OTHER})
        for subject in (STRANGER, NOBODY):
            yield replace(own, subject=subject)
