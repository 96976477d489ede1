"""1101 人员信息获取, and GetPerson: found by the certificate the institution has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from gongji.model.certificates import birth_date, is_male
from gongji.model.normal import certificate_number
from gongji.national.envelope import Shape, Unmapped
from gongji.national.fields import Node, Table, carried
from gongji.national.forms import ANY_ID, ID, MOMENT, NationalFault, amount, day_of
from gongji.national.heads import envelope
from gongji.national.text import dumps
from gongji.text.forms import as_sent
from gongji.v1 import registry_pb2
from gongji.v1 import types_pb2 as pb

_ID_CARD: Final = "01"
"""psn_cert_type of the identity card (居民身份证)."""

_BY_ID_CARD, _BY_OTHERS = "02", ("01", "03")
"""mdtrt_cert_type: 02 carries the number of an identity card; 01 电子凭证 and 03 社保卡
carry what only who issued them can read."""

_DATA: Final = "input.data"

PERSON_INPUT: Final[Table] = (
    carried("mdtrt_cert_type", "就诊凭证类型", "决定证件从哪里取", ID, required=True),
    carried("mdtrt_cert_no", "就诊凭证编号", "02 时即身份证号", ID, required=True),
    carried("card_sn", "卡识别码", "身份由渠道核验，不传给服务", ANY_ID),
    carried("begntime", "开始时间", "其日即所问之日；不写则为今天", MOMENT),
    carried("psn_cert_type", "人员证件类型", "01、03 时必填", ANY_ID),
    carried("certno", "证件号码", "01、03 时必填", ANY_ID),
    carried("psn_name", "人员姓名", "写了就须与登记的相符"),
    carried("exp_content", "字段扩展", "只保留"),
)
"""1101, node data."""


def _complete(proto: registry_pb2.GetPersonRequest, unmapped: Unmapped) -> None:
    data = unmapped.data.fields
    proto.person.certificate.CopyFrom(_certificate_of(data))
    proto.as_of = day_of(data.get("begntime"), f"{_DATA}.begntime")


def _certificate_of(data: Node) -> pb.Certificate:
    """Return the certificate that a 1101 names. NationalFault."""
    kind = str(data["mdtrt_cert_type"])
    stated = str(data.get("certno") or "")
    if kind == _BY_ID_CARD:
        number = str(data["mdtrt_cert_no"])
        if stated and certificate_number(stated) != certificate_number(number):
            raise NationalFault(
                f"{_DATA}.certno 与 mdtrt_cert_no 不是同一号码：mdtrt_cert_type 为 02 时"
                "两者都是身份证号"
            )
        return pb.Certificate(type=_ID_CARD, number=number)
    if kind not in _BY_OTHERS:
        known = "、".join((_BY_ID_CARD, *_BY_OTHERS))
        raise NationalFault(
            f"{_DATA}.mdtrt_cert_type 没有代码{as_sent(kind)}；可用 {known}"
        )
    if not stated:
        raise NationalFault(
            f"{_DATA}.certno 没有给出：本服务读不了电子凭证令牌与社会保障卡，"
            "mdtrt_cert_type 为 01、03 时请填写 psn_cert_type 与 certno"
        )
    certificate_type = str(data.get("psn_cert_type") or _ID_CARD)
    return pb.Certificate(type=certificate_type, number=stated)


PERSON: Final = Shape(
    infno="1101",
    proto=registry_pb2.GetPersonRequest,
    envelope=envelope(),
    fields=PERSON_INPUT,
    complete=_complete,
    made_of={
        "person": f"{_DATA}.certno",
        "person.certificate": f"{_DATA}.certno",
        "person.certificate.type": f"{_DATA}.psn_cert_type",
        "person.certificate.number": f"{_DATA}.certno",
        "as_of": f"{_DATA}.begntime",
    },
)


def hold_name(person: pb.Person, stated: str) -> None:
    """NationalFault if a name is stated that is not the person's."""
    if stated and not _agrees(stated, person.name):
        raise NationalFault(f"{_DATA}.psn_name 与此证件登记的姓名不符")


def person_output(
    person: pb.Person,
    asked: registry_pb2.GetPersonRequest,
    balances: Mapping[int, int],
    today: date,
) -> dict[str, Any]:
    """Return the output of 1101, with the balances in fen that are known, by scheme.

    The certificate, and what its number says, are the sender's own; the name stays
    masked.
    """
    day = date.fromisoformat(asked.as_of) if asked.as_of else today
    rows = [_insurance(person, one, balances) for one in enrolments_on(person, day)]
    base = {
        "psn_no": person.person_no,
        **_of_certificate(asked.person.certificate, day),
        "psn_name": person.name,
        "naty": "",
        "exp_content": _remark(person, balances),
    }
    return {"baseinfo": base, "insuinfo": rows, "idetinfo": []}


def _of_certificate(certificate: pb.Certificate, day: date) -> dict[str, str]:
    """Return the sender's certificate, and what its number says."""
    born = birth_date(certificate.type, certificate.number)
    male = is_male(certificate.type, certificate.number)
    return {
        "psn_cert_type": certificate.type,
        "certno": certificate.number,
        "gend": "" if male is None else "12"[not male],
        "brdy": born.isoformat() if born else "",
        "age": str(_years(born, day)) if born else "0",
    }


def enrolments_on(person: pb.Person, day: date) -> Iterator[pb.Enrolment]:
    """Yield the enrolments in force on a day."""
    for enrolment in person.enrolments:
        first, last = getattr(enrolment, "from"), enrolment.to
        if first <= day.isoformat() <= (last or day.isoformat()):
            yield enrolment


def _insurance(
    person: pb.Person, enrolment: pb.Enrolment, balances: Mapping[int, int]
) -> dict[str, str]:
    balance = balances.get(enrolment.scheme)
    return {
        # An empty number is "0" there; exp_content says that it is none.
        "balc": "0" if balance is None else amount(balance),
        "insutype": str(enrolment.scheme),
        "psn_type": enrolment.psn_type,
        "psn_insu_stas": str(enrolment.status),
        "psn_insu_date": getattr(enrolment, "from"),
        "paus_insu_date": enrolment.to,
        "cvlserv_flag": "",
        "insuplc_admdvs": enrolment.insured_place or person.insured_place,
        "emp_name": "",
    }


def _remark(person: pb.Person, balances: Mapping[int, int]) -> str:
    """Return what exp_content says of a balance that is not known."""
    untold = any(one.scheme == pb.SCHEME_EMPLOYEE for one in person.enrolments)
    if not untold or pb.SCHEME_EMPLOYEE in balances:
        return ""
    return dumps({"gongji": {"balc": "没有查询个人账户余额，此处的 0 不是余额"}})


def _agrees(stated: str, masked: str) -> bool:
    """Return whether a name can be the one that is shown masked: 陈示一 and 陈**."""
    shown = masked.rstrip("*")
    return not masked or stated.startswith(shown)


def _years(born: date, day: date) -> int:
    before_birthday = (day.month, day.day) < (born.month, born.day)
    return max(0, day.year - born.year - before_birthday)
