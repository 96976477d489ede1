"""Laws of imports, over the service's own way of them and against a plain reading.

The registry of the model is a dictionary; what a row leaves of a person is computed by
hand, value by value and day by day.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeAlias

import pytest
from gongji.model.commands import Request
from gongji.model.people import Person
from gongji.registry.kinds import PERSONS
from gongji.rpc.convert.people import person_row_from
from gongji.rpc.services import stream as streams
from gongji.rpc.services.imports import Imports
from gongji.rpc.services.stream import ImportKind
from gongji.rpc.services.upkeep import Upkeep
from gongji.store import Store, open_store
from gongji.v1 import registry_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.prove.conftest import Effort
from tests.scaffold.people import NOW
from tests.scaffold.service import Service

PEOPLE = (1, 2, 3, 4)
LARGE = 3
"""So many rows and more are staged, fewer are written at once."""

Known: TypeAlias = dict[int, tuple[object, ...]]
"""What is known of everybody: all but the history of its revisions."""

KIND = ImportKind("person", person_row_from, PERSONS)


class Said(NamedTuple):
    """What a row says of a person; a name that is empty is at fault."""

    number: int
    cert: int
    name: str
    place: str
    kin: tuple[int, ...]


SAID = st.builds(
    Said,
    st.sampled_from(PEOPLE),
    st.integers(1, 5),
    st.sampled_from(["甲", "甲", "乙", ""]),
    st.sampled_from(["341199", "340899"]),
    st.lists(st.sampled_from(PEOPLE), max_size=1).map(tuple),
)
IMPORTS = st.lists(SAID, max_size=6)


def message(said: Said) -> registry_pb2.ImportPersonsRequest:
    row = Service.person(
        said.number,
        certificate=Service.person(said.cert).certificate,
        name=said.name,
        insured_place=said.place,
    )
    for relative in said.kin:
        # Nobody is his own relative: of oneself another is named.
        other = relative if relative != said.number else 9
        row.kin.add(person_no=f"R{other}", relation="20", source="登记")
    return registry_pb2.ImportPersonsRequest(person=row)


class RegistryOffice:
    """A registry in memory, with a clock that is moved on a day by each import."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.upkeep = Upkeep(store)
        self.imports = Imports(store, self.clock, self.upkeep)
        self.now = NOW

    def clock(self) -> datetime:
        """Return now."""
        return self.now

    async def take(self, rows: Sequence[Said]) -> dict[int, str]:
        """Import rows; return the reason for each refused one, by its place."""
        request = Request(str(uuid.uuid4()), "office", "ImportPersons")
        answer = await self.imports.execute(request, _sent(map(message, rows)), KIND)
        self.now += timedelta(days=1)
        return {fault.row - 1: fault.reason for fault in answer.value.errors}

    async def merge(self) -> None:
        """Merge what is applied."""
        await self.upkeep.merged(PERSONS)

    async def known(self) -> Known:
        """Return what is known of everybody: all but the history of its revisions."""
        known: Known = {}
        for number in (*PEOPLE, 9):
            person = await self.store.get(Person, f"R{number}")
            if person is not None:
                known[number] = _content(person)
        return known


def _content(person: Person) -> tuple[object, ...]:
    return (
        person.certificate.number,
        person.name,
        [(place.area_code, place.since) for place in person.place_history],
        [kin.person_no for kin in person.kin],
    )


async def _sent(
    messages: Iterable[registry_pb2.ImportPersonsRequest],
) -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
    for sent in messages:
        yield sent


@asynccontextmanager
async def registry_office() -> AsyncIterator[RegistryOffice]:
    """Open a registry in which nobody is known."""
    clocks: list[RegistryOffice] = []
    store = open_store(":memory:", lambda: clocks[0].now)
    opened = RegistryOffice(store)
    clocks.append(opened)
    try:
        yield opened
    finally:
        await store.close()


