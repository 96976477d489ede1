"""A verification from beginning to end, phase by phase."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gongji import __version__
from gongji.audit.checkpoint import SignedNote
from gongji.store.databases import machine_time
from gongji.store.keys.source import Keys
from gongji.store.migrations import SchemaError
from gongji.store.private_files import make_folder
from gongji.store.process_files import locked
from gongji.store.schema import VERSION
from gongji.store.seal import Vault
from gongji.store.table import AnyTable
from gongji.verify import stages
from gongji.verify.decisions import UNDECIDED
from gongji.verify.file import KEYS
from gongji.verify.finding import PHASE_OF, PHASES, Discrepancy
from gongji.verify.segments import SegmentHead, head_of, write_whole
from gongji.verify.snapshot import (
    DatabaseView,
    RowSpan,
    UnreadableError,
    chunk_of,
    load_keys,
    open_snapshot,
)
from gongji.verify.work import Alone, Bench, Crew, Several, VerifyTask, Workplace

BUCKET_ROWS: Final = 50_000
"""Rows, and what leaves say of rows, that are joined in memory at once."""

MOST_FINDINGS: Final = 10_000
"""Of a phase; further ones are not kept."""

_STATE: Final = "state.json"

_LOCK: Final = "lock"

_OF_RUN: Final = "run-"
"""Begins the name of the folder of a run."""

_KNOWN: Final = stages.__all__
"""The modules whose tasks are registered."""

_COUNTS: Final = {
    "file": ("objects",),
    "log": ("leaves",),
    "rows": ("joined",),
    "sums": ("summed",),
    "decisions": ("decided",),
}
"""What is counted of each phase."""


class TaskProgress(Struct, frozen=True):
    """How far a stage of a phase is: tasks done of all its tasks."""

    phase: str
    stage: str
    done: int
    total: int


class PhaseResult(Struct, frozen=True):
    """What a phase has looked at, in how long, and what does not hold.

    `cpu_s` is what all processes have used for it, also those of a run that was cut short.
    `undecided` counts settlements of before rules were kept: nobody can decide them again.
    `taken_over` counts tasks that a run which was cut short had done, of all `tasks`:
    what they are about was not looked at again since that run `began`.
    """

    phase: str
    count: int
    seconds: float
    findings: tuple[Discrepancy, ...] = ()
    proved: str = ""
    undecided: int = 0
    cpu_s: float = 0.0
    tasks: int = 0
    taken_over: int = 0
    began: str = ""

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
    """Of what a run is: a state of a database, by which program and checkpoints."""

    address: str
    last: str
    stamp: str
    program: str
    rows: int
    buckets: int
    checkpoints: tuple[str, ...]
    signed: bool


class _Begun(Struct, frozen=True):
    """A run that has begun: of what, when, and in which folder its segments lie."""

    of: _State
    at: str
    folder: str


Tell = Callable[[TaskProgress], None]


def verify(asked: Verification, tell: Tell = lambda _: None) -> Generator[PhaseResult]:
    """Yield each phase as it is over; it ends after one with findings unless `every`.

    SchemaError, KeyFileError, OSError or UnreadableError if it cannot be done.
    """
    vault = Vault.open(asked.key_file, create=False)
    make_folder(asked.folder)
    with (
        closing(open_snapshot(asked.address)) as snapshot,
        locked(asked.folder / _LOCK) as alone,
    ):
        if not alone:
            msg = (
                f"另一个核对正在用目录 {asked.folder}：请待其完毕，或以 --work 另指一处"
            )
            raise OSError(msg)
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
        self._rows = _counted(Bench(Workplace("", Path(), "", 1), snapshot, vault))
        self._begun = self._begin(snapshot)
        self._place = Workplace(
            asked.address,
            asked.key_file,
            str(asked.folder / self._begun.folder),
            self._begun.of.buckets,
            asked.checkpoints,
            str(asked.signing_key or ""),
        )
        self._bench = Bench(self._place, snapshot, vault)
        self.crew: Crew = Alone(self._bench)
        if asked.jobs > 1:
            self.crew = Several(self._place, snapshot.shared, asked.jobs)
        self._results = {
            phase: PhaseResult(phase, 0, 0.0, began=self._begun.at) for phase in PHASES
        }

    def _begin(self, snapshot: DatabaseView) -> _Begun:
        """Return a new run, or the one that goes on; what lies there of another goes."""
        path = self._asked.folder / _STATE
        state = self._state(snapshot)
        before = _read(path) if self._asked.resume else None
        if before is not None and before.of == state:
            return before
        _empty(path.parent)
        # Of its own: nothing that an earlier run still writes comes among what it writes.
        folder = f"{_OF_RUN}{secrets.token_hex(8)}"
        begun = _Begun(state, f"{machine_time():%Y-%m-%d %H:%M:%S}", folder)
        make_folder(path.with_name(folder))
        write_whole(path, msgspec.json.encode(begun))
        return begun

    def _state(self, snapshot: DatabaseView) -> _State:
        asked = self._asked
        rows = sum(self._rows.values())
        return _State(
            address=asked.address,
            last=snapshot.last_leaf(),
            stamp=snapshot.stamp(),
            program=__version__,
            rows=rows,
            # A settlement's leaf names ten rows.
            buckets=max(1, -(-2 * rows // BUCKET_ROWS)),
            checkpoints=asked.checkpoints,
            signed=asked.signing_key is not None and asked.signing_key.exists(),
        )

    def phases(self, tell: Tell) -> Iterator[PhaseResult]:
        """Yield each phase's result."""
        left = list(PHASE_OF)
        for phase in PHASES:
            while left and not self._over(phase, left):
                self._do(left.pop(0), tell)
            result = self._results[phase]
            ordered = sorted(result.findings, key=lambda finding: finding.order)
            result = replace(result, findings=tuple(ordered))
            yield result
            if result.findings and not self._asked.every:
                return

    def _over(self, phase: str, left: Iterable[str]) -> bool:
        return all(PHASE_OF[stage] != phase for stage in left)

    def _do(self, stage: str, tell: Tell) -> None:
        """Do all tasks of a stage that are not done yet."""
        begun = perf_counter()
        phase = PHASE_OF[stage]
        jobs = self._planned(stage)
        done, left = 0, []
        for job in jobs:
            head = head_of(self._bench.folder / job.name)
            if head is None:
                left.append(job)
            else:
                done += 1
                self._add(phase, head)
        taken_over = done
        for head in self.crew.do(left):
            done += 1
            self._add(phase, head)
            tell(TaskProgress(phase, stage, done, len(jobs)))
        before = self._results[phase]
        self._results[phase] = replace(
            before,
            seconds=before.seconds + perf_counter() - begun,
            tasks=before.tasks + len(jobs),
            taken_over=before.taken_over + taken_over,
        )

    def _add(self, phase: str, head: SegmentHead) -> None:
        """Add what a task has found to what is known of its phase."""
        before = self._results[phase]
        count = sum([head.counts.get(name, 0) for name in _COUNTS[phase]])
        room = MOST_FINDINGS - len(before.findings)
        self._results[phase] = replace(
            before,
            count=before.count + count,
            findings=(*before.findings, *head.findings[:room]),
            proved=before.proved + head.proved,
            undecided=before.undecided + head.counts.get(UNDECIDED, 0),
            cpu_s=before.cpu_s + head.cpu_s,
        )

    def _planned(self, stage: str) -> list[VerifyTask]:
        """Return the tasks of a stage: those of the run that goes on, if it is one."""
        # Not made anew: by what the database estimates of a table they would be others.
        path = self._bench.folder / f"{stage}.plan"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=list[VerifyTask])
        jobs = self._jobs(stage)
        write_whole(path, msgspec.json.encode(jobs))
        return jobs

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
            rows = chunk_of(self._rows[table.name])
            for span in self._bench.snapshot.spans(table, rows):
                yield table.name, span

    def clear(self) -> None:
        """Remove the segments: they hold what the database holds."""
        _empty(self._asked.folder)
        (self._asked.folder / _LOCK).unlink()
        with suppress(OSError):
            self._asked.folder.rmdir()


