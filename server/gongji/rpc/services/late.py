"""What late facts change, reviewed record by record, told as it is found.

Memory holds one page of records and one group of patients. Each group is decided by
queries of its own, between which other calls have their turn; the caller who goes away
ends the review.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import process_time
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from gongji.account.late import (
    LateCredit,
    LatePremium,
    ReviewCredits,
    ReviewPremiums,
)
from gongji.binding.late import LateBinding, ReviewBindings, ReviewedBindings
from gongji.cities.city import Cities
from gongji.model.account import Credit, Premium
from gongji.model.causes import ChangedIn, Record
from gongji.model.commands import Listing, Placed, RecordPlace
from gongji.model.people import Institution, Person
from gongji.model.refusals import ImportNotFound, MalformedField
from gongji.model.revisions import InstitutionRevision, PersonRevision
from gongji.model.settlement import Settlement
from gongji.model.staging import AppliedImport
from gongji.rpc.calls import current_call
from gongji.settlement.late import LateSettlement, LateYear, ReviewPatient, decided_on
from gongji.store import Store

GROUP: Final = 32
"""Most patients that are decided together: fifteen milliseconds, if each has one bill."""

_LONG_S: Final = 0.03
"""After a group that took longer the next one has half as many, in seconds."""

_REMEMBERED: Final = 50_000
"""So many patients of an institution are remembered, not to be asked for at each visit."""

_PAGE: Final = 256

_EVERY_S: Final = 1.0
"""How often progress is told, in seconds."""

_MOMENT: Final = timedelta(microseconds=1)

T = TypeVar("T")

Late: TypeAlias = LateSettlement | LateCredit | LatePremium | LateBinding

_KINDS: Final = (Person, PersonRevision, Institution, InstitutionRevision)
"""The order in which changed records are reviewed."""


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a review stands: behind a record of a kind, or in its settlements."""

    kind: int = 0
    record: RecordPlace | None = None
    settlement: RecordPlace | None = None
    records_done: int = 0
    settlements_seen: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is, and the token to go on from there."""

    records_done: int
    records_total: int
    settlements_seen: int
    resume_token: str


@dataclass(frozen=True, slots=True)
class ChangesAsked:
    """Whose consequences are asked for: of an import, else since an instant."""

    import_id: str = ""
    since: datetime | None = None


class LateReview:
    """One review of what changed."""

    def __init__(
        self, store: Store, cities: Cities, changed: ChangedIn, total: int, token: str
    ) -> None:
        self._store = store
        self._cities = cities
        self._changed = changed
        self._total = total
        self._place = self._opened(token) if token else _Place()
        self._told_at = asyncio.get_running_loop().time()
        # One at first: how long a patient takes is not known before.
        self._group = 1

    @classmethod
    async def of(
        cls, store: Store, cities: Cities, asked: ChangesAsked, token: str
    ) -> LateReview:
        """Return the review that is asked for. ImportNotFound, MalformedField."""
        if asked.since is not None:
            total = await _changed_since(store, asked.since)
            return cls(store, cities, ChangedIn(asked.since), total, token)
        applied = await store.get(AppliedImport, asked.import_id)
        if applied is None:
            raise ImportNotFound(
                f"没有编号为 {asked.import_id} 的已完成的导入", field="import_id"
            )
        changed = ChangedIn(applied.at, applied.import_id)
        return cls(store, cities, changed, applied.written, token)

    async def run(self) -> AsyncGenerator[Late | Progress]:
        """Yield every consequence, with progress first, last and in between."""
        yield self._progress()
        async for batch in self._steps():
            for late in batch:
                yield late
            now = asyncio.get_running_loop().time()
            if now - self._told_at >= _EVERY_S:
                self._told_at = now
                yield self._progress()
        yield self._progress()

    async def _steps(self) -> AsyncIterator[list[Late]]:
        """Yield what each step finds, the place moved on behind it."""
        for number in range(self._place.kind, len(_KINDS)):
            if number != self._place.kind:
                self._move(kind=number, record=None, settlement=None)
            if self._changed.import_id or number % 2 == 0:
                async for batch in self._of_kind(_KINDS[number]):
                    yield batch

    async def _of_kind(self, kind: type[Any]) -> AsyncIterator[list[Late]]:
        review = self._people if kind in {Person, PersonRevision} else self._places
        while page := await self._page(kind):
            placed = [(getattr(r, "record", r), place) for r, place in page]
            wanted = [one for one in placed if self._wanted(one[0])]
            async for batch in review(wanted):
                yield batch
            _, last = page[-1]
            self._move(record=last)
            if len(page) < _PAGE:
                return

    async def _page(self, kind: type[Any]) -> list[Placed[Any]]:
        below = self._changed.at + _MOMENT if self._changed.import_id else None
        return await self._store.changed(
            kind, self._changed.at, below, after=self._place.record, limit=_PAGE
        )

    def _wanted(self, record: Person | Institution) -> bool:
        return self._changed.import_id in {"", record.import_id}

    # --- people ---------------------------------------------------------------------

    async def _people(
        self, page: Sequence[Placed[Person]]
    ) -> AsyncIterator[list[Late]]:
        for first in range(0, len(page), GROUP):
            group = page[first : first + GROUP]
            batch = await self._of_group([person for person, _ in group])
            _, last = group[-1]
            self._move(
                record=last,
                records_done=self._place.records_done + len(group),
            )
            yield batch

    async def _of_group(self, people: Sequence[Person]) -> list[Late]:
        batch: list[Late] = []
        bindings = await self._asked(
            ReviewBindings(p.person_no, self._changed, self._cities) for p in people
        )
        patients = [
            ReviewPatient(patient, (Person, p.person_no), self._changed, self._cities)
            for p, bound in zip(people, bindings, strict=True)
            for patient in dict.fromkeys((p.person_no, *bound.members))
        ]
        batch += self._taken(await self._asked(patients))
        for person, bound in zip(people, bindings, strict=True):
            batch += await self._money(person.person_no, bound)
            batch += bound.bindings
        return batch

    def _taken(self, years: Iterable[LateYear]) -> list[Late]:
        """Return what was found, the settlements looked at counted."""
        batch: list[Late] = []
        seen = self._place.settlements_seen
        for year in years:
            batch += year.settlements
            seen += year.seen
        self._move(settlements_seen=seen)
        return batch

    async def _money(self, person_no: str, bound: ReviewedBindings) -> list[Late]:
        """Return what is otherwise of a person's credits and premiums."""
        late: list[Late] = []
        standing = await self._of_owner(Credit, "credit_id", person_no)
        credit_ids = tuple([c.credit_id for c in standing if c.taken_back_at is None])
        if credit_ids:
            of_credits = ReviewCredits(person_no, credit_ids, self._cities)
            late_credits = await self._store.ask(of_credits)
            late += late_credits
        premiums = []
        for member in dict.fromkeys((person_no, *bound.members)):
            premiums += await self._of_owner(Premium, "member_year", member)
        keys = tuple([premium.key for premium in premiums])
        if keys:
            of_premiums = ReviewPremiums(person_no, keys, self._changed, self._cities)
            late_premiums = await self._store.ask(of_premiums)
            late += late_premiums
        return late

    async def _of_owner(self, kind: type[T], column: str, owner: str) -> list[T]:
        """Return the records whose key begins with a person's number."""
        # "0" follows "/", which ends the number in a key.
        return await self._store.page(
            Listing(
                kind=kind,
                at_least={column: f"{owner}/"},
                below={column: f"{owner}0"},
                limit=1000,
            )
        )

    # --- institutions ---------------------------------------------------------------

    async def _places(
        self, page: Sequence[Placed[Institution]]
    ) -> AsyncIterator[list[Late]]:
        for institution, place in page:
            async for batch in self._settled_at(institution.code):
                yield batch
            self._move(
                record=place,
                settlement=None,
                records_done=self._place.records_done + 1,
            )

    async def _settled_at(self, code: str) -> AsyncIterator[list[Late]]:
        """Yield what is found of the patients of an institution, in order of time."""
        present = await self._store.get(Institution, code)
        if present is None:
            return
        record = (Institution, code)
        asked: dict[str, None] = {}
        while True:
            placed = await self._store.placed(
                Listing(
                    kind=Settlement,
                    equals={"institution": code},
                    order="settled_at",
                    after=self._place.settlement,
                    limit=_PAGE,
                )
            )
            settlements = [settlement for settlement, _ in placed]
            first = _first_visits(settlements, record, present, asked)
            batch = self._taken(await self._reviewed(first, record))
            if placed:
                _, last = placed[-1]
                self._move(settlement=last)
            yield batch
            if len(placed) < _PAGE:
                return

    async def _reviewed(
        self, first: Mapping[str, str], record: Record
    ) -> list[LateYear]:
        return await self._asked(
            ReviewPatient(patient, record, self._changed, self._cities, reached_by)
            for patient, reached_by in first.items()
        )

    # --- places ---------------------------------------------------------------------

    async def _asked(self, queries: Iterable[Any]) -> list[Any]:
        """Return the answers of queries, a group of them decided together.

        Groups are as large as other calls can wait for.
        """
        answers: list[Any] = []
        remaining = list(queries)
        while remaining:
            group, remaining = remaining[: self._group], remaining[self._group :]
            # Of this process, not of the clock: another's work is no reason.
            began = process_time()
            answers += await asyncio.gather(*map(self._store.ask, group))
            if process_time() - began > _LONG_S:
                self._group = max(1, self._group // 2)
            else:
                self._group = min(GROUP, self._group * 2)
        return answers

    def _move(self, **fields: Any) -> None:
        self._place = msgspec.structs.replace(self._place, **fields)

    def _progress(self) -> Progress:
        # Sealed: the place may name somebody of whom the caller is told nothing.
        sealed = self._store.seal(_owner(), msgspec.msgpack.encode(self._place))
        packed = base64.urlsafe_b64encode(sealed).decode()
        return Progress(
            self._place.records_done,
            self._total,
            self._place.settlements_seen,
            packed.rstrip("="),
        )

    def _opened(self, token: str) -> _Place:
        """Return the place of a token. MalformedField."""
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            packed = self._store.unseal(_owner(), sealed)
            return msgspec.msgpack.decode(packed, type=_Place)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise MalformedField(
                "resume_token 不是本调用给出的续传令牌", field="resume_token"
            ) from None


def _owner() -> str:
    """Return whose a token is: the caller's."""
    return f"resume/{current_call().caller}"


def _first_visits(
    settlements: Iterable[Settlement],
    record: Record,
    present: Institution,
    asked: dict[str, None],
) -> dict[str, str]:
    """Return the patients to be asked for, each with the first of these settlements.

    Those in `asked` were before. That they are remembered saves time only: whether a
    settlement is the patient's first one there is decided by the query.
    """
    first: dict[str, str] = {}
    for settlement in settlements:
        patient = settlement.bill.patient
        gone = settlement.reversed_at is not None and not settlement.withdrawn
        if gone or patient in asked:
            continue
        if decided_on(settlement).get(record) != present.revision:
            first[patient] = settlement.settlement_id
            asked[patient] = None
    while len(asked) > _REMEMBERED:
        del asked[next(iter(asked))]
    return first


async def _changed_since(store: Store, since: datetime) -> int:
    """Return how many records imports have changed since an instant, at most."""
    total = 0
    for registry in ("person", "institution"):
        number: RecordPlace | None = None
        while True:
            page = await store.placed(
                Listing(
                    kind=AppliedImport,
                    equals={"registry": registry},
                    order="number",
                    descending=True,
                    after=number,
                )
            )
            later = [applied for applied, _ in page if applied.at >= since]
            total += sum(applied.written for applied in later)
            if len(later) < len(page) or not page:
                break
            _, number = page[-1]
    return total
