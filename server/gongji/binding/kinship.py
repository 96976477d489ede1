"""Relations as the registry knows them (亲属关系), by kinds of GB/T 4761 codes."""

from __future__ import annotations

from datetime import date

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
