"""Invented people, institutions, bindings and bills, of areas that do not exist."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypedDict, Unpack

from gongji.model.binding import Binding
from gongji.model.claim import Claim, ClaimInvoice
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.filing import Filing
from gongji.model.people import (
    BaseSince,
    Certificate,
    Enrolment,
    GradeSince,
    Institution,
    Kin,
    Person,
    PlaceSince,
)
from gongji.model.registry import PersonRow
from gongji.model.settlement import Bill
from gongji.rules.codes import (
    IDENTITY_CARD,
    SHANGHAI,
    AccountUse,
    BindingState,
    ClaimReason,
    ClaimState,
    EnrolmentStatus,
    FilingKind,
    InstitutionKind,
    Purpose,
    ResidueOf,
    Scheme,
    Spending,
    VisitKind,
)
from msgspec.structs import replace
from stdnum.cn import ric

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
"""The instant at which worlds in memory stand: a Tuesday, before the October holidays."""

CHUZHOU, ANQING = "341100", "340800"

SINCE = date(2020, 1, 1)
"""Since when people are enrolled and institutions designated."""

FILED_AT = datetime(2020, 1, 1, 9, 0, tzinfo=SHANGHAI)
"""When people filed that they are treated elsewhere."""


class PersonChanges(TypedDict, total=False):
    """What may differ from the invented person."""

    certificate: Certificate
    name: str
    phone: str
    first_place: str
    moves: tuple[PlaceSince, ...]
    enrolments: tuple[Enrolment, ...]
    first_base_fen: int
    bases: tuple[BaseSince, ...]
    kin: tuple[Kin, ...]
    died_on: date | None


class InstitutionChanges(TypedDict, total=False):
    """What may differ from the invented institution."""

    code: str
    name: str
    first_kind: InstitutionKind
    first_hosp_lv: int
    first_care_class: str
    grades: tuple[GradeSince, ...]
    designated_from: date
    designated_to: date | None


class BindingChanges(TypedDict, total=False):
    """What may differ from the invented binding."""

    binding_id: str
    relation: str
    purposes: frozenset[Purpose]
    channel: str
    state: BindingState
    submitted_at: datetime
    closed_at: datetime | None


class FilingChanges(TypedDict, total=False):
    """What may differ from the invented filing."""

    filing_no: str
    kind: FilingKind
    areas: tuple[str, ...]
    since: date
    until: date | None
    area_code: str
    filed_at: datetime
    ended: date | None
    ended_at: datetime | None


class BillChanges(TypedDict, total=False):
    """What may differ from the invented bill."""

    institution_code: str
    service_day: date
    visit_kind: VisitKind
    total_fen: int
    out_of_catalogue_fen: int
    above_limit_fen: int
    first_selfpay_fen: int
    account_use: AccountUse
    scheme: Scheme | None
    givers: tuple[str, ...]
    inpatient_that_day: bool
    residue: bool
    spending: Spending
    filing_no: str
    msgid: str
    residue_of: ResidueOf | None
    invoice_no: str
    claim_id: str
    use_wallet: bool


def identity_number(serial: int, area: str = "341199", born: str = "19800101") -> str:
    """Return an identity number with a right check digit; nobody's: the area is none."""
    number = f"{area}{born}{serial:03d}"
    return number + ric.calc_check_digit(number + "0")


def person(
    person_no: str,
    serial: int,
    psn_type: str = "11",
    place: str = CHUZHOU,
    **changes: Unpack[PersonChanges],
) -> Person:
    """Return a person normally enrolled since 2020, with the certificate of a serial.

    A psn_type of 11… or 12… is an employee, another a resident.
    """
    scheme = Scheme.EMPLOYEE if psn_type < "13" else Scheme.RESIDENT
    invented = Person(
        person_no=person_no,
        certificate=Certificate(IDENTITY_CARD, identity_number(serial)),
        name="某某",
        phone="",
        first_place=place,
        enrolments=(Enrolment(scheme, psn_type, EnrolmentStatus.NORMAL, SINCE),),
    )
    return replace(invented, **changes)


