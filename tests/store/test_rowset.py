"""Laws of judging the rows of an import together, against a second reading of the rules.

A row is refused if it is at fault by itself; if another row says something else of the
same person; if several claim its certificate and it does not have it; if somebody who
has its certificate keeps it; or if it names as kin somebody refused whom nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from gongji.model.judging import Counts, RowStanding, SetRow
from gongji.model.staging import REFUSED
from gongji.store.rowset import RowSet
from hypothesis import given
from hypothesis import strategies as st

PEOPLE = ["P1", "P2", "P3", "P4"]
CERTIFICATES = ["A", "B", "C", "D"]


@dataclass(frozen=True)
class DrawnRow:
    """A row as it is drawn."""

    owner: str
    cert: str
    name: str = "甲"
    kin: tuple[str, ...] = ()
    faulty: bool = False


@dataclass(frozen=True)
class DrawnImport:
    """What is registered, and an import."""

    holds: dict[str, str]
    """The certificate of each registered person."""
    rows: list[DrawnRow]


ROWS = st.builds(
    DrawnRow,
    st.sampled_from(PEOPLE),
    st.sampled_from(CERTIFICATES),
    st.sampled_from(["甲", "甲", "乙"]),
    st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True).map(tuple),
    st.sampled_from([False, False, False, True]),
)
CASES = st.builds(
    DrawnImport,
    # Nobody shares a certificate to begin with.
    st.permutations(CERTIFICATES).flatmap(
        lambda certs: st.lists(st.sampled_from(PEOPLE), unique=True).map(
            lambda known: dict(zip(known, certs, strict=False))
        )
    ),
    st.lists(ROWS, max_size=6),
)


def refused_of(case: DrawnImport) -> set[int]:
    """Return the places of the rows that are refused, by plain reading of the rules."""
    fine = set(_agreeing(case.rows))
    fine -= set(_claimed(case, fine))
    while resting := set(_resting(case, fine)):
        fine -= resting
    return set(range(len(case.rows))) - fine


def _agreeing(rows: list[DrawnRow]) -> Iterator[int]:
    """Yield the sound rows that say the same as every other sound row of their person."""
    sound = [row for row in rows if not row.faulty]
    for n, row in enumerate(rows):
        others = [other for other in sound if other.owner == row.owner]
        if not row.faulty and all(other == row for other in others):
            yield n


def _claimed(case: DrawnImport, fine: set[int]) -> Iterator[int]:
    """Yield the rows that claim a new certificate which another claims, too."""
    for n in fine:
        row = case.rows[n]
        claim = {case.rows[m].owner for m in fine if case.rows[m].cert == row.cert}
        if case.holds.get(row.owner) != row.cert and claim != {row.owner}:
            yield n


def _resting(case: DrawnImport, fine: set[int]) -> Iterator[int]:
    """Yield the rows that cannot stand if only these are accepted."""
    ends = dict(case.holds)
    ends.update({case.rows[n].owner: case.rows[n].cert for n in fine})
    refused = {row.owner for row in case.rows} - ends.keys()
    for n in fine:
        row = case.rows[n]
        others = {who for who, cert in ends.items() if cert == row.cert}
        held = {who for who in others if case.holds.get(who) == row.cert}
        if held - {row.owner} or refused & set(row.kin):
            yield n


def standing(case: DrawnImport, row: DrawnRow) -> RowStanding:
    """Return how a row stands among what is registered."""
    held = case.holds.get(row.owner)
    others = sorted(who for who, cert in case.holds.items() if cert == row.cert)
    return RowStanding(
        revision=int(held is not None),
        unchanged=held == row.cert and row.name == "甲",
        holders=tuple(who for who in others if who != row.owner),
        keeps=held == row.cert,
    )


def judged(case: DrawnImport, order: Sequence[int]) -> tuple[set[int], Counts]:
    """Return the places of the refused rows, the import having come in some order."""
    with closing(RowSet()) as rowset:
        _add(rowset, case, order)
        counts = rowset.judge()
        return set(range(len(case.rows))) - rowset.accepted(), counts


def _add(rowset: RowSet, case: DrawnImport, order: Sequence[int]) -> None:
    for n in order:
        row = case.rows[n]
        content = f"{row.cert}{row.name}{row.kin}".encode()
        entry = SetRow(n, row.owner, content, row.cert, row.kin, row.faulty)
        if row.faulty:
            entry = SetRow(n, row.owner, faulty=True)
        rowset.add([entry], [standing(case, row)])


@given(case=CASES, data=st.data())
def test_rows_are_judged_as_the_rules_read(
    case: DrawnImport, data: st.DataObject
) -> None:
    """Whatever is registered and in whatever order the rows come, the same rows are
    refused, and counted."""
    order = data.draw(st.permutations(range(len(case.rows))))
    refused, counts = judged(case, order)
    assert refused_of(case) == refused
    changed = {
        row.owner
        for n, row in enumerate(case.rows)
        if n not in refused and not standing(case, row).unchanged
    }
    received = len(case.rows)
    unchanged = received - len(refused) - len(changed)
    assert Counts(received, len(changed), unchanged, len(refused)) == counts


@given(before=CASES, after=CASES)
def test_rows_judged_anew_stand_as_at_first(
    before: DrawnImport, after: DrawnImport
) -> None:
    """When the registry has changed under a set, judging it anew ends as if it had been
    so from the beginning."""
    now = DrawnImport(after.holds, before.rows)
    with closing(RowSet()) as rowset:
        _judged_anew(rowset, before, now)
        assert refused_of(now) == set(range(len(now.rows))) - rowset.accepted()


@given(before=CASES, after=CASES)
def test_staged_rows_learn_what_they_lie_over(
    before: DrawnImport, after: DrawnImport
) -> None:
    """Exactly those rows are rewritten that are refused, or that meet another revision
    than when they were laid down."""
    now = DrawnImport(after.holds, before.rows)
    with closing(RowSet()) as rowset:
        _judged_anew(rowset, before, now)
        accepted = rowset.accepted()
        bases: dict[str, int] = {}
        while chunk := rowset.take_rebased(1):
            bases |= chunk
    sound = {n: row for n, row in enumerate(now.rows) if not row.faulty}
    first = {row.owner: standing(before, row).revision for row in sound.values()}
    due = dict.fromkeys(first, REFUSED)
    due |= {sound[n].owner: standing(now, sound[n]).revision for n in accepted}
    assert {who: base for who, base in due.items() if base != first[who]} == bases


def _judged_anew(rowset: RowSet, before: DrawnImport, now: DrawnImport) -> None:
    _add(rowset, before, range(len(before.rows)))
    rowset.judge()
    rowset.stand((n, standing(now, row)) for n, row in enumerate(now.rows))
    rowset.judge()
