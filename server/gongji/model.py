"""Frozen facts the rules and decisions speak about: people, institutions, bindings, bills, settlements.

Amounts are fen, days are Shanghai civil days, instants are aware datetimes. National field names in brackets.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from msgspec import Struct

from gongji.codes import (
    IDENTITY_CARD,
    AccountUse,
    BindingState,
    ConsentMethod,
    EnrolmentStatus,
    EntryKind,
    InstitutionKind,
    Payer,
    Purpose,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)


class Discreet(Struct, frozen=True):
    """A record some of whose fields are personal and never show in a repr."""

    hidden: ClassVar[frozenset[str]]

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The other fields, for whoever prints it."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.hidden]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


class Enrolment(Struct, frozen=True):
    """One dated enrolment; `until` is its last day, None while it lasts."""

    scheme: Scheme
    psn_type: str
    status: EnrolmentStatus
    since: date
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the enrolment lasts on that day, both ends included."""
        return self.since <= day and (self.until is None or day <= self.until)

    @property
    def standing(self) -> Standing:
        """Retired for psn_type 12…, else active."""
        return Standing.RETIRED if self.psn_type.startswith("12") else Standing.ACTIVE


class Kin(Struct, frozen=True):
    """A relation the registry knows: `relation` is what the other is to this person (GB/T 4761)."""

    person_no: str
    relation: str
    source: str


class Certificate(Discreet, frozen=True):
    """An identity document (psn_cert_type, certno); its number never shows in a repr."""

    hidden = frozenset({"number"})

    type: str
    number: str


class Person(Discreet, frozen=True):
    """An insured person (psn_no …); certificate, name and phone are sealed at rest and never shown in a repr."""

    hidden = frozenset({"certificate", "name", "phone"})

    person_no: str
    certificate: Certificate
    name: str
    phone: str
    insured_place: str
    enrolments: tuple[Enrolment, ...] = ()
    contribution_base_fen: int = 0
    kin: tuple[Kin, ...] = ()
    died_on: date | None = None

    @property
    def born(self) -> date | None:
        """Birth date as the identity card's number holds it; None for other certificates."""
        if self.certificate.type != IDENTITY_CARD:
            return None
        return date.fromisoformat(self.certificate.number[6:14])

    def younger_than(self, years: int, day: date) -> bool:
        """Whether the person has not completed so many years on a day; False where the birth date is not known."""
        born = self.born
        return born is not None and (day.year - born.year - ((day.month, day.day) < (born.month, born.day))) < years

    def enrolled(self, day: date, scheme: Scheme) -> Enrolment | None:
        """The person's enrolment in that scheme on that day, whatever its status."""
        return next((e for e in self.enrolments if e.scheme is scheme and e.covers(day)), None)


class Institution(Struct, frozen=True):
    """A designated institution (fixmedins_code, hosp_lv)."""

    code: str
    name: str
    kind: InstitutionKind
    hosp_lv: int
    designated_from: date
    designated_to: date | None = None

    @property
    def area_code(self) -> str:
        """The area it lies in: characters two to seven of its code."""
        return self.code[1:7]

    @property
    def level(self) -> int | None:
        """Level 1, 2 or 3 from the national grade; None where unranked or a pharmacy."""
        return _LEVEL_OF_GRADE.get(self.hosp_lv)

    def designated_on(self, day: date) -> bool:
        """Whether it is designated that day, both ends included."""
        return self.designated_from <= day and (self.designated_to is None or day <= self.designated_to)


_LEVEL_OF_GRADE = {1: 3, 2: 3, 3: 3, 4: 3, 12: 3, 5: 2, 6: 2, 7: 2, 13: 2, 8: 1, 9: 1, 10: 1, 14: 1}


class DecidedBy(Struct, frozen=True):
    """Whose rules decided: city, plugin and core with their versions, adopted candidates."""

    area_code: str
    plugin: str
    plugin_version: str
    core_version: str
    adoptions: tuple[str, ...] = ()


class RuleRef(Struct, frozen=True):
    """A rule that took part in a decision: hook, first day of its value, numbers of its clauses."""

    hook: str
    since: date
    clauses: tuple[str, ...]


class Material(Struct, frozen=True):
    """A proof handed in (材料): kind, original or copy, the channel's reference, the file's SHA-256."""

    kind: str
    original: bool
    reference: str
    sha256: str = ""


class AgreementAccepted(Struct, frozen=True):
    """The agreement the holder accepted, as evidence."""

    agreement_id: str
    version: str
    text_sha256: str
    at: datetime


class Consent(Struct, frozen=True):
    """The member's consent, as evidence."""

    method: ConsentMethod
    at: datetime
    reference: str = ""


