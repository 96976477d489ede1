"""The tasks of a verification, spread over processes that all see one snapshot."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import process_time
from typing import Any, Final, Protocol, cast

from msgspec import Struct

from gongji.audit.checkpoint import NoteVerifier
from gongji.audit.hashing import Hasher
from gongji.store.keys.source import Keys
from gongji.store.process_memory import keep_private
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.signing_key import signing_key
from gongji.verify.finding import PHASE_OF, Discrepancy, unchecked
from gongji.verify.segments import Output, SegmentHead, Segments
from gongji.verify.snapshot import DatabaseView, RowSpan, load_keys, open_snapshot

_TRIES: Final = 2000
"""How often processes try to see the same state of a SQLite file that is written to."""


class VerifyTask(Struct, frozen=True):
    """One task: a stage, its number in it, and what it is about."""

    stage: str
    number: int
    table: str = ""
    span: RowSpan = RowSpan("", "")
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of its segment."""
        return f"{self.stage}-{self.number:08d}.seg"


class Workplace(Struct, frozen=True):
    """Where the work is done: the database, its key, the folder, and into how many parts."""

    address: str
    key_file: Keys
    folder: str
    buckets: int
    checkpoints: tuple[str, ...] = ()
    signing_key: str = ""


class Bench:
    """What a task has at hand."""

    def __init__(self, place: Workplace, snapshot: DatabaseView, vault: Vault) -> None:
        self.place = place
        self.snapshot = snapshot
        self.schema = Schema(vault)
        self.hasher: Hasher = vault.hasher
        self._signature = vault.suite.signature
        self.tables = {table.name: table for table in self.schema.tables.values()}
        self._segments: dict[str, Segments] = {}

    @property
    def folder(self) -> Path:
        """Return the folder of the segments."""
        return Path(self.place.folder)

    def verifier(self, origin: str) -> NoteVerifier | None:
        """Return the key that signs the log of a name, None if it is not at hand."""
        path = Path(self.place.signing_key)
        if not (self.place.signing_key and path.exists()):
            return None
        return signing_key(path, self._signature).named(origin)

    def segments(self, stage: str) -> Segments:
        """Return the segments of a stage that is over."""
        known = self._segments.get(stage)
        if known is None:
            known = self._segments[stage] = Segments(self.folder, stage)
        return known

    def run(self, job: VerifyTask) -> SegmentHead:
        """Do a task and write its segment; return what it found."""
        begun = process_time()
        output = Output(self.place.buckets)
        try:
            TASKS[job.stage](self, job, output)
        except OSError:
            # A disk that is full says nothing of what is stored.
            raise
        except Exception as error:  # noqa: BLE001 - what was altered may be anything
            phase, told = PHASE_OF[job.stage], unchecked(error)
            output.found(Discrepancy(phase=phase, table=job.table, message=told))
        output.save(self.folder / job.name, process_time() - begun)
        return output.head


Task = Callable[[Bench, VerifyTask, Output], None]

TASKS: Final[dict[str, Task]] = {}
"""What does the tasks of each stage."""


def task(stage: str) -> Callable[[Task], Task]:
    """Have a function do the tasks of a stage."""

    def registered(function: Task) -> Task:
        TASKS[stage] = function
        return function

    return registered


class Crew(Protocol):
    """Does tasks, one or several at a time."""

    def do(self, jobs: Sequence[VerifyTask]) -> Iterator[SegmentHead]:
        """Yield what each task has found as it is done, in any order."""

    def close(self) -> None:
        """End."""


class Alone:
    """Does tasks in this process."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def do(self, jobs: Sequence[VerifyTask]) -> Iterator[SegmentHead]:
        """Yield what each task has found as it is done."""
        return map(self._bench.run, jobs)

    def close(self) -> None:
        """End."""
        self._bench.snapshot.close()


class Several:
    """Does tasks in processes of their own."""

    def __init__(self, place: Workplace, shared: str, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, place), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self.shared = self._together(shared)

    def _together(self, shared: str) -> str:
        """Have all see the same; return what that is, if not what was asked for."""
        for _ in range(_TRIES):
            for pipe in self._pipes:
                pipe.send(("begin", shared))
            seen = {_answer(pipe) for pipe in self._pipes}
            if len(seen) == 1:
                return str(seen.pop())
        msg = (
            "数据库写入过于频繁，各进程不能看到同一时刻：请以 --jobs 1 核对，或核对备份"
        )
        raise OSError(msg)

    def do(self, jobs: Sequence[VerifyTask]) -> Iterator[SegmentHead]:
        """Yield what each task has found as it is done, in any order."""
        waiting = deque(jobs)
        busy: set[Connection] = set()
        idle = list(self._pipes)
        while waiting or busy:
            while waiting and idle:
                pipe = idle.pop()
                pipe.send(("job", waiting.popleft()))
                busy.add(pipe)
            for ready in wait(list(busy)):
                pipe = cast("Connection", ready)
                head = _answer(pipe)
                busy.remove(pipe)
                idle.append(pipe)
                yield head

    def close(self) -> None:
        """End every process."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.join(1)
            process.kill()


def _answer(pipe: Connection) -> Any:
    """Return what a process has sent. OSError if it ended; what it raised."""
    try:
        answer = pipe.recv()
    except EOFError as error:
        msg = "一个核对进程意外结束"
        raise OSError(msg) from error
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _work(pipe: Connection, place: Workplace) -> None:
    """Do what comes through the pipe until it is closed."""
    # A process of its own has registered nothing yet.
    from gongji.verify import stages  # noqa: F401, PLC0415

    # Ctrl-C is the parent's to answer: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What it holds is the key, and people's data in clear.
    keep_private()
    vault = Vault.open(place.key_file, create=False)
    bench: Bench | None = None
    while True:
        try:
            what, content = pipe.recv()
        except EOFError:
            return
        try:
            if what == "begin":
                if bench is not None:
                    bench.snapshot.close()
                snapshot = open_snapshot(place.address, content)
                load_keys(snapshot, vault)
                bench = Bench(place, snapshot, vault)
                pipe.send(snapshot.shared)
            elif bench is not None:
                pipe.send(bench.run(content))
        except BaseException as error:  # noqa: BLE001 - told by whoever waits
            pipe.send(error)
