"""The two ways of one import: small, in one commit, and large, staged and then applied."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from gongji.model.commands import Answer, Listing, Placed, Query, RequestRecord
from gongji.model.ids import derived_id
from gongji.model.judging import Counts, SetRow
from gongji.model.refusals import StoreUnavailable
from gongji.model.staging import AppliedImport, ImportedBy, Turn, Unmerged
from gongji.registry.imports import (
    Apply,
    ApplyStaged,
    Examine,
    Rebase,
    Reexamine,
    RegistryChangedError,
    Stage,
)
from gongji.registry.kinds import Registry
from gongji.registry.rows import problem_of
from gongji.rpc.services.runs import Run
from gongji.rpc.services.stream import BATCH, ImportKind, RowBatch, RowFault, Rows
from gongji.rules.codes import pooling_area
from gongji.store import Store
from gongji.store.replay import request_row
from gongji.store.rowset import RowSet

ERRORS_SHOWN: Final = 100

_TRIES: Final = 100
"""How often a small import is judged anew because the registry changed meanwhile."""

_POLL_S: Final = 0.05

_MICROSECOND: Final = timedelta(microseconds=1)


class Summary(Struct):
    """What an import did, and its first errors by row."""

    received: int = 0
    written: int = 0
    unchanged: int = 0
    refused: int = 0
    errors: list[RowFault] = field(default_factory=list)
    import_id: str = ""


class _Checked(Struct, frozen=True):
    """A batch of rows, each held to what can be said of it alone."""

    numbers: tuple[int, ...]
    sound: tuple[Any, ...]
    """The rows of these numbers."""
    faulty: dict[int, str]
    """Whom each faulty row speaks of, by number."""


class Import:
    """One import as a run executes it, on the day it was begun."""

    def __init__(
        self,
        store: Store,
        run: Run,
        kind: ImportKind,
        rows: Rows,
        *,
        day: date,
    ) -> None:
        self._store = store
        self._run = run
        self._registry: Registry = kind.registry
        self._rows = rows
        self._day = day
        self._import_id = derived_id("I", run.request.key)
        self._cities = kind.cities
        self._areas: set[str] = set()
        self._faults: list[RowFault] = []

    async def execute(
        self, first: RowBatch, batches: AsyncIterator[RowBatch]
    ) -> Answer[Summary]:
        """Import all rows, of which the first batch has been read.

        RunLostError; StoreUnavailable; whatever is wrong with the stream.
        """
        if first.last:
            return await self._small(first)
        with closing(RowSet(large=True)) as rowset:
            return await self._large(rowset, first, batches)

    # --- in one commit ----------------------------------------------------------------

    async def _small(self, batch: RowBatch) -> Answer[Summary]:
        rows = self._checked(batch)
        examine = self._examine(rows)
        for _ in range(_TRIES):
            judged = await self._store.ask(examine)
            with closing(RowSet()) as rowset:
                rowset.add(self._set_rows(rows), judged)
                counts, accepted = rowset.judge(), rowset.accepted()
                summary = self._summary(counts, rowset)
            places = [n for n, row in enumerate(rows.numbers) if row in accepted]
            apply = Apply(
                self._import_id,
                examine,
                judged,
                frozenset(places),
                counts,
                self._by,
            )
            try:
                return await self._finish(apply, summary)
            except RegistryChangedError:
                continue
        raise StoreUnavailable(
            "登记库变动频繁，本次导入未写入任何内容，请稍后以同一请求编号重试。"
        )

    # --- staged -----------------------------------------------------------------------

    async def _large(
        self, rowset: RowSet, batch: RowBatch, batches: AsyncIterator[RowBatch]
    ) -> Answer[Summary]:
        turn = await self._turn()
        while not batch.last:
            await self._stage(rowset, batch)
            batch = await anext(batches)
        await self._stage(rowset, batch)
        counts = await self._judged(rowset)
        while True:
            await self._rebase(rowset)
            summary = self._summary(counts, rowset)
            apply = ApplyStaged(
                self._registry,
                self._import_id,
                self._run.token,
                turn,
                counts,
                self._by,
            )
            try:
                return await self._finish(apply, summary)
            except RegistryChangedError:
                turn, touched = await self._run.while_going_on(
                    self._caught_up(rowset, turn)
                )
            if touched:
                counts = await self._judged(rowset)

    async def _turn(self) -> int:
        turn = await self._store.get(Turn, self._registry.name)
        return turn.number if turn else 0

    async def _stage(self, rowset: RowSet, batch: RowBatch) -> None:
        rows = self._checked(batch)
        stage = Stage(
            self._examine(rows), rows.numbers, self._run.token, self._run.request.key
        )
        standings = await self._run.write(stage, self._rows.count)
        await asyncio.to_thread(rowset.add, self._set_rows(rows), standings)

    async def _judged(self, rowset: RowSet) -> Counts:
        return await self._run.while_going_on(asyncio.to_thread(rowset.judge))

    async def _rebase(self, rowset: RowSet) -> None:
        """Have the staged rows that are refused or stand otherwise say so."""
        while bases := await asyncio.to_thread(rowset.take_rebased, BATCH):
            rebase = Rebase(self._registry, self._run.token, bases)
            await self._run.write(rebase, self._rows.count)

    async def _caught_up(self, rowset: RowSet, turn: int) -> tuple[int, bool]:
        """Examine anew what other imports have touched since a turn.

        Returns the turn up to which that is done, and whether any row was touched.
        """
        name = self._registry.name
        unmerged = await self._store.get(Unmerged, name)
        # An import is judged over another one only when that lies in the records.
        while unmerged is not None and unmerged.set_id:
            await asyncio.sleep(_POLL_S)
            unmerged = await self._store.get(Unmerged, name)
        later: Listing[AppliedImport] = Listing(
            kind=AppliedImport,
            equals={"registry": name},
            at_least={"number": turn + 1},
            order="number",
            limit=1000,
        )
        touched: dict[int, str] = {}
        for applied in await self._store.page(later):
            turn = applied.number
            async for held in self._changed_by(applied):
                touched |= await asyncio.to_thread(rowset.touched, held)
        await self._reexamine(rowset, touched)
        return turn, bool(touched)

    async def _changed_by(
        self, applied: AppliedImport
    ) -> AsyncIterator[list[tuple[str, str]]]:
        """Yield key and certificate's hash of the records an import changed, page by page."""
        kind, after = self._registry.kind, None
        while True:
            page: list[Placed[Any]] = await self._store.changed(
                kind, applied.at, applied.at + _MICROSECOND, after=after
            )
            if not page:
                return
            yield [(self._store.key_of(r), self._cert(r)) for r, _ in page]
            _, after = page[-1]

    async def _reexamine(self, rowset: RowSet, touched: dict[int, str]) -> None:
        numbers = sorted(touched)
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            owners = tuple(sorted({touched[number] for number in part}))
            reexamine = Reexamine(
                self._registry,
                self._store.lookup,
                self._run.token,
                owners,
                self._cities,
            )
            standings = await self._store.ask(reexamine)
            await asyncio.to_thread(
                rowset.stand, [(n, standings[touched[n]]) for n in part]
            )

    # --- both -------------------------------------------------------------------------

    def _checked(self, batch: RowBatch) -> _Checked:
        """Hold each row to its own rules, and note the first faults."""
        faulty, sound = dict(batch.malformed), {}
        faults = batch.faults
        for number, row in batch.rows.items():
            problems = self._registry.problems(row, self._day)
            faults += [RowFault(number, p.field, p.reason, p.message) for p in problems]
            if problems:
                faulty[number] = self._registry.owner(row)
            else:
                sound[number] = row
                self._areas.update(map(pooling_area, self._registry.named(row)))
        faults.sort(key=lambda fault: fault.row)
        self._faults += faults[: ERRORS_SHOWN - len(self._faults)]
        return _Checked(tuple(sound), tuple(sound.values()), faulty)

    def _examine(self, rows: _Checked) -> Examine:
        faulty = tuple(rows.faulty.values())
        return Examine(
            self._registry, self._store.lookup, rows.sound, faulty, self._cities
        )

    @property
    def _by(self) -> ImportedBy:
        """Who imports, and into which of its cities."""
        areas = sorted(area for area in self._areas if area in self._cities)
        request = self._run.request
        _, kind, credential = request.accesses.who if request.accesses else ("", "", "")
        return ImportedBy(request.caller, tuple(areas), kind, credential)

    def _set_rows(self, rows: _Checked) -> list[SetRow]:
        registry = self._registry
        sound = [
            SetRow(
                number,
                registry.owner(row),
                _content(row),
                self._cert(row),
                registry.kin(row),
            )
            for number, row in zip(rows.numbers, rows.sound, strict=True)
        ]
        faulty = [SetRow(n, owner, faulty=True) for n, owner in rows.faulty.items()]
        return sound + faulty

    def _cert(self, row: Any) -> str:
        certificate = self._registry.certificate(row)
        return "" if certificate is None else self._store.lookup(certificate)

    def _summary(self, counts: Counts, rowset: RowSet) -> Summary:
        errors = list(self._faults)
        for number, verdict in rowset.refused(ERRORS_SHOWN):
            problem = problem_of(verdict, self._registry.owner_field)
            errors.append(
                RowFault(number, problem.field, problem.reason, problem.message)
            )
        errors.sort(key=lambda fault: fault.row)
        return Summary(
            received=counts.received,
            written=counts.written,
            unchanged=counts.unchanged,
            refused=counts.refused,
            errors=errors[:ERRORS_SHOWN],
            import_id=self._import_id,
        )

    async def _finish(
        self, query: Query[datetime], summary: Summary
    ) -> Answer[Summary]:
        """Apply the import and store its answer, in one commit. RegistryChangedError."""
        content = {"rows": self._rows.digest}

        def finished(at: datetime) -> RequestRecord:
            answer = msgspec.json.encode(summary)
            digest = self._store.digest
            return request_row(self._run.request, content, at, digest, answer=answer)

        at = await self._run.finish(query, finished)
        return Answer(summary, replayed=False, at=at)


def _content(row: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(row), digest_size=16).digest()
