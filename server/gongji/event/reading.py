"""Events read from a store: those of leaves, those that time alone brings, those of a day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, Final

from gongji.account.ledger import person_of_purse
from gongji.audit.leaf import Leaf, LeafBody, body_of, private_of
from gongji.cities.city import Cities
from gongji.event.cursor import days_begun
from gongji.event.standing import StandingChanges
from gongji.event.written import (
    CLAIMS,
    FILINGS,
    TRANSFERS,
    LeafRows,
    by_table,
    events_of,
)
from gongji.model.account import Entry, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim
from gongji.model.commands import Listing
from gongji.model.event import BindingChange, Event, EventKind
from gongji.model.filing import Filing
from gongji.model.people import Person
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import Settlement
from gongji.model.wallet import WalletTransfer
from gongji.rules.codes import BindingState
from gongji.store import Store
from gongji.store.engine import StoreEngine

_MOMENT: Final = timedelta(microseconds=1)

_TOGETHER: Final = 200
"""Records of one statement, or of one question."""

_MONEY: Final = frozenset({"Credit", "CorrectCredit", "TakeBackCredit", "Resettle"})

_PREMIUMS: Final = frozenset({"PayPremium", "RefundPremium", "Resettle"})

_BILLS: Final = frozenset({"Settle", "Reverse", "Resettle"})

_UNANSWERED: Final = (BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW)

Records = Mapping[type, Mapping[str, Any]]


class EventReader:
    """Reads events. Everything raises StoreUnavailable."""

    def __init__(self, store: Store, cities: Cities) -> None:
        self._store = store
        self._cities = cities
        tables = {kind: store.schema.table(kind).name for kind in _KINDS}
        self._kinds = {name: kind for kind, name in tables.items()}

    async def of_leaves(self, leaves: Sequence[Leaf]) -> list[Sequence[Event]]:
        """Return the events of each leaf."""
        bodies = [body_of(leaf) for leaf in leaves]
        keys = [
            self._keys(body.what, leaf)
            for body, leaf in zip(bodies, leaves, strict=True)
        ]
        records = await self._records(keys)
        return [
            await self._of_leaf(leaf.at, body, of, records)
            for leaf, body, of in zip(leaves, bodies, keys, strict=True)
        ]

    def _keys(self, what: str, leaf: Leaf) -> Mapping[type, Sequence[str]]:
        """Return the keys of the rows of a leaf that its events are made of."""
        read = set()
        for name, kind in self._kinds.items():
            methods = _KINDS[kind]
            if methods is None or what in methods:
                read.add(name)
        found = by_table(private_of(leaf).keys, read.__contains__)
        return {self._kinds[name]: keys for name, keys in found.items()}

    async def _records(self, keys: Iterable[Mapping[type, Sequence[str]]]) -> Records:
        wanted: dict[type, dict[str, None]] = {}
        for of in keys:
            for kind, every in of.items():
                wanted.setdefault(kind, {}).update(dict.fromkeys(every))
        found: dict[type, dict[str, Any]] = {kind: {} for kind in wanted}
        for kind, keys_of in wanted.items():
            for some in _groups(list(keys_of)):
                for record in await self._fetched(kind, "", some):
                    found[kind][self._store.key_of(record)] = record
        return found

    async def _fetched(
        self, kind: type, index: str, values: Sequence[str]
    ) -> Sequence[Any]:
        return await self._store.read(
            partial(_fetch, kind=kind, index=index, values=values)
        )

    async def _of_leaf(
        self,
        at: datetime,
        body: LeafBody,
        keys: Mapping[type, Sequence[str]],
        records: Records,
    ) -> Sequence[Event]:
        if not keys:
            return ()

        def of(kind: type) -> list[Any]:
            every = (records[kind].get(key) for key in keys.get(kind, ()))
            return [record for record in every if record is not None]

        entries = of(Entry)
        written = LeafRows(
            body.what,
            at,
            await self._area_of(at, body, entries),
            of(Binding),
            of(Settlement),
            entries,
            of(Premium),
            of(Filing),
            of(Claim),
            of(WalletTransfer),
        )
        return [*events_of(written), *await self._of_facts(of(PersonRevision))]

    async def _area_of(
        self, at: datetime, body: LeafBody, entries: Sequence[Entry]
    ) -> str:
        """Return where a credit was decided; without a rule, where its person is insured."""
        if body.decided_by or not entries:
            return body.decided_by[0].area_code if body.decided_by else ""
        for entry in entries:
            number = person_of_purse(entry.ledger_account)
            person = await self._store.get(Person, number) if number else None
            if person is not None:
                return person.place_on(at.date())
        return ""

    async def _of_facts(self, former: Sequence[PersonRevision]) -> list[Event]:
        """Return what new revisions of people change of their bindings."""
        at: dict[datetime, set[str]] = {}
        for revision in former:
            at.setdefault(revision.known_until, set()).add(revision.owner)
        events: list[Event] = []
        for instant, people in sorted(at.items()):
            async for bindings in self._bindings(sorted(people)):
                events += await self._changed(bindings, (instant,))
        return events

    async def _changed(
        self, bindings: Sequence[Binding], instants: Sequence[datetime]
    ) -> list[Event]:
        return await self._store.ask(StandingChanges(bindings, instants, self._cities))

    async def _bindings(
        self, people: Sequence[str]
    ) -> AsyncIterator[Sequence[Binding]]:
        """Yield the bindings of people, each once in a group."""
        for some in _groups(people):
            found: dict[str, Binding] = {}
            for side in ("holder", "member"):
                for binding in await self._fetched(Binding, side, some):
                    found[binding.binding_id] = binding
            for bindings in _groups(list(found.values())):
                yield bindings

    async def in_time(
        self, since: datetime, until: datetime
    ) -> list[tuple[datetime, Event | date]]:
        """Return what time alone brings: applications that expire, days that begin."""
        moments: list[tuple[datetime, Event | date]] = list(days_begun(since, until))
        for state in _UNANSWERED:
            moments += [
                (event.at, event) async for event in self._expired(state, since, until)
            ]
        return sorted(moments, key=lambda moment: moment[0])

    async def _expired(
        self, state: BindingState, since: datetime, until: datetime
    ) -> AsyncIterator[Event]:
        after = None
        while True:
            listing: Listing[Binding] = Listing(
                kind=Binding,
                equals={"state": int(state)},
                at_least={"expires_at": since + _MOMENT},
                below={"expires_at": until + _MOMENT},
                order="expires_at",
                after=after,
                limit=_TOGETHER,
            )
            page = await self._store.placed(listing)
            for binding, place in page:
                after = place
                if binding.expires_at is not None:
                    yield _expiry_of(binding, binding.expires_at)
            if len(page) < _TOGETHER:
                return

    async def of_days(
        self, begun: Sequence[datetime], people: frozenset[str] | None
    ) -> list[Event]:
        """Return which bindings, of people or all, days that begin change by the facts."""
        events: list[Event] = []
        pages = self._bindings(sorted(people)) if people is not None else self._all()
        async for bindings in pages:
            events += await self._changed(bindings, begun)
        return events

    async def _all(self) -> AsyncIterator[Sequence[Binding]]:
        """Yield all bindings that are active, or were."""
        for state in (BindingState.ACTIVE, BindingState.ENDED):
            after = None
            while True:
                listing: Listing[Binding] = Listing(
                    kind=Binding,
                    equals={"state": int(state)},
                    order="submitted_at",
                    after=after,
                    limit=_TOGETHER,
                )
                page = await self._store.placed(listing)
                if page:
                    after = page[-1][1]
                    yield [binding for binding, _ in page]
                if len(page) < _TOGETHER:
                    break


_KINDS: Final[Mapping[type, frozenset[str] | None]] = {
    Binding: None,
    Settlement: _BILLS,
    Entry: _MONEY,
    Premium: _PREMIUMS,
    PersonRevision: None,
    Filing: frozenset(FILINGS),
    Claim: frozenset(CLAIMS),
    WalletTransfer: frozenset(TRANSFERS),
}
"""The kinds of rows that events are made of, and of which methods; None: of all."""


def _fetch(
    engine: StoreEngine, kind: type, index: str, values: Sequence[str]
) -> list[Any]:
    return list(chain.from_iterable(engine.fetch([(kind, index, values)])))


def _groups(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[n : n + _TOGETHER] for n in range(0, len(values), _TOGETHER)]


def _expiry_of(binding: Binding, at: datetime) -> Event:
    what = BindingChange(
        binding.binding_id,
        binding.holder,
        binding.member,
        binding.state,
        BindingState.EXPIRED,
        "逾期未办结，申请失效",
    )
    people = (binding.holder, binding.member)
    return Event(
        EventKind.BINDING_EXPIRED, at, what, people, binding.decided_by.area_code
    )
