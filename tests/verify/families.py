"""The families and institutions of three cities, as they are imported, and what they ask."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gongji.v1 import account_pb2, binding_pb2, types_pb2, wallet_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from tests.scaffold.people import identity_number

PLACES: Final = ("341100", "340800", "341000")


def number(place: str, serial: int) -> str:
    """Return the number of a person."""
    return f"{place}00{serial:04d}"


HOLDERS: Final = tuple([number(place, 1) for place in PLACES])

PARTNERS: Final = tuple([number(place, 2) for place in PLACES])

CHILDREN: Final = tuple([number(place, 3) for place in PLACES])

ALONE: Final = number(PLACES[0], 9)
"""Somebody who holds nothing, and is erased."""


def person(place: str, serial: int, phone: str) -> types_pb2.Person:
    """Return the row of a husband (1), his wife (2) or their child (3)."""
    child = serial == 3
    enrolled = types_pb2.Enrolment(
        scheme=types_pb2.SCHEME_RESIDENT if child else types_pb2.SCHEME_EMPLOYEE,
        psn_type="15" if child else "11",
        status=types_pb2.ENROLMENT_STATUS_NORMAL,
    )
    setattr(enrolled, "from", "2020-01-01")
    born = "20120101" if child else "19850101"
    serial_of_all = 100 + 10 * PLACES.index(place) + serial
    certificate = identity_number(serial_of_all, born=born)
    row = types_pb2.Person(
        person_no=number(place, serial),
        certificate=types_pb2.Certificate(type="01", number=certificate),
        name="赵某某",
        phone=phone,
        insured_place=place,
        enrolments=[enrolled],
        contribution_base_fen=0 if child else 800_000 + serial,
    )
    row.kin.extend(_kin(place, serial))
    return row


_KIN: Final = {1: {2: "10", 3: "20"}, 2: {1: "10", 3: "20"}, 3: {1: "51", 2: "52"}}


def _kin(place: str, serial: int) -> list[types_pb2.Kin]:
    return [
        types_pb2.Kin(person_no=number(place, other), relation=code, source="公安户籍")
        for other, code in _KIN[serial].items()
    ]


def leaving() -> types_pb2.Person:
    """Return the row of somebody insured no longer."""
    row = person(PLACES[0], 1, "10000000009")
    row.person_no = ALONE
    row.certificate.number = identity_number(199)
    row.enrolments[0].to = "2021-12-31"
    del row.kin[:]
    return row


def institution(place: str, kind: str, name: str) -> types_pb2.Institution:
    """Return the row of a hospital (H) or a pharmacy (P)."""
    hospital = kind == "H"
    return types_pb2.Institution(
        code=f"{kind}{place}00021",
        name=name,
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL
        if hospital
        else types_pb2.INSTITUTION_KIND_PHARMACY,
        hosp_lv=5 if hospital else 0,
        designated_from="2020-01-01",
    )


def retired() -> types_pb2.Person:
    """Return the row of the first husband, who is told late to have retired in July."""
    row = person(PLACES[0], 1, "10000000002")
    row.enrolments[0].to = "2025-06-30"
    since = types_pb2.Enrolment(
        scheme=types_pb2.SCHEME_EMPLOYEE,
        psn_type="12",
        status=types_pb2.ENROLMENT_STATUS_NORMAL,
    )
    setattr(since, "from", "2025-07-01")
    row.enrolments.append(since)
    return row


def application(
    request_id: str, holder: str, row: types_pb2.Person, at: datetime
) -> binding_pb2.SubmitBindingRequest:
    """Return an application that 滁州市 accepts at once, for somebody's child."""
    agreed = Timestamp()
    agreed.FromDatetime(at)
    return binding_pb2.SubmitBindingRequest(
        request_id=request_id,
        holder=types_pb2.PersonRef(person_no=holder),
        member=types_pb2.PersonRef(person_no=row.person_no),
        relation="20",
        purposes=[types_pb2.PURPOSE_RESIDENT_PREMIUM],
        channel="wanshitong",
        identity_checks=["real_name", "e_voucher", "face"],
        member_details=_details(row),
        materials=[binding_pb2.Material(kind="household_register", reference="r")],
        agreement=binding_pb2.AgreementAccepted(
            agreement_id="chuzhou-family-aid-notice", version="2025", at=agreed
        ),
        consent=binding_pb2.Consent(
            method=binding_pb2.CONSENT_METHOD_OWN_ACCOUNT, at=agreed
        ),
    )


def _details(row: types_pb2.Person) -> binding_pb2.MemberDetails:
    return binding_pb2.MemberDetails(
        name=row.name,
        certificate_number=row.certificate.number,
        phone=row.phone,
        insured_place=row.insured_place,
    )


def premium(request_id: str) -> account_pb2.PayPremiumRequest:
    """Return a payment of the first child's premium."""
    return account_pb2.PayPremiumRequest(
        request_id=request_id,
        holder=types_pb2.PersonRef(person_no=HOLDERS[0]),
        member=types_pb2.PersonRef(person_no=CHILDREN[0]),
        year="2026",
        fen=400_00,
    )


def refund(request_id: str, premium_id: str) -> account_pb2.RefundPremiumRequest:
    """Return what gives that premium back."""
    return account_pb2.RefundPremiumRequest(
        request_id=request_id,
        premium_id=premium_id,
        member=types_pb2.PersonRef(person_no=CHILDREN[0]),
        year="2026",
    )


def wallet_opening(request_id: str, person_no: str) -> wallet_pb2.OpenWalletRequest:
    """Return the request to open a person's wallet, used in Shanghai."""
    return wallet_pb2.OpenWalletRequest(
        request_id=request_id,
        person=types_pb2.PersonRef(person_no=person_no),
        use_place="310100",
        phone="13800001234",
    )


def wallet_transfer(
    request_id: str, sender: str, receiver: str
) -> wallet_pb2.TransferRequest:
    """Return the request to transfer 100 yuan to a spouse's wallet."""
    return wallet_pb2.TransferRequest(
        request_id=request_id,
        sender=types_pb2.PersonRef(person_no=sender),
        receiver=types_pb2.PersonRef(person_no=receiver),
        relation="10",
        fen=100_00,
    )