@pytest.fixture(autouse=True)
def batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage three rows and more, write fewer at once."""
    monkeypatch.setattr(streams, "BATCH", LARGE)


# --- the model ------------------------------------------------------------------------


class Model:
    """Who is registered: certificate, name, places with their days, kin."""

    def __init__(self) -> None:
        self.people: dict[int, tuple[int, str, list[tuple[str, date]], list[int]]] = {}
        self.day = NOW.date()

    def take(self, rows: Sequence[Said]) -> set[int]:
        """Import rows; return the places of the refused ones."""
        fine = {n for n, row in enumerate(rows) if row.name}
        said: dict[int, set[Said]] = {}
        for n in fine:
            said.setdefault(rows[n].number, set()).add(rows[n])
        fine = {n for n in fine if len(said[rows[n].number]) == 1}
        fine -= set(self._claimed(rows, fine))
        while resting := set(self._resting(rows, fine)):
            fine -= resting
        for n in fine:
            self._write(rows[n])
        self.day += timedelta(days=1)
        return set(range(len(rows))) - fine

    def _holds(self, number: int) -> int:
        return self.people[number][0] if number in self.people else 0

    def _claimed(self, rows: Sequence[Said], fine: set[int]) -> Iterator[int]:
        for n in fine:
            claim = {rows[m].number for m in fine if rows[m].cert == rows[n].cert}
            if len(claim) > 1 and self._holds(rows[n].number) != rows[n].cert:
                yield n

    def _resting(self, rows: Sequence[Said], fine: set[int]) -> Iterator[int]:
        moves = {rows[n].number: rows[n].cert for n in fine}
        refused = {row.number for row in rows} - moves.keys() - self.people.keys()
        for n in fine:
            row = rows[n]
            owners = {who for who in self.people if self._holds(who) == row.cert}
            stay = {who for who in owners if moves.get(who, row.cert) == row.cert}
            if stay - {row.number} or refused & (set(row.kin) - {row.number}):
                yield n

    def _write(self, row: Said) -> None:
        places = [(row.place, date.min)]
        if row.number in self.people:
            places = self.people[row.number][2]
            if places[-1][0] != row.place:
                places = [*places, (row.place, self.day)]
        kin = [who if who != row.number else 9 for who in row.kin]
        self.people[row.number] = (row.cert, row.name, places, kin)

    def known(self) -> Known:
        """Return what is known of everybody, as `RegistryOffice.known`."""
        return {
            number: (f"X{cert:08d}", name, places, [f"R{who}" for who in kin])
            for number, (cert, name, places, kin) in self.people.items()
        }


# --- the laws -------------------------------------------------------------------------


async def _as_the_model(drawn: list[list[Said]], merged: list[bool]) -> None:
    model = Model()
    async with registry_office() as real:
        for rows, merge in zip(drawn, merged, strict=False):
            # A large import waits for the one before to be merged.
            if merge or len(rows) >= LARGE:
                await real.merge()
            assert model.take(rows) == set(await real.take(rows))
            assert model.known() == await real.known()
        await real.merge()
        assert model.known() == await real.known()


def test_imports_end_as_the_rules_read(effort: Effort) -> None:
    """Whatever is imported one after the other, small or staged, the same rows are refused
    and the same is known as by a plain reading, merged or not."""
    times = st.lists(st.booleans(), min_size=3, max_size=3)

    @effort(short=40, long=300)
    @given(st.lists(IMPORTS, max_size=3), times)
    def holds(drawn: list[list[Said]], merged: list[bool]) -> None:
        asyncio.run(_as_the_model(drawn, merged))

    holds()


async def _in_both_orders(
    before: list[Said], rows: list[Said], order: list[int]
) -> None:
    async with registry_office() as one, registry_office() as other:
        for registry in (one, other):
            await registry.take(before)
            await registry.merge()
        reasons = await one.take(rows)
        shuffled = await other.take([rows[n] for n in order])
        assert reasons == {order[place]: why for place, why in shuffled.items()}
        assert await one.known() == await other.known()


def test_one_import_ends_alike_in_any_order(effort: Effort) -> None:
    """The same rows in another order are refused for the same reasons, and leave the
    same."""

    @effort(short=30, long=300)
    @given(IMPORTS, IMPORTS, st.data())
    def holds(before: list[Said], rows: list[Said], data: st.DataObject) -> None:
        order = data.draw(st.permutations(range(len(rows))))
        asyncio.run(_in_both_orders(before, rows, order))

    holds()


def _moved(said: Said, numbers: Sequence[int]) -> Said:
    """Return a row that speaks of these people only, with certificates of their own."""
    who = numbers[said.number % len(numbers)]
    return said._replace(number=who, cert=who, kin=())


async def _one_after_the_other(*imports: list[Said]) -> Known:
    async with registry_office() as registry:
        for rows in imports:
            # Each on the same day, whichever came first.
            registry.now = NOW
            await registry.take(rows)
            await registry.merge()
        return await registry.known()


def test_imports_of_different_persons_commute(effort: Effort) -> None:
    """Imported in either order, what is said of different people leaves the same."""

    @effort(short=20, long=150)
    @given(IMPORTS, IMPORTS)
    def holds(first: list[Said], second: list[Said]) -> None:
        one = [_moved(said, PEOPLE[:2]) for said in first]
        other = [_moved(said, PEOPLE[2:]) for said in second]
        ends = [
            asyncio.run(_one_after_the_other(*order))
            for order in ((one, other), (other, one))
        ]
        assert ends[0] == ends[1]

    holds()


async def _there_and_back(said: Said, wrong: str) -> None:
    async with registry_office() as registry:
        await registry.take([said])
        before = await registry.known()
        day = registry.now
        for row in (said._replace(place=wrong, name="丙"), said):
            registry.now = day
            await registry.take([row])
        assert before == await registry.known()


def test_corrected_back_nothing_differs_but_history(effort: Effort) -> None:
    """A wrong statement taken back on its day leaves what was known before."""
    places = st.sampled_from(["340899", "341199"])

    @effort(short=20, long=80)
    @given(SAID.filter(lambda said: bool(said.name)), places)
    def holds(said: Said, wrong: str) -> None:
        asyncio.run(_there_and_back(said, wrong))

    holds()
