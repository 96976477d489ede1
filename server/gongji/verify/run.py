"""A verification from beginning to end, phase by phase."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
from msgspec import Struct

from gongji.audit.checkpoint import SignedNote
from gongji.store.keys.source import Keys
from gongji.store.migrations import SchemaError
from gongji.store.private_files import make_folder
from gongji.store.schema import VERSION
from gongji.store.seal import Vault
from gongji.store.table import AnyTable
from gongji.verify import stages
from gongji.verify.decisions import UNDECIDED
from gongji.verify.file import KEYS
from gongji.verify.finding import PHASE_OF, PHASES, Discrepancy
from gongji.verify.segments import SegmentHead
from gongji.verify.snapshot import (
    DatabaseView,
    RowSpan,
    UnreadableError,
    load_keys,
    open_snapshot,
)
from gongji.verify.work import Alone, Bench, Crew, Several, VerifyTask, Workplace

BUCKET_ROWS: Final = 50_000
"""Rows, and what leaves say of rows, that are joined in memory at once."""

_STATE: Final = "state.json"

_KNOWN: Final = stages.__all__
"""The modules whose tasks are registered."""

_STAGES: Final = ("file", "leaves", "rows", "order", "join", "sums", "decisions")

_COUNTS: Final = {
    "file": ("objects",),
    "log": ("leaves",),
    "rows": ("joined",),
    "sums": ("summed",),
    "decisions": ("decided",),
}
"""What is counted of each phase."""


class TaskProgress(Struct, frozen=True):
    """How far a stage is: tasks done of all its tasks."""

    phase: str
    done: int
    total: int


class PhaseResult(Struct, frozen=True):
    """What a phase has looked at, in how long, and what does not hold.

    `undecided` counts settlements of before rules were kept: nobody can decide them again.
    """

    phase: str
    count: int
    seconds: float
    findings: tuple[Discrepancy, ...] = ()
    proved: str = ""
    undecided: int = 0

    @property
    def rate(self) -> int:
        """Return how many a second."""
        return int(self.count / self.seconds) if self.seconds else 0


class Verification(Struct, frozen=True, kw_only=True):
    """What is to be verified, and how.

    `checkpoints` are notes kept elsewhere: CheckpointFaultError. Without the file of the
    `signing_key` signatures are not verified.
    """

    address: str
    key_file: Keys
    folder: Path
    jobs: int = 1
    resume: bool = False
    every: bool = False
    checkpoints: tuple[str, ...] = ()
    signing_key: Path | None = None

    def __post_init__(self) -> None:
        for note in self.checkpoints:
            SignedNote.parse(note).body()


class _State(Struct, frozen=True):
    """Of which state of a database the segments in a folder are."""

    address: str
    last: str
    rows: int
    buckets: int
    checkpoints: tuple[str, ...] = ()


Tell = Callable[[TaskProgress], None]


def verify(asked: Verification, tell: Tell = lambda _: None) -> Generator[PhaseResult]:
    """Yield each phase as it is over; it ends after one with findings unless `every`.

    SchemaError, KeyFileError, OSError or UnreadableError if it cannot be begun.
    """
    vault = Vault.open(asked.key_file, create=False)
    with closing(open_snapshot(asked.address)) as snapshot:
        _check_version(snapshot, vault)
        run = _Run(asked, vault, snapshot)
        try:
            yield from run.phases(tell)
        finally:
            run.crew.close()
        run.clear()


class _Run:
    """One run over one snapshot."""

    def __init__(
        self, asked: Verification, vault: Vault, snapshot: DatabaseView
    ) -> None:
        self._asked = asked
        self._place = self._prepared(snapshot, vault)
        self._bench = Bench(self._place, snapshot, vault)
        self.crew: Crew = Alone(self._bench)
        if asked.jobs > 1:
            self.crew = Several(self._place, snapshot.shared, asked.jobs)
        self._results = {phase: PhaseResult(phase, 0, 0.0) for phase in PHASES}

    def _prepared(self, snapshot: DatabaseView, vault: Vault) -> Workplace:
        """Return where to work; what lies there of another state is removed."""
        asked = self._asked
        make_folder(asked.folder)
        bench = Bench(Workplace("", Path(), "", 1), snapshot, vault)
        rows = _rows_of(bench)
        state = _State(
            address=asked.address,
            last=str(snapshot.last_leaf()),
            rows=rows,
            # A settlement's leaf names ten rows.
            buckets=max(1, -(-2 * rows // BUCKET_ROWS)),
            checkpoints=asked.checkpoints,
        )
        path = asked.folder / _STATE
        if not (asked.resume and path.exists() and _read(path) == state):
            _empty(asked.folder)
            path.write_bytes(msgspec.json.encode(state))
        return Workplace(
            asked.address,
            asked.key_file,
            str(asked.folder),
            state.buckets,
            asked.checkpoints,
            str(asked.signing_key or ""),
        )

    def phases(self, tell: Tell) -> Iterator[PhaseResult]:
        """Yield each phase's result."""
        left = list(_STAGES)
        for phase in PHASES:
            while left and not self._over(phase, left):
                self._do(left.pop(0), tell)
            result = self._results[phase]
            ordered = sorted(result.findings, key=lambda finding: finding.order)
            result = msgspec.structs.replace(result, findings=tuple(ordered))
            yield result
            if result.findings and not self._asked.every:
                return

    def _over(self, phase: str, left: Iterable[str]) -> bool:
        return all(PHASE_OF[stage] != phase for stage in left)

    def _do(self, stage: str, tell: Tell) -> None:
        """Do all tasks of a stage."""
        begun = perf_counter()
        phase = PHASE_OF[stage]
        jobs = self._jobs(stage)
        heads = []
        for done, (_, head) in enumerate(self.crew.do(jobs), 1):
            heads.append(head)
            tell(TaskProgress(phase, done, len(jobs)))
        self._add(phase, heads, perf_counter() - begun)

    def _add(self, phase: str, heads: list[SegmentHead], seconds: float) -> None:
        before = self._results[phase]
        count = sum(
            [head.counts.get(name, 0) for head in heads for name in _COUNTS[phase]]
        )
        found = [finding for head in heads for finding in head.findings]
        # A task may find what belongs to another phase.
        self._results[phase] = PhaseResult(
            phase,
            before.count + count,
            before.seconds + seconds,
            (*before.findings, *found),
            "".join([head.proved for head in heads]),
            sum([head.counts.get(UNDECIDED, 0) for head in heads]),
        )

    def _jobs(self, stage: str) -> list[VerifyTask]:
        """Return the tasks of a stage."""
        view, tables = self._bench.snapshot, self._bench.tables
        if stage == "file":
            words = [KEYS, *view.file_tasks(self._bench.schema)]
            return [VerifyTask(stage, n, words=one) for n, one in enumerate(words)]
        if stage in {"leaves", "rows"}:
            read = [table for table in tables.values() if not table.log]
            parts = self._parts([tables["leaf"]] if stage == "leaves" else read)
            return [VerifyTask(stage, n, *part) for n, part in enumerate(parts)]
        count = 1 if stage == "order" else self._place.buckets
        return [VerifyTask(stage, n) for n in range(count)]

    def _parts(self, tables: Iterable[AnyTable]) -> Iterator[tuple[str, RowSpan]]:
        """Yield spans that hold all rows of some tables."""
        for table in tables:
            for span in self._bench.snapshot.spans(table):
                yield table.name, span

    def clear(self) -> None:
        """Remove the segments: they hold what the database holds."""
        _empty(self._asked.folder)
        with suppress(OSError):
            self._asked.folder.rmdir()


def _rows_of(bench: Bench) -> int:
    """Return how many rows there are, as far as they can be counted."""
    rows = 0
    for table in bench.tables.values():
        with suppress(UnreadableError):
            rows += bench.snapshot.count(table)
    return rows


def _read(path: Path) -> _State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State)
    except msgspec.DecodeError:
        return None


def _empty(folder: Path) -> None:
    """Remove what an earlier run has left, and nothing else."""
    for pattern in ("*.seg", "*.draft", _STATE):
        for path in folder.glob(pattern):
            path.unlink()


def _check_version(snapshot: DatabaseView, vault: Vault) -> None:
    """SchemaError unless this program and this key are the database's; learn its keys."""
    rows = snapshot.value("SELECT count(*) FROM vault")
    if rows != 1:
        msg = f"表 vault 应有一行，得到 {rows} 行"
        raise SchemaError(msg)
    version, fingerprint = snapshot.version()
    if version != VERSION:
        msg = f"数据库结构为第 {version} 版，本程序核对第 {VERSION} 版"
        raise SchemaError(msg)
    if not vault.opens(fingerprint):
        msg = "密钥与数据库不符（表 vault）：请以 --data 指明密钥所在的目录"
        raise SchemaError(msg)
    load_keys(snapshot, vault)