def row_of(person: Person) -> PersonRow:
    """Return the row of an import that says, without days, what the record says first."""
    return PersonRow(
        person_no=person.person_no,
        certificate=person.certificate,
        name=person.name,
        phone=person.phone,
        insured_place=person.first_place,
        base_fen=person.first_base_fen,
        enrolments=person.enrolments,
        kin=person.kin,
        marks=person.marks,
        died_on=person.died_on,
        born_on=person.born_on,
    )


def institution(
    hosp_lv: int, place: str = CHUZHOU, **changes: Unpack[InstitutionChanges]
) -> Institution:
    """Return a hospital of a national grade; a pharmacy for 0.

    InstitutionGrade 2 is level 3, 5 level 2, 8 level 1, 11 unranked.
    """
    pharmacy = hosp_lv == 0
    invented = Institution(
        code=f"{'P' if pharmacy else 'H'}{place}{hosp_lv:05d}",
        name="某药店" if pharmacy else "某医院",
        first_kind=InstitutionKind.PHARMACY if pharmacy else InstitutionKind.HOSPITAL,
        first_hosp_lv=hosp_lv,
        designated_from=SINCE,
    )
    return replace(invented, **changes)


def binding(
    holder: str, member: str, active_at: datetime, **changes: Unpack[BindingChanges]
) -> Binding:
    """Return an active binding for visits."""
    invented = Binding(
        binding_id=f"B-{holder}-{member}",
        holder=holder,
        member=member,
        # A stepchild: no city leaves it out, no birth date or marriage speaks against it.
        relation="27",
        purposes=frozenset({Purpose.VISIT}),
        channel="window",
        state=BindingState.ACTIVE,
        submitted_at=active_at,
        active_at=active_at,
        decided_by=DecidedBy(CHUZHOU, "x", "0", "0"),
    )
    return replace(invented, **changes)


def filing(person_no: str, **changes: Unpack[FilingChanges]) -> Filing:
    """Return a filing of all of Anhui for ever, which counts wherever one is insured."""
    invented = Filing(
        filing_no=f"F{person_no}",
        person_no=person_no,
        kind=FilingKind.LONG_TERM,
        areas=("340000",),
        since=SINCE,
        until=None,
        area_code="",
        filed_at=FILED_AT,
        rule=RuleRef("out_of_area", SINCE, ("H7",)),
        decided_by=DecidedBy(CHUZHOU, "x", "0", "0"),
    )
    return replace(invented, **changes)


def claim(person_no: str, area_code: str = CHUZHOU) -> Claim:
    """Return a claim of a bill of 1,000 yuan, just handed in."""
    hospital = institution(5, area_code)
    claimed = bill(person_no, hospital, 100_000, claim_id=f"K{person_no}")
    return Claim(
        claim_id=claimed.claim_id,
        bill=claimed,
        invoices=(ClaimInvoice("", 100_000),),
        reason=ClaimReason.NO_CARD,
        state=ClaimState.SUBMITTED,
        submitted_at=NOW,
        due_at=NOW,
        rule=RuleRef("out_of_area", SINCE, ("H6",)),
        decided_by=DecidedBy(area_code, "x", "0", "0"),
    )


def bill(
    patient: str,
    institution: Institution,
    in_scope_fen: int = 0,
    **changes: Unpack[BillChanges],
) -> Bill:
    """Return an outpatient bill of today that asks for no purse.

    Its total is the sum of its parts, unless `total_fen` says otherwise.
    """
    invented = Bill(
        patient=patient,
        institution_code=institution.code,
        service_day=NOW.date(),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=0,
        in_scope_fen=in_scope_fen,
        account_use=AccountUse.NONE,
    )
    changed = replace(invented, **changes)
    fields: Mapping[str, object] = changes
    if "total_fen" in fields:
        return changed
    return replace(changed, total_fen=changed.parts_fen)
