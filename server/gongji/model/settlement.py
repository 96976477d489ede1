"""Records of a settlement (结算): the bill, its lines, and what accumulates by year."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from gongji.model.account import Account, AccountKey, PurseMovement
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.evidence import EvidenceSeen
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import (
    AccountUse,
    NoticeKind,
    Payer,
    ResidueOf,
    Scheme,
    Spending,
    VisitKind,
    pooling_area,
)


class Bill(Struct, frozen=True, kw_only=True):
    """One outpatient bill in the national decomposition: four parts of `total_fen`."""

    added: ClassVar[tuple[str, ...]] = (
        "residue_of",
        "invoice_no",
        "claim_id",
        "insured_place",
        "use_wallet",
    )

    patient: str
    institution_code: str
    service_day: date
    visit_kind: VisitKind
    total_fen: int
    out_of_catalogue_fen: int = 0
    above_limit_fen: int = 0
    first_selfpay_fen: int = 0
    in_scope_fen: int
    account_use: AccountUse
    scheme: Scheme | None = None
    givers: tuple[str, ...] = ()
    inpatient_that_day: bool = False
    residue: bool = False
    spending: Spending = Spending.MEDICAL
    filing_no: str = ""
    msgid: str = ""
    residue_of: ResidueOf | None = None
    invoice_no: str = ""
    claim_id: str = ""
    """The claim it is paid by, "" if it was settled at the institution."""
    insured_place: str = ""
    """Where the sender has the patient insured, "" if it does not say."""
    use_wallet: bool = False
    """Whether the patient's own wallet (医保钱包) pays too."""

    @property
    def left_by(self) -> ResidueOf | None:
        """Return which care left the bill as a remainder, None if it is none.

        Unsaid by field and kind of visit it counts as inpatient.
        """
        if not self.residue:
            return None
        if self.residue_of is None and self.visit_kind is VisitKind.CHRONIC:
            return ResidueOf.CHRONIC
        return self.residue_of or ResidueOf.INPATIENT

    @property
    def invoice_numbers(self) -> tuple[str, ...]:
        """Return the number of its invoice, if it has one."""
        return (self.invoice_no,) if self.invoice_no else ()

    @property
    def settled_at_institution(self) -> str:
        """Return the institution that settled it, "" if a claim paid it."""
        return "" if self.claim_id else self.institution_code

    @property
    def parts_fen(self) -> int:
        """Return the sum of the four parts."""
        return (
            self.out_of_catalogue_fen
            + self.above_limit_fen
            + self.first_selfpay_fen
            + self.in_scope_fen
        )


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many fen of a bill, paid by one payer under one rule.

    `inputs` feed the named formula (`settlement.trace`).
    """

    fen: int
    payer: Payer
    purse: str = ""
    rule: RuleRef
    formula: str
    inputs: dict[str, int]
    in_words: str

    @property
    def key(self) -> AccountKey | None:
        """Return whose purse or wallet it asked; None of fund and cash."""
        if self.payer is Payer.WALLET:
            return WalletAccount, self.purse
        return (Account, self.purse) if self.purse else None


class Notice(Struct, frozen=True):
    """What the reader of a settlement is told beside its amounts, and under which rule."""

    kind: NoticeKind
    rule: RuleRef
    in_words: str


# hot path: what a settlement does not say is not written, a tenth of its document.
class Settlement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A settled or quoted bill (setl_id …); a quote has no id, time or movements."""

    settlement_id: str
    settled_at: datetime | None
    request_key: str = field(name="request_id")
    """Key of the request that made it; "" of a quote."""
    bill: Bill
    scheme: Scheme
    area_code: str
    level: int
    deductible_fen: int
    ratio_bp: int
    fund_fen: int
    own_fen: int
    aid_fen: int
    cash_fen: int
    lines: tuple[Line, ...]
    movements: tuple[PurseMovement, ...]
    deductible_used_after_fen: int
    fund_paid_after_fen: int
    decided_by: DecidedBy
    reversed_at: datetime | None = None
    reversed_why: str = ""
    known: dict[str, int] = {}
    """The revision of each record of the registry it was decided on, by its key."""
    first_settled_at: datetime | None = None
    """When its visit was first settled, if that was settled again since: it is decided as
    of then and keeps its place in the year."""
    replaces: str = ""
    replaced_by: str = ""
    superseded: bool = False
    """Whether it was taken back to be settled again, or because it would be refused."""
    returned_fen: int = 0
    """What was returned of the bill before this one (部分退费), in fen."""
    notices: tuple[Notice, ...] = ()
    wallet_fen: int = 0
    evidence: EvidenceSeen | None = None
    """What was shown at the counter (就诊凭证), None if nothing was sent."""
    reversed_by: DecidedBy | None = None
    """Whose rules let it be reversed; None also if it was before they were kept, or if
    it is superseded."""
    meters_before: dict[str, int] = {}
    """What each reading (`MeterReading`) was before, by its key; fen."""
    meters_added: dict[str, int] = {}
    """What it added to each of them."""
    further_fen: int = 0
    """What further payers paid (大额、公务员补助、大病、救助); their lines say who."""

    @property
    def as_settled(self) -> Settlement:
        """Return it as it stood when it was settled, whatever became of it."""
        return replace(
            self,
            reversed_at=None,
            reversed_why="",
            replaced_by="",
            superseded=False,
            reversed_by=None,
        )

    @property
    def withdrawn(self) -> bool:
        """Return whether it was taken back because its bill would be refused.

        If the fact behind that is taken back, it can be settled again.
        """
        return self.superseded and not self.replaced_by

    @property
    def decided_as_of(self) -> datetime | None:
        """Return the instant whose bindings and purse rules decide it; None for a quote."""
        return self.first_settled_at or self.settled_at

    @property
    def account_fen(self) -> int:
        """Return what purses and the patient's wallet paid (acct_pay)."""
        return self.own_fen + self.aid_fen + self.wallet_fen

    @property
    def funds_fen(self) -> int:
        """Return what the fund and further payers paid together (fund_pay_sumamt)."""
        return self.fund_fen + self.further_fen

    @property
    def patient_part_fen(self) -> int:
        """Return what the patient bears (psn_part_amt)."""
        return self.bill.total_fen - self.funds_fen

    @property
    def counted_on(self) -> frozenset[str]:
        """Return the keys of the accumulator and readings it was decided on."""
        return frozenset((self.accumulator_key, *self.meters_before))

    @property
    def accumulator_key(self) -> str:
        """Return the key of the accumulator it adds to."""
        bill = self.bill
        return Accumulator.key_of(
            bill.patient,
            self.scheme,
            pooling_area(self.area_code),
            bill.service_day.year,
        )


