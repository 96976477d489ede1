"""Say what is wrong with a row of an import; rows with problems are left out and reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import TypeVar

from msgspec import Struct
from stdnum.cn import ric

from gongji.model.certificates import (
    NUMBERINGS,
    PERMANENT_RESIDENCE,
    RESIDENCE_PERMIT,
    birth_date,
)
from gongji.model.judging import RowVerdict
from gongji.model.people import Certificate, Designation, Enrolment, InstitutionGrade
from gongji.model.refusals import CertificateChecksum, MalformedField
from gongji.model.registry import InstitutionRow, PersonRow
from gongji.rules.codes import CARE_CLASSES, IDENTITY_CARD, InstitutionKind, Scheme
from gongji.rules.terms import TERMS
from gongji.text.forms import as_sent

RELATIONS = frozenset({"10", "11", "12", "99"} | {str(code) for code in range(20, 98)})
"""GB/T 4761 codes of what one person is to another (patn_rlts); 01 本人 and 02 户主 are none."""

CERTIFICATE_TAKEN = "CERTIFICATE_TAKEN"
"""The reason if a certificate belongs to another person at the end of the import."""

ROWS_DIFFER = "ROWS_DIFFER"
"""The reason if two rows of one import say different things of one person."""

OTHER_CITY = "OTHER_CITY"
"""The reason if a row speaks of a person or institution of no city of its caller's."""

PERSON_ERASED = "PERSON_ERASED"
"""The reason if a row speaks of a person whose whole file was erased at his request."""

RELATIVE_REFUSED = "RELATIVE_REFUSED"
"""The reason if a row names as kin somebody whose row is refused and whom nobody knows."""

_AREA = re.compile(r"[1-9][0-9]{5}", re.ASCII)

_INSTITUTION_CODE = re.compile(r"[A-Z][1-9][0-9]{5}[0-9A-Z]{5}", re.ASCII)

_WITH_WHOLE_YEAR = 18
"""Characters of a certificate's number whose birth date has four digits of the year."""

_KIND_OF_LETTER = {"H": InstitutionKind.HOSPITAL, "P": InstitutionKind.PHARMACY}

_STANDINGS = ("11", "12")

T = TypeVar("T")


class Problem(Struct, frozen=True):
    """What is wrong with a row: path of the field, reason as on the wire, message.

    The message is a Chinese sentence without personal data.
    """

    field: str
    reason: str
    message: str


def problem_of(verdict: RowVerdict, owner_field: str) -> Problem:
    """Return what is wrong with a row that its whole import refuses."""
    if verdict is RowVerdict.FOREIGN:
        return Problem(
            owner_field,
            OTHER_CITY,
            "所说的参保地或机构不全在本调用方的城市，或登记库中此编号属于别的城市",
        )
    if verdict is RowVerdict.ERASED:
        return Problem(
            owner_field,
            PERSON_ERASED,
            "此人的登记已依其请求全部删除；确须重新登记的，请运营方以 gongji erase --lift 解除",
        )
    if verdict is RowVerdict.TAKEN:
        return Problem(
            "certificate",
            CERTIFICATE_TAKEN,
            "该证件已登记在另一人员编号之下，或本次导入另有一人也称持有",
        )
    if verdict is RowVerdict.RESTING:
        return Problem(
            "kin",
            RELATIVE_REFUSED,
            "所列亲属在本次导入中的行未被接受，登记库中也没有此人",
        )
    return Problem(
        owner_field, ROWS_DIFFER, "本次导入对同一编号另有一行，两行所说不同，均未接受"
    )


def problems_of(row: PersonRow, day: date) -> list[Problem]:
    """Return everything wrong with a person's row on the import's day."""
    return [
        *_of_person(row, day),
        *_of_certificate(row.certificate),
        *_of_birth(row, day),
        *_of_death(row, day),
        *_of_enrolments(row),
        *_of_kin(row),
        *_of_marks(row),
    ]


def problems_of_institution(row: InstitutionRow, day: date) -> list[Problem]:
    """Return everything wrong with an institution's row on the import's day."""
    return [
        *_of_code(row),
        *_of_institution(row, day),
    ]


def problems_of_certificate(certificate: Certificate) -> list[Problem]:
    """Return everything wrong with a certificate's number."""
    return list(_of_certificate(certificate))


def _malformed(field: str, message: str) -> Problem:
    return Problem(field, MalformedField.reason(), message)


def _checksum(message: str) -> Problem:
    return Problem("certificate.number", CertificateChecksum.reason(), message)


