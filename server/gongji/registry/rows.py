"""The registry: checks each row of an import and writes what changed; rows with
problems are left out and reported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.refusals import CertificateChecksum, MalformedField
from gongji.rules.codes import IDENTITY_CARD, InstitutionKind, Scheme
from gongji.rules.terms import TERMS

RELATIONS = frozenset({"10", "11", "12", "99"} | {str(code) for code in range(20, 98)})
"""GB/T 4761 codes of what one person is to another (patn_rlts); 01 本人 and 02 户主 are none."""

CERTIFICATE_TAKEN = "CERTIFICATE_TAKEN"
"""The reason given where a certificate belongs to another person already."""

_IDENTITY_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)

_AREA = re.compile(r"[1-9][0-9]{5}", re.ASCII)

_INSTITUTION_CODE = re.compile(r"[A-Z][1-9][0-9]{5}[0-9A-Z]{5}", re.ASCII)

_KIND_OF_LETTER = {"H": InstitutionKind.HOSPITAL, "P": InstitutionKind.PHARMACY}

_STANDINGS = ("11", "12")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row: path of the field, reason as on the wire, a Chinese
    sentence without personal data."""

    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem of the row of that number; rows count from 0."""

    row: int
    problem: Problem


def problems_of(person: Person) -> list[Problem]:
    """Everything wrong with a person's row; empty where it may be written."""
    return [
        *_of_person(person),
        *_of_certificate(person.certificate),
        *_of_enrolments(person),
        *_of_kin(person),
    ]


def problems_of_institution(institution: Institution) -> list[Problem]:
    """Everything wrong with an institution's row; empty where it may be written."""
    return list(_of_institution(institution))


def problems_of_certificate(certificate: Certificate) -> list[Problem]:
    """Everything wrong with a certificate's number."""
    return list(_of_certificate(certificate))


def _wrong(field: str, message: str) -> Problem:
    return Problem(field, MalformedField.reason(), message)


def _of_person(person: Person) -> Iterator[Problem]:
    if not person.person_no:
        yield _wrong("person_no", "缺少人员编号")
    if not person.name.strip():
        yield _wrong("name", "缺少姓名")
    if not _AREA.fullmatch(person.insured_place):
        yield _wrong("insured_place", "参保地医保区划须为六位数字")
    if person.contribution_base_fen < 0:
        yield _wrong("contribution_base_fen", "缴费基数不得为负")


def _of_certificate(certificate: Certificate) -> Iterator[Problem]:
    """Identity cards are held to GB 11643: check digit and birth date. Places are not
    judged: counties come and go."""
    if not certificate.number:
        yield _wrong("certificate.number", "缺少证件号码")
    if certificate.type != IDENTITY_CARD or not certificate.number:
        return
    if not _IDENTITY_NUMBER.fullmatch(certificate.number):
        yield _wrong(
            "certificate.number",
            "居民身份证号码须为18位: 前17位为数字, 末位为数字或大写X",
        )
    elif ric.calc_check_digit(certificate.number) != certificate.number[-1]:
        yield Problem(
            "certificate.number",
            CertificateChecksum.reason(),
            "居民身份证号码的校验码不对",
        )
    elif not _has_birth_date(certificate.number):
        yield Problem(
            "certificate.number",
            CertificateChecksum.reason(),
            "居民身份证号码中的出生日期不存在",
        )


def _has_birth_date(number: str) -> bool:
    try:
        ric.get_birth_date(number)
    except (ValidationError, ValueError):
        return False
    return True


def _of_enrolments(person: Person) -> Iterator[Problem]:
    """Ends before beginnings, overlaps within a scheme, and categories the employee
    table has no standing for."""
    for n, enrolment in enumerate(person.enrolments):
        if enrolment.until is not None and enrolment.until < enrolment.since:
            yield _wrong(
                f"enrolments[{n}].to",
                f"参保止日 {enrolment.until} 早于起日 {enrolment.since}",
            )
        if enrolment.scheme is Scheme.EMPLOYEE and not enrolment.psn_type.startswith(
            _STANDINGS
        ):
            yield _wrong(
                f"enrolments[{n}].psn_type",
                "职工医保的人员类别须为在职(11…)或退休(12…)",
            )
    numbered = sorted(
        enumerate(person.enrolments), key=lambda e: (e[1].scheme, e[1].since, e[0])
    )
    for (_, before), (n, enrolment) in pairwise(numbered):
        if _overlap(before, enrolment):
            scheme = TERMS[Scheme][enrolment.scheme]
            yield _wrong(
                f"enrolments[{n}].from",
                f"{scheme}参保期间重叠: {enrolment.since} 时前一段尚未结束",
            )


def _overlap(before: Enrolment, after: Enrolment) -> bool:
    return before.scheme is after.scheme and (
        before.until is None or after.since <= before.until
    )


def _of_kin(person: Person) -> Iterator[Problem]:
    for n, kin in enumerate(person.kin):
        if kin.relation not in RELATIONS:
            yield _wrong(
                f"kin[{n}].relation",
                f"{kin.relation!r} 不是亲属关系代码(GB/T 4761); 01、02 不是关系",
            )
        if not kin.person_no or kin.person_no == person.person_no:
            yield _wrong(f"kin[{n}].person_no", "亲属的人员编号缺失或是本人")


def _of_institution(institution: Institution) -> Iterator[Problem]:
    code, kind = institution.code, institution.kind
    if not _INSTITUTION_CODE.fullmatch(code):
        yield _wrong(
            "code", "机构编号须为12位: 一个大写字母、六位医保区划、五位数字或大写字母"
        )
    elif _KIND_OF_LETTER.get(code[0], kind) is not kind:
        yield _wrong(
            "code", "机构编号的首字母与机构类别不符: H 为医疗机构, P 为零售药店"
        )
    if not institution.name.strip():
        yield _wrong("name", "缺少机构名称")
    if kind is InstitutionKind.HOSPITAL and not 1 <= institution.hosp_lv <= 14:
        yield _wrong("hosp_lv", "医疗机构的医院等级须为1至14, 未定级为11")
    if kind is InstitutionKind.PHARMACY and institution.hosp_lv != 0:
        yield _wrong("hosp_lv", "零售药店没有医院等级, 须为0")
    if (
        institution.designated_to is not None
        and institution.designated_to < institution.designated_from
    ):
        yield _wrong("designated_to", "定点止日早于起日")