class Accumulator(Struct, frozen=True):
    """What one patient used up in a scheme, pooling area and natural year (5206 累计)."""

    person_no: str
    scheme: Scheme
    pooling_area: str
    year: int
    deductible_used_fen: int = 0
    fund_paid_fen: int = 0

    def plus(self, deductible_fen: int, fund_fen: int) -> Accumulator:
        """Return the accumulator with so much more used; fen, negative takes back."""
        return replace(
            self,
            deductible_used_fen=self.deductible_used_fen + deductible_fen,
            fund_paid_fen=self.fund_paid_fen + fund_fen,
        )

    @staticmethod
    def key_of(person_no: str, scheme: Scheme, pooling_area: str, year: int) -> str:
        """Return the key of a patient's year: P1/310/3411/2025."""
        return f"{person_no}/{int(scheme)}/{pooling_area}/{year}"

    @classmethod
    def unused(cls, key: str) -> Accumulator:
        """Return the accumulator of a key, with nothing used."""
        person_no, scheme, pooling_area, year = key.split("/")
        return cls(person_no, Scheme(int(scheme)), pooling_area, int(year))

    @property
    def key(self) -> str:
        """Return its own key."""
        return self.key_of(self.person_no, self.scheme, self.pooling_area, self.year)


class MeterReading(Struct, frozen=True):
    """What one meter of a patient counted in one of its periods; fen.

    Its key says whose, of which scheme and area, since when and what:
    P1/310/3411/2025-07-01/paid.year7.
    """

    meter_id: str
    person_no: str
    fen: int

    @classmethod
    def of(cls, meter_id: str, fen: int) -> MeterReading:
        """Return the reading of a key."""
        return cls(meter_id, meter_id.partition("/")[0], fen)


class SettledMessage(Struct, frozen=True):
    """A caller's message of an institution (msgid 发送方报文ID) and its settlement, for ever.

    One message settles once, whichever request brings it, also after a reversal.
    """

    message_id: str
    settlement_id: str
    caller: str

    @staticmethod
    def key_of(bill: Bill, caller: str) -> str:
        """Return the key of a bill's message: H34110000001:clinic-1/M1."""
        # A message may hold any character: one of before is told by its thirteenth.
        return f"{bill.institution_code}:{caller}/{bill.msgid}"

    @staticmethod
    def former_key_of(bill: Bill) -> str:
        """Return the key of one of before callers were known: H34110000001/M1."""
        return f"{bill.institution_code}/{bill.msgid}"


class SettledDay(Struct, frozen=True):
    """A service day of which something was settled in a pooling area, reversed or not.

    Its rules stand: an adoption over it is refused.
    """

    pooling_area: str
    day: date

    @staticmethod
    def key_of(pooling_area: str, day: date) -> str:
        """Return the key of a service day: 3411/2025-09-30."""
        return f"{pooling_area}/{day.isoformat()}"

    @property
    def key(self) -> str:
        """Return its own key."""
        return self.key_of(self.pooling_area, self.day)