def _counted(bench: Bench) -> dict[str, int]:
    """Return how many rows each table has, 0 if they cannot be counted."""
    rows = dict.fromkeys(bench.tables, 0)
    for name, table in bench.tables.items():
        with suppress(UnreadableError):
            rows[name] = bench.snapshot.count(table)
    return rows


def _read(path: Path) -> _Begun | None:
    """Return the run that was begun in a folder and not ended, None if there is none."""
    try:
        begun = msgspec.json.decode(path.read_bytes(), type=_Begun)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return begun if (path.parent / begun.folder).is_dir() else None


def _empty(folder: Path) -> None:
    """Remove what an earlier run has left, and nothing else."""
    (folder / _STATE).unlink(missing_ok=True)
    for run in folder.glob(f"{_OF_RUN}*"):
        shutil.rmtree(run)


def _check_version(snapshot: DatabaseView, vault: Vault) -> None:
    """SchemaError unless this program and this key are the database's; learn its keys."""
    rows = snapshot.value("SELECT count(*) FROM vault")
    if rows != 1:
        msg = f"表 vault 应有一行，得到 {rows} 行"
        raise SchemaError(msg)
    version, fingerprint = snapshot.version()
    if version != VERSION:
        msg = f"表 vault：数据库结构为第 {version} 版，本程序核对第 {VERSION} 版"
        raise SchemaError(msg)
    if not vault.opens(fingerprint):
        msg = "密钥与数据库不符（表 vault）：请以 --data 指明密钥所在的目录"
        raise SchemaError(msg)
    load_keys(snapshot, vault)