def _of_person(row: PersonRow, day: date) -> Iterator[Problem]:
    if not row.person_no:
        yield _malformed("person_no", "缺少人员编号")
    if not row.name.strip():
        yield _malformed("name", "缺少姓名")
    yield from _of_places(row, day)
    if row.base_fen < 0:
        yield _malformed("contribution_base_fen", "缴费基数不得为负")
    bases = [(base.fen, base.since) for base in row.bases]
    yield from _of_days("contribution_bases", bases)
    if bases and row.base_fen not in {0, _value_on(bases, day)}:
        yield _malformed(
            "contribution_base_fen",
            f"与 contribution_bases 所说的导入日 {day} 的缴费基数不一致",
        )


def _of_places(row: PersonRow, day: date) -> Iterator[Problem]:
    places = [(place.area_code, place.since) for place in row.insured_places]
    yield from _of_days("insured_places", places)
    for n, (area_code, _) in enumerate(places):
        if not _AREA.fullmatch(area_code):
            field = f"insured_places[{n}].insured_place"
            yield _malformed(field, "参保地医保区划须为六位数字，不以0开头")
    place = row.insured_place
    if not place and not places:
        yield _malformed("insured_place", "必填：没有写参保地医保区划")
    elif place and not _AREA.fullmatch(place):
        yield _malformed("insured_place", "参保地医保区划须为六位数字，不以0开头")
    elif place and places and _value_on(places, day) != place:
        yield _malformed(
            "insured_place",
            f"与 insured_places 所说的导入日 {day} 的参保地不一致；可以不写",
        )


def _of_death(row: PersonRow, day: date) -> Iterator[Problem]:
    died, born = row.died_on, row.born_on or _whole_birth_date(row.certificate)
    if died is None:
        return
    if died > day:
        yield _malformed("died_on", f"死亡日期 {died} 在将来：今天是 {day}")
    if born is not None and died < born:
        yield _malformed("died_on", f"死亡日期 {died} 早于出生日期")


def _whole_birth_date(certificate: Certificate) -> date | None:
    # The older permanent residence card has two digits of the year only.
    whole = len(certificate.number) == _WITH_WHOLE_YEAR
    return birth_date(certificate.type, certificate.number) if whole else None


def _of_days(field: str, entries: Sequence[tuple[object, date]]) -> Iterator[Problem]:
    for n, (before, after) in enumerate(pairwise(entries), start=1):
        if after[1] <= before[1]:
            yield _malformed(
                f"{field}[{n}].from", f"起日 {after[1]} 须晚于前一项的 {before[1]}"
            )


def _value_on(entries: Sequence[tuple[T, date]], day: date) -> T:
    """Return the last value that has begun, or the first of all."""
    begun = [value for value, since in entries if since <= day]
    return begun[-1] if begun else entries[0][0]


def _of_certificate(certificate: Certificate) -> Iterator[Problem]:
    """Hold numbers with a birth date to their form, check digit (GB 11643) and date."""
    number = certificate.number
    if not number:
        yield _malformed("certificate.number", "缺少证件号码")
        return
    # The form of a passport or another certificate is its issuer's business.
    numberings = NUMBERINGS.get(certificate.type)
    if numberings is None:
        return
    name = _CERTIFICATE_NAMES[certificate.type]
    # The place in the first six digits is not judged: counties come and go.
    fitting = [form for form in numberings if form.pattern.fullmatch(number)]
    if not fitting:
        forms = "，或".join(form.told for form in numberings)
        told = f"{name}号码须为{forms}；收到 {len(number)} 个字符"
        yield _malformed("certificate.number", told)
    elif fitting[0].checked and ric.calc_check_digit(number) != number[-1]:
        yield _checksum(f"{name}号码的校验码不对，请逐位核对")
    elif birth_date(certificate.type, number) is None:
        yield _checksum(f"{name}号码中的出生日期不存在")


def _of_birth(row: PersonRow, day: date) -> Iterator[Problem]:
    """Hold the birth day said to the calendar, and to the certificate's."""
    born = row.born_on
    if born is None:
        return
    if born > day:
        yield _malformed("born_on", f"出生日期 {born} 晚于导入日 {day}")
    in_number = birth_date(row.certificate.type, row.certificate.number)
    # The older permanent residence card has two digits of the year only.
    same = in_number and born.strftime("%y%m%d") == in_number.strftime("%y%m%d")
    if in_number is not None and not same:
        yield _malformed("born_on", "出生日期与证件号码中的不一致")


_CERTIFICATE_NAMES = {
    IDENTITY_CARD: "居民身份证",
    RESIDENCE_PERMIT: "港澳台居民居住证",
    PERMANENT_RESIDENCE: "外国人永久居留身份证",
}


def _of_enrolments(row: PersonRow) -> Iterator[Problem]:
    for n, enrolment in enumerate(row.enrolments):
        place = enrolment.insured_place
        if place and not _AREA.fullmatch(place):
            yield _malformed(
                f"enrolments[{n}].insured_place", "参保地医保区划须为六位数字"
            )
        until = enrolment.until
        if until is not None and until < enrolment.since:
            yield _malformed(
                f"enrolments[{n}].to",
                f"参保止日 {until} 早于起日 {enrolment.since}",
            )
        # Without a standing the employee table has no ratio for the person.
        employee = enrolment.scheme is Scheme.EMPLOYEE
        if employee and not enrolment.psn_type.startswith(_STANDINGS):
            yield _malformed(
                f"enrolments[{n}].psn_type",
                "职工医保的人员类别须为在职（11…）或退休（12…）",
            )
    yield from _overlaps(row)


