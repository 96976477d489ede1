"""Cells of a file that hold a list, its entries with ; between them: dated facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from gongji.rules import money
from gongji.text.forms import as_sent
from gongji.v1 import types_pb2

M = TypeVar("M")

DAY_MARK = "@"
"""Stands between a value and the day it holds from: 8000.00@2025-07-01."""


_WIDE_SIGNS: Final = "\uff1b\uff1a\uff0f\uff20"
"""The signs ; : / @ in full width."""


def entries(cell: str) -> Iterator[str]:
    """Return the entries of a cell."""
    return filter(None, cell.split(";"))


def dated(cell: str) -> list[tuple[str, str]]:
    """Return values and their first days; a cell without days has none. ValueError."""
    if DAY_MARK not in cell:
        return []
    parts = [entry.split(DAY_MARK) for entry in entries(cell)]
    if any(len(part) != 2 or not all(part) for part in parts):
        raise _misread("各项都须有取值与起日，写作 取值@起日，几项之间用 ;", cell)
    return [(value, day) for value, day in parts]


def place_into(person: types_pb2.Person, cell: str) -> None:
    """Fill in the insured place: 341102, or 341102@2020-01-01;340802@2025-06-20."""
    places = dated(cell)
    if not places:
        person.insured_place = cell
    for code, day in places:
        person.insured_places.append(
            _from(types_pb2.PlaceSince(insured_place=code), day)
        )


def base_into(person: types_pb2.Person, cell: str) -> None:
    """Fill in the contribution base: 8000.00, or 5000.00@2024-07-01;8000.00@2025-07-01."""
    bases = dated(cell)
    if not bases:
        person.contribution_base_fen = money.fen(cell or "0")
        return
    for yuan, day in bases:
        since = types_pb2.ContributionBaseSince(fen=money.fen(yuan))
        person.contribution_bases.append(_from(since, day))


def enrolment(text: str) -> types_pb2.Enrolment:
    """Return an enrolment: 310/11/1/2015-01-01/, with its own insured place after another /.

    ValueError.
    """
    parts = text.split("/")
    if len(parts) not in {5, 6} or not (parts[0].isdecimal() and parts[2].isdecimal()):
        raise _misread(
            "enrolments 应写作 险种/人员类别/状态/起/止，可再加 /参保地，"
            "如 310/11/1/2015-01-01/",
            text,
        )
    scheme, psn_type, status, first, last, *place = parts
    message = types_pb2.Enrolment(
        psn_type=psn_type, to=last, insured_place="".join(place)
    )
    message.scheme = int(scheme)  # type: ignore[assignment] # the service judges the number
    message.status = int(status)  # type: ignore[assignment] # the service judges the number
    return _from(message, first)


def kin(text: str) -> types_pb2.Kin:
    """Return a relation: P2:10:民政婚姻登记, its first and last day after two more :."""
    parts = text.split(":")
    if len(parts) not in {3, 5}:
        raise _misread(
            "kin 应写作 人员编号:关系代码:来源，可再加 :起:止，如 P2:10:民政婚姻登记",
            text,
        )
    person_no, relation, source, *days = parts
    message = types_pb2.Kin(person_no=person_no, relation=relation, source=source)
    first, last = days or ("", "")
    message.to = last
    return _from(message, first)


def mark(text: str) -> types_pb2.Mark:
    """Return a mark: family_doctor/H34110000001/2025-01-01/2025-12-31."""
    kind, value, first, last = _parts(text, "marks", "种类/取值/起/止", 4)
    return _from(types_pb2.Mark(kind=kind, value=value, to=last), first)


_WITH_CLASS: Final = 3
"""Slashes of a grade that says the class, too."""


def grade(text: str) -> types_pb2.GradeSince:
    """Return a kind and grade since a day: 1/2/2025-07-01, or 1/11/2025-07-01/community."""
    kind, hosp_lv, first, *care_class = _grade_parts(text)
    if not (kind.isdecimal() and hosp_lv.isdecimal()):
        raise _misread("grades 中的机构类别与医院等级应为国家代码数字", text)
    message = types_pb2.GradeSince(hosp_lv=int(hosp_lv), care_class="".join(care_class))
    message.kind = int(kind)  # type: ignore[assignment] # the service judges the number
    return _from(message, first)


def _grade_parts(text: str) -> list[str]:
    named = "机构类别/医院等级/起"
    if text.count("/") == _WITH_CLASS:
        return _parts(text, "grades", f"{named}/类", _WITH_CLASS + 1)
    return _parts(text, "grades", named, _WITH_CLASS)


def designation(text: str) -> types_pb2.Designation:
    """Return a further time of designation: 2024-01-01/2024-12-31."""
    first, last = _parts(text, "further_designations", "起/止", 2)
    return _from(types_pb2.Designation(to=last), first)


def _parts(text: str, column: str, form: str, count: int) -> list[str]:
    parts = text.split("/")
    if len(parts) != count:
        raise _misread(f"{column} 应写作 {form}", text)
    return parts


def _misread(wanted: str, text: str) -> ValueError:
    """Return what is wrong with an entry: how it is written, and how it is not."""
    problem = f"{wanted}，得到{as_sent(text)}"
    wide = [sign for sign in _WIDE_SIGNS if sign in text]
    if wide:
        # They look much alike on a screen.
        problem += f"；其中 {' '.join(wide)} 是全角的，请改为半角"
    return ValueError(problem)


def _from(message: M, day: str) -> M:
    setattr(message, "from", day)  # a keyword of Python
    return message
