"""Relations as the registry knows them (亲属关系): kinds of GB/T 4761 codes, and a tie
seen from its other end."""

from __future__ import annotations

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
"""What the other may be to this person, from what this person is to the other."""


def kind_of(relation: str) -> str:
    """The kind of a code: its first digit, ties by marriage apart, all farther or no
    relatives together."""
    first = relation[0]
    if first not in _OTHER_END:
        return "other"
    return f"{first} by marriage" if relation in _IN_LAWS else first


def on_record(holder: Person, member: Person) -> set[str]:
    """Kinds of what the member is to the holder, as the registry shows it on either
    side; empty where it does not."""
    kinds = {
        kind_of(kin.relation) for kin in holder.kin if kin.person_no == member.person_no
    }
    for kin in member.kin:
        if kin.person_no == holder.person_no:
            kinds |= _OTHER_END[kind_of(kin.relation)]
    return kinds