def _overlaps(row: PersonRow) -> Iterator[Problem]:
    # The later one of two is named, by its number as sent.
    enrolments = row.enrolments
    in_order = sorted(
        range(len(enrolments)),
        key=lambda n: (enrolments[n].scheme, enrolments[n].since, n),
    )
    for earlier, n in pairwise(in_order):
        after = enrolments[n]
        if _overlap(enrolments[earlier], after):
            scheme = TERMS[Scheme][after.scheme]
            yield _malformed(
                f"enrolments[{n}].from",
                f"{scheme}参保期间重叠：{after.since} 时前一段尚未结束",
            )


def _overlap(before: Enrolment, after: Enrolment) -> bool:
    if before.scheme is not after.scheme:
        return False
    return before.until is None or after.since <= before.until


def _of_kin(row: PersonRow) -> Iterator[Problem]:
    for n, kin in enumerate(row.kin):
        if kin.relation not in RELATIONS:
            yield _malformed(
                f"kin[{n}].relation",
                f"{as_sent(kin.relation)}不是亲属关系代码（GB/T 4761）；01、02 不是关系",
            )
        if not kin.person_no or kin.person_no == row.person_no:
            yield _malformed(f"kin[{n}].person_no", "亲属的人员编号缺失或是本人")
        if kin.since and kin.until and kin.until < kin.since:
            yield _malformed(f"kin[{n}].to", "关系止日早于起日")


def _of_marks(row: PersonRow) -> Iterator[Problem]:
    for n, mark in enumerate(row.marks):
        if mark.until is not None and mark.until < mark.since:
            yield _malformed(f"marks[{n}].to", "标识止日早于起日")


def _of_code(row: InstitutionRow) -> Iterator[Problem]:
    code = row.code
    if not _INSTITUTION_CODE.fullmatch(code):
        yield _malformed(
            "code", "机构编号须为12位：一个大写字母、六位医保区划、五位数字或大写字母"
        )
        return
    # Only H and P say something of the kind; another letter fits either.
    said = [row.grade] if row.grade else []
    for grade in (*said, *(change.grade for change in row.grades)):
        kind = _KIND_OF_LETTER.get(code[0], grade.kind)
        if kind is not grade.kind:
            yield _malformed(
                "code", "机构编号的首字母与机构类别不符：H 为医疗机构，P 为零售药店"
            )
            return


def _of_institution(row: InstitutionRow, day: date) -> Iterator[Problem]:
    if not row.name.strip():
        yield _malformed("name", "缺少机构名称")
    grade = row.grade
    if grade is not None:
        yield from _of_grade("hosp_lv", grade)
    grades = [(change.grade, change.since) for change in row.grades]
    yield from _of_days("grades", grades)
    for n, (later, _) in enumerate(grades):
        yield from _of_grade(f"grades[{n}].hosp_lv", later)
    if grade and grades and _value_on(grades, day) != grade:
        yield _malformed(
            "hosp_lv",
            f"与 grades 所说的导入日 {day} 的机构类别和等级不一致；二者可以不写",
        )
    yield from _of_designations(row.designations)


def _of_grade(field: str, grade: InstitutionGrade) -> Iterator[Problem]:
    kind, hosp_lv = grade.kind, grade.hosp_lv
    if kind is InstitutionKind.HOSPITAL and not 1 <= hosp_lv <= 14:
        yield _malformed(field, "医疗机构的医院等级须为1至14，未定级为11")
    if kind is InstitutionKind.PHARMACY and hosp_lv != 0:
        yield _malformed(field, "零售药店没有医院等级，须为0")
    if grade.care_class not in {"", *CARE_CLASSES}:
        known = "、".join(CARE_CLASSES)
        place = field.replace("hosp_lv", "care_class")
        yield _malformed(place, f"没有这种机构类别；可写 {known}，或不写")


def _of_designations(designations: Sequence[Designation]) -> Iterator[Problem]:
    for n, designation in enumerate(designations):
        # As sent: the first stands in fields of its own.
        field = f"further_designations[{n - 1}].to" if n else "designated_to"
        until = designation.until
        if until is not None and until < designation.since:
            yield _malformed(field, "定点止日早于起日")
    in_order = sorted(designations, key=lambda d: d.since)
    for before, after in pairwise(in_order):
        if before.until is None or after.since <= before.until:
            yield _malformed(
                "further_designations", f"定点期间重叠：{after.since} 时前一段尚未结束"
            )
