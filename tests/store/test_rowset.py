"""Laws of judging the rows of an import together, against a second reading of the rules.

A row is refused if it is at fault by itself; if another row says something else of the
same person; if several claim its certificate and it does not have it; if somebody who
has its certificate keeps it; or if it names as kin somebody refused whom nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from gongji.model.judging import Counts, SetRow, Standing
from gongji.model.staging import REFUSED
from gongji.store.rowset import RowSet
from hypothesis import given
from hypothesis import strategies as st

PEOPLE = ["P1", "P2", "P3", "P4"]
CERTIFICATES = ["A", "B", "C", "D"]


@dataclass(frozen=True)
class Row:
    """A row as it is drawn."""

    owner: str
    cert: str
    name: str = "甲"
    kin: tuple[str, ...] = ()
    faulty: bool = False


@dataclass(frozen=True)
class Case:
    """What is registered, and an import."""

    holds: dict[str, str]
    """The certificate of each registered person."""
    rows: list[Row]


ROWS = st.builds(
    Row,
    st.sampled_from(PEOPLE),
    st.sampled_from(CERTIFICATES),
    st.sampled_from(["甲", "甲", "乙"]),
    st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True).map(tuple),
    st.sampled_from([False, False, False, True]),
)
CASES = st.builds(
    Case,
    # Nobody shares a certificate to begin with.
    st.permutations(CERTIFICATES).flatmap(
        lambda certs: st.lists(st.sampled_from(PEOPLE), unique=True).map(
            lambda known: dict(zip(known, certs, strict=False))
        )
    ),
    st.lists(ROWS, max_size=6),
)


def refused_of(case: Case) -> set[int]:
    """Return the places of the rows that are refused, by plain reading of the rules."""
    rows, holds = case.rows, case.holds
    sound = [n for n, row in enumerate(rows) if not row.faulty]
    fine = {
        n
        for n in sound
        if all(
            (rows[n].cert, rows[n].name, rows[n].kin)
            == (rows[m].cert, rows[m].name, rows[m].kin)
            for m in sound
            if rows[m].owner == rows[n].owner
        )
    }
    claimed = {
        n
        for n in fine
        if holds.get(rows[n].owner) != rows[n].cert
        and any(
            rows[m].cert == rows[n].cert and rows[m].owner != rows[n].owner
            for m in fine
        )
    }
    fine -= claimed
    while True:
        resting = set(_resting(case, fine))
        if not resting:
            return set(range(len(rows))) - fine
        fine -= resting


def _resting(case: Case, fine: set[int]) -> Iterator[int]:
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


def standing(case: Case, row: Row) -> Standing:
    """Return how a row stands among what is registered."""
    held = case.holds.get(row.owner)
    others = sorted(who for who, cert in case.holds.items() if cert == row.cert)
    return Standing(
        revision=int(held is not None),
        unchanged=held == row.cert and row.name == "甲",
        holders=tuple(who for who in others if who != row.owner),
        keeps=held == row.cert,
    )


def judged(case: Case, order: Sequence[int]) -> tuple[set[int], Counts]:
    """Return the places of the refused rows, the import having come in some order."""
    with closing(RowSet()) as rowset:
        _add(rowset, case, order)
        counts = rowset.judge()
        return set(range(len(case.rows))) - rowset.accepted(), counts


def _add(rowset: RowSet, case: Case, order: Sequence[int]) -> None:
    for n in order:
        row = case.rows[n]
        content = f"{row.cert}{row.name}{row.kin}".encode()
        entry = SetRow(n, row.owner, content, row.cert, row.kin, row.faulty)
        if row.faulty:
            entry = SetRow(n, row.owner, faulty=True)
        rowset.add([entry], [standing(case, row)])


@given(case=CASES, data=st.data())
def test_rows_are_judged_as_the_rules_read(case: Case, data: st.DataObject) -> None:
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
def test_rows_judged_anew_stand_as_at_first(before: Case, after: Case) -> None:
    """When the registry has changed under a set, judging it anew ends as if it had been
    so from the beginning."""
    now = Case(after.holds, before.rows)
    with closing(RowSet()) as rowset:
        _add(rowset, before, range(len(before.rows)))
        rowset.judge()
        sound = [(n, row) for n, row in enumerate(now.rows) if not row.faulty]
        # What a faulty row's owner is known by does not change here.
        rowset.stand((n, standing(now, row)) for n, row in enumerate(now.rows))
        rowset.judge()
        assert refused_of(now) == set(range(len(now.rows))) - rowset.accepted()
        bases: dict[str, int] = {}
        while chunk := rowset.take_rebased(1):
            bases |= chunk
        due = {row.owner: REFUSED for _, row in sound}
        accepted = rowset.accepted()
        due |= {
            row.owner: standing(now, row).revision for n, row in sound if n in accepted
        }
        first = {row.owner: standing(before, row).revision for _, row in sound}
        assert {who: base for who, base in due.items() if base != first[who]} == bases
