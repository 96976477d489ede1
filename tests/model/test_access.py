"""Whose data a call touches: each person once, kept with the decision or with the answer."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pytest
from gongji.model.access import (
    PEOPLE_OF,
    WITH_ANOTHER,
    Accesses,
    PersonAccess,
)
from gongji.model.account import Account
from gongji.model.commands import RequestRecord
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import SettledMessage
from gongji.model.staging import StagedPerson
from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.scaffold.people import NOW

LOOK = ("wst", "app", "", "P1", 1, 1, "Settle", "bill", "r1")

NO_DECISION_OF_ITS_OWN: dict[type, str] = {
    PersonRevision: "an import's, which is kept once for all its people",
    StagedPerson: "as above",
    RequestRecord: "what was answered is kept under the records behind it",
    SettledMessage: "written beside its settlement",
    PersonAccess: "the record itself",
}


@pytest.fixture
def accesses() -> Accesses:
    """Return the accesses of a call."""
    numbers = count()
    return Accesses(LOOK, lambda: f"-{next(numbers)}")


def people(rows: typing.Iterable[PersonAccess]) -> list[str]:
    """Return whom rows are of."""
    return [row.person_no for row in rows]


def test_each_person_once(accesses: Accesses) -> None:
    """A person noted again, or after his row was made, has no second row; "" is nobody."""
    accesses.note("P1", "", "P2")
    accesses.note("P1")
    assert people(accesses.others(lambda: NOW)) == ["P1", "P2"]
    accesses.note("P2", "P3")
    assert people(accesses.others(lambda: NOW)) == ["P3"]
    assert accesses.others(lambda: NOW) == ()


def test_a_decision_keeps_those_noted_and_those_it_writes_of(
    accesses: Accesses,
) -> None:
    """A row for each person noted before and each whose record is written; the answer
    adds nobody of them."""
    accesses.note("P1")
    writes = (
        Account("P2", 100, 1),
        Account("P1", 0, 2),
        SettledMessage("m", "s", caller="c"),
    )
    assert people(accesses.decided(writes, NOW)) == ["P1", "P2"]
    accesses.note("P2", "P3")
    assert people(accesses.others(lambda: NOW)) == ["P3"]


def test_what_a_decision_did_not_write_is_kept_with_the_answer(
    accesses: Accesses,
) -> None:
    """A decision made anew that writes nothing leaves its people to the answer."""
    accesses.note("P1")
    accesses.decided((Account("P2"),), NOW)
    accesses.undecided()
    assert people(accesses.others(lambda: NOW)) == ["P1"]


def test_a_long_stream_remembers_so_many(
    accesses: Accesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many people a stream names, so many are remembered at most."""
    monkeypatch.setattr(Accesses, "MOST_REMEMBERED", 10)
    for number in range(100):
        accesses.note(f"P{number}")
        assert people(accesses.others(lambda: NOW)) == [f"P{number}"]
    accesses.note("P99")
    assert accesses.others(lambda: NOW) == ()


def test_keys_ascend_with_time(accesses: Accesses) -> None:
    """A later instant has a greater key, and no two rows share one."""
    rows: list[PersonAccess] = []
    for minutes in range(50):
        accesses.note(f"P{minutes}", f"Q{minutes}")
        rows += accesses.others(partial(NOW.replace, minute=minutes))
    instants = [row.access_id.partition("-")[0] for row in rows]
    assert instants == sorted(instants)
    assert len({row.access_id for row in rows}) == len(rows)


def test_fields_shown(accesses: Accesses) -> None:
    """A service that shows other fields than its method as a rule says so."""
    accesses.show("name")
    accesses.note("P1")
    (row,) = accesses.others(lambda: NOW)
    assert (row.fields, row.method, row.request_id) == ("name", "Settle", "r1")


def names_of(kind: Any, seen: frozenset[Any] = frozenset()) -> Iterator[str]:
    """Yield the names of all text fields in a kind of record."""
    if kind in seen:
        return
    for part in typing.get_args(kind):
        yield from names_of(part, seen | {kind})
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for name, hint in typing.get_type_hints(kind).items():
            if hint is str:
                yield name
            yield from names_of(hint, seen | {kind})


OF_PEOPLE = {"person_no", "holder", "member", "patient", "ledger_account"}
OF_PEOPLE |= {"sender", "receiver"}


def test_every_kind_of_record_about_people_says_of_whom() -> None:
    """Each stored kind with a person's number in it is in the table of those whose
    writing is an access, or among those that never come alone."""
    kinds = set(Schema(Vault.ephemeral()).tables)
    about = {kind for kind in kinds if OF_PEOPLE & set(names_of(kind))}
    assert about - NO_DECISION_OF_ITS_OWN.keys() == PEOPLE_OF.keys() | WITH_ANOTHER
