"""Relations as the registry knows them (亲属关系), by kinds of GB/T 4761 codes."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Final

from gongji.model.people import Person

_IN_LAWS = frozenset(
    {"28", "38", "45", "46", "53", "54", "55", "56", "65", "68", "72", "74", "76", "78"}
)
"""Relatives by marriage (姻亲): 女婿、儿媳、孙媳妇、孙女婿、公婆、岳父母、
配偶的祖父母与曾祖父母、兄弟姐妹的配偶."""

_OTHER_END = {
    "1": {"1"},
    "2": {"5"},
    "3": {"5"},
    "4": {"6"},
    "5": {"2", "3"},
    "6": {"4"},
    "7": {"7"},
    "2 by marriage": {"5 by marriage"},
    "3 by marriage": {"5 by marriage"},
    "4 by marriage": {"6 by marriage"},
    "5 by marriage": {"2 by marriage", "3 by marriage"},
    "6 by marriage": {"4 by marriage"},
    "7 by marriage": {"7 by marriage"},
    "other": {"other"},
}
"""What the second may be to the first, by what the first is to the second."""


SPOUSE: Final = "1"
"""The kind of husbands and wives (配偶)."""


class Birth(Enum):
    """When the one who is something to another was born, seen from that other's birth."""

    LATER = "later"
    EARLIER = "earlier"
    NOT_LATER = "not_later"
    NOT_EARLIER = "not_earlier"

    def possible(self, theirs: date, own: date) -> bool:
        """Return whether these two birth dates allow it."""
        match self:
            case Birth.LATER:
                return theirs > own
            case Birth.EARLIER:
                return theirs < own
            case Birth.NOT_LATER:
                return theirs <= own
            case Birth.NOT_EARLIER:
                return theirs >= own


def birth_of(relation: str) -> Birth | None:
    """Return when such a relative was born; None if dates say nothing of the relation.

    Relatives by marriage, and step and adopted ones (27, 37, 57, 58), may be of any age.
    """
    return _BIRTHS.get(relation)


def _codes(text: str, birth: Birth) -> dict[str, Birth]:
    return dict.fromkeys(text.split(), birth)


_BIRTHS: Final = {
    **_codes("20 21 22 23 24 25 26 29 30 31 32 33 34 35 36 39", Birth.LATER),
    **_codes("40 41 42 43 44 47 48 49", Birth.LATER),
    **_codes("50 51 52 60 61 62 63 64 66 67 69", Birth.EARLIER),
    # Twins are of one day.
    **_codes("71 75", Birth.NOT_LATER),
    **_codes("73 77", Birth.NOT_EARLIER),
}


def kind_of(relation: str) -> str:
    """Return the kind of a code: its first digit, relatives by marriage apart.

    All farther relatives and those who are none are one kind.
    """
    first = relation[0]
    if first not in _OTHER_END:
        return "other"
    # 子女 and 女婿 share their first digit, and only the former may be bound.
    return f"{first} by marriage" if relation in _IN_LAWS else first


def on_record(holder: Person, member: Person, day: date) -> set[str]:
    """Return the kinds of what the member is to the holder that day, as the registry says."""
    kinds = set()
    for kin in holder.kin:
        if kin.person_no == member.person_no and kin.covers(day):
            kinds.add(kind_of(kin.relation))
    # A tie need be recorded on one side only.
    for kin in member.kin:
        if kin.person_no == holder.person_no and kin.covers(day):
            kinds.update(_OTHER_END[kind_of(kin.relation)])
    return kinds