class MemberDetails(Discreet, frozen=True):
    """What the applicant typed about the member; empty where not asked."""

    hidden = frozenset({"name", "certificate_number", "phone"})

    name: str = ""
    certificate_number: str = ""
    phone: str = ""
    insured_place: str = ""


class Application(Struct, frozen=True, kw_only=True):
    """An application for a binding (绑定申请)."""

    holder: str
    member: str
    relation: str
    purposes: frozenset[Purpose]
    channel: str
    identity_checks: frozenset[str] = frozenset()
    member_details: MemberDetails = MemberDetails()
    materials: tuple[Material, ...] = ()
    agreement: AgreementAccepted | None = None
    consent: Consent | None = None


class BindingEvent(Struct, frozen=True):
    """One change of a binding's state."""

    at: datetime
    from_state: BindingState | None
    to_state: BindingState
    who: str
    channel: str
    why: str


class Binding(Struct, frozen=True, kw_only=True):
    """A binding between holder (授权人) and member (使用人); `closed_at` is set in every final state."""

    binding_id: str
    holder: str
    member: str
    relation: str
    purposes: frozenset[Purpose]
    channel: str
    state: BindingState
    submitted_at: datetime
    review_due_at: datetime | None = None
    review_due_provisional: bool = False
    expires_at: datetime | None = None
    active_at: datetime | None = None
    closed_at: datetime | None = None
    reason: str = ""
    materials: tuple[Material, ...] = ()
    agreement: AgreementAccepted | None = None
    consent: Consent | None = None
    rules: tuple[RuleRef, ...] = ()
    decided_by: DecidedBy
    history: tuple[BindingEvent, ...] = ()


class Bill(Struct, frozen=True, kw_only=True):
    """One outpatient bill in the national decomposition; its four parts add up to `total_fen`."""

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


class Line(Struct, frozen=True, kw_only=True):
    """So many fen of a bill, paid by one payer under one rule; `inputs` feed the named formula (trace.v1)."""

    fen: int
    payer: Payer
    purse: str = ""
    rule: RuleRef
    formula: str
    inputs: dict[str, int]
    in_words: str


class PurseMovement(Struct, frozen=True):
    """Money that moved in one purse; negative is a charge."""

    purse: str
    fen: int
    balance_after_fen: int
    version_after: int


class Settlement(Struct, frozen=True, kw_only=True):
    """A settled, or quoted, bill (setl_id …). A quote has no id, time or movements."""

    settlement_id: str
    settled_at: datetime | None
    request_id: str
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

    @property
    def account_fen(self) -> int:
        """Paid from purses, own and givers' (acct_pay)."""
        return self.own_fen + self.aid_fen

    @property
    def patient_part_fen(self) -> int:
        """Borne by the patient (psn_part_amt)."""
        return self.bill.total_fen - self.fund_fen


class Account(Struct, frozen=True):
    """A purse's balance (balc) and version; the version counts its entries."""

    person_no: str
    balance_fen: int = 0
    version: int = 0


class Accumulator(Struct, frozen=True):
    """What one patient used up in one scheme, pooling area and natural year (5206 累计)."""

    person_no: str
    scheme: Scheme
    pooling_area: str
    year: int
    deductible_used_fen: int = 0
    fund_paid_fen: int = 0


class Entry(Struct, frozen=True, kw_only=True):
    """One posting of a balanced transaction; never changed.

    `ledger_account` is `purse:P1`, `fund:3411:310`, `cash` or `institution:H…`; balance and version stand on
    purse entries only (0 elsewhere). The postings of one transaction add up to 0.
    """

    transaction_id: str
    position: int
    ledger_account: str
    fen: int
    at: datetime
    kind: EntryKind | None
    balance_after_fen: int = 0
    version_after: int = 0
    reference: str = ""


class SettledDay(Struct, frozen=True):
    """A service day of which something was settled in a pooling area, reversed since or not: its rules stand."""

    pooling_area: str
    day: date


class Credit(Struct, frozen=True):
    """One month's credit of one person, given from `source`; one taken back makes room for another in its place."""

    credit_id: str
    person_no: str
    month: str
    fen: int
    source: str
    at: datetime
    taken_back_at: datetime | None = None
    taken_back_why: str = ""


class Premium(Struct, frozen=True, kw_only=True):
    """One member's resident premium (居民医保个人缴费) of one year, paid from a holder's purse; never changed."""

    premium_id: str
    holder: str
    member: str
    year: int
    fen: int
    paid_at: datetime
    rules: tuple[RuleRef, ...]
    decided_by: DecidedBy
