"""What a city says of care elsewhere (异地就医): who files, where, and what the fund pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gongji.rules.benefits import NoFund
from gongji.rules.channels import Procedure
from gongji.rules.clauses import Clause
from gongji.rules.codes import FilingKind, VisitKind, covers_area
from gongji.rules.money import FULL_BP, Rounding, share


@dataclass(frozen=True, slots=True, kw_only=True)
class FundElsewhere:
    """What the fund pays elsewhere, of its ratio (统筹基金支付比例) at home.

    First the factor, then points off; both in basis points.
    """

    factor_bp: int = FULL_BP
    less_bp: int = 0
    clauses: tuple[Clause, ...] = ()

    @property
    def as_at_home(self) -> bool:
        """Return whether the ratio stays what it is at home."""
        return self.factor_bp == FULL_BP and self.less_bp == 0

    def ratio_of(self, home_ratio_bp: int) -> int:
        """Return the ratio elsewhere in whole basis points, as the interface states it."""
        part = share(home_ratio_bp, self.factor_bp, Rounding.HALF_UP)
        return max(0, part - self.less_bp)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingTerms:
    """How one kind of care elsewhere is filed (备案), and what the fund pays for it.

    least_months  how long it lasts at least, also if nobody says until when; 0: it may
                  end any day, and lasts until it is ended if nobody says
    late_days     how many days after its first day it may still be filed; 0: in advance
    visits        the kinds of visit it covers, all of them if none is named
    """

    least_months: int = 0
    late_days: int = 0
    visits: tuple[VisitKind, ...] = ()
    fund: FundElsewhere | NoFund = FundElsewhere()
    clauses: tuple[Clause, ...] = ()


class ClaimPaper(Enum):
    """A paper that a claim asks for; values are the kinds of material on the wire."""

    INVOICE = "invoice"
    ITEM_LIST = "item_list"
    MEDICAL_RECORD = "medical_record"
    PATIENT_IDENTITY = "patient_identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTerms:
    """How a bill that was paid by oneself is claimed on paper (手工结算), at home too.

    working_days  within how many working days a claim is decided
    years_after   until the end of which year after the visit's it may be handed in
    """

    working_days: int
    years_after: int
    papers: tuple[ClaimPaper, ...] = ()
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfArea:
    """Care in another pooling area (异地就医): whether and how it is filed.

    `filing_clauses` say whether it must be; the whole rule if they are left out. Without
    `kinds` nobody files here, and the number on a bill is not looked up. Areas are codes,
    or their first two or four digits; in `exempt_areas` nobody need file. Without
    `claims` no claim on paper is taken here.
    """

    filing_before_direct_settlement: bool
    procedure: Procedure
    filing_clauses: tuple[Clause, ...] = ()
    kinds: Mapping[FilingKind, FilingTerms] = field(default_factory=dict)
    exempt_areas: tuple[str, ...] = ()
    exempt_fund: FundElsewhere | NoFund = FundElsewhere()
    unfiled_fund: FundElsewhere | NoFund = FundElsewhere()
    claims: ClaimTerms | None = None

    def exempts(self, area_code: str) -> bool:
        """Return whether nobody need file for an area."""
        return any(covers_area(area, area_code) for area in self.exempt_areas)
