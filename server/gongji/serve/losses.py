"""Reads that a killed process had answered and not yet recorded: counted, and said.

    start ── a file of its own, locked while the process lives ── answered, kept ── end
                      │ killed: the lock goes, the file stays
    next start ───────┴─▶ answered - kept: a log line and a record; the file goes

The counts lie in a shared mapping: they outlive the process, if not a power failure.
Windows has no such lock: there nothing is counted.
"""

from __future__ import annotations

import mmap
import secrets
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from gongji.model.access import LostAccesses
from gongji.model.commands import Write
from gongji.model.refusals import StoreUnavailable
from gongji.rpc.recording import NoTally, Tally
from gongji.store import Store
from gongji.store.process_files import locked_new, of_dead

FOLDER: Final = "accesses"
"""Name in the data folder."""

_NAMES: Final = "[0-9a-f]*"
"""Drafts begin with a dot."""

_COUNT: Final = struct.Struct("=Q")

_COUNTS: Final = struct.Struct("=QQ")
"""Answered, then kept."""

_SIZE: Final = _COUNTS.size


class AnswerTally:
    """Counts of one process in a file; see `Tally`."""

    def __init__(self, file: BinaryIO) -> None:
        self._counts = mmap.mmap(file.fileno(), _SIZE)
        self._answered = self._kept = 0

    def answered(self, rows: int) -> None:
        """Count rows of reads whose answer now leaves."""
        self._answered += rows
        _COUNT.pack_into(self._counts, 0, self._answered)

    def kept(self, rows: int) -> None:
        """Count rows that are durable."""
        self._kept += rows
        _COUNT.pack_into(self._counts, _COUNT.size, self._kept)

    @property
    def pending(self) -> int:
        """Return the rows that are answered and not kept."""
        return self._answered - self._kept

    def close(self) -> None:
        """Let go of the file."""
        self._counts.close()


@contextmanager
def tallied(data: Path) -> Iterator[Tally]:
    """Count in a file of this process for the block; it goes if nothing was lost."""
    with ExitStack() as stack:
        path = data / FOLDER / secrets.token_hex(8)
        file = None if sys.platform == "win32" else _file_at(path, stack)
        if file is None:
            yield NoTally()
            return
        tally = AnswerTally(file)
        try:
            yield tally
        finally:
            tally.close()
            if not tally.pending:
                path.unlink(missing_ok=True)


def _file_at(path: Path, stack: ExitStack) -> BinaryIO | None:
    """Return a new file of this process; None, logged, if the disk takes none."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return stack.enter_context(locked_new(path, _SIZE))
    except OSError as fault:
        # Over a disk that is full or only read the service still answers what it can.
        structlog.get_logger().warning("accesses_uncounted", told=fault.strerror)
        return None


async def note_losses(store: Store, data: Path, clock: Callable[[], datetime]) -> None:
    """Record and log what processes lost that were killed.

    What cannot be recorded now is left to the next start.
    """
    with suppress(OSError, StoreUnavailable):
        await _note_losses(store, data, clock)


async def _note_losses(store: Store, data: Path, clock: Callable[[], datetime]) -> None:
    for path in sorted((data / FOLDER).glob(_NAMES)):
        with of_dead(path) as file:
            if file is None:
                continue
            content = file.read(_SIZE).ljust(_SIZE, b"\0")
            answered, kept = _COUNTS.unpack(content)
            most = answered - kept
            if most > 0:
                # Noted twice if we are killed before the file goes: under one key.
                lost = LostAccesses(path.name, clock(), most)
                await store.apply(Write((lost,), "RecordLostAccesses"))
                structlog.get_logger().warning("accesses_lost", most=most)
            path.unlink(missing_ok=True)
