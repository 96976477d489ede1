"""The last leaf a process has written, kept outside the database (回退的察觉).

A database that lacks it is not the one it was: its log was left behind in a copy, an old
backup was put in its place, or another server with less of it took over.

    start ── a file of its own, locked while the process lives ── a leaf, a leaf … ── end
    next start: what the files of the dead say last must be in the database

The file is a shared mapping, written when a commit is durable: it outlives the process,
and says nothing that the database does not hold. Two slots take turns, each with its
checksum, so that one is whole whenever the process is killed.
"""

from __future__ import annotations

import mmap
import secrets
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from gongji.audit.leaf import Leaf
from gongji.model.commands import Listing
from gongji.store.base import Store
from gongji.store.process_files import locked_new, of_dead
from gongji.store.table import instant, micros

FOLDER: Final = "last-leaves"
"""Name in the data folder."""

_NAMES: Final = "[0-9a-f]*"
"""Drafts begin with a dot."""

_SAID: Final = struct.Struct("=Q16sQq")
"""How often a slot was written before, writer, number, and instant in microseconds."""

_SUM: Final = struct.Struct("=I")

_SLOT: Final = _SAID.size + _SUM.size

_SLOTS: Final = 2


class LeafMissingError(ValueError):
    """The database lacks what this data folder has seen written."""


class LeafPlace(Struct, frozen=True):
    """Which leaf: the number within its writer, and its instant in microseconds."""

    writer: str
    number: int
    at: int


class LastLeafFile:
    """The file of this process."""

    def __init__(self, file: BinaryIO) -> None:
        self._map = mmap.mmap(file.fileno(), _SLOT * _SLOTS)
        self._written = 0

    def put(self, place: LeafPlace) -> None:
        """Note a leaf that is durable."""
        # hot path: after each commit.
        self._written += 1
        writer = place.writer.encode("ascii")
        said = _SAID.pack(self._written, writer, place.number, place.at)
        start = _SLOT * (self._written % _SLOTS)
        self._map[start : start + _SLOT] = said + _SUM.pack(zlib.crc32(said))

    def close(self) -> None:
        """Write it to the disk, and let go of it."""
        self._map.flush()
        self._map.close()


def place_of(leaf: Leaf) -> LeafPlace:
    """Return which leaf it is."""
    return LeafPlace(leaf.writer, leaf.number, micros(leaf.at))


def _last_in(content: bytes) -> LeafPlace | None:
    """Return what a file says last; None if nothing whole."""
    found: list[tuple[int, bytes, int, int]] = []
    for start in range(0, _SLOT * _SLOTS, _SLOT):
        said = content[start : start + _SAID.size]
        total = content[start + _SAID.size : start + _SLOT]
        if len(total) == _SUM.size and _SUM.unpack(total)[0] == zlib.crc32(said):
            found.append(_SAID.unpack(said))
    if not found:
        return None
    written, writer, number, at = max(found)
    return LeafPlace(writer.decode("ascii"), number, at) if written else None


def of_the_dead(data: Path) -> Iterator[tuple[Path, LeafPlace | None]]:
    """Yield each file of a process that lives no longer, with what it says last. OSError."""
    for path in sorted((data / FOLDER).glob(_NAMES)):
        with of_dead(path) as file:
            if file is not None:
                yield path, _last_in(file.read(_SLOT * _SLOTS))


def forget(data: Path) -> None:
    """Take the database for what it is, whatever was seen before. OSError."""
    for path, _ in of_the_dead(data):
        path.unlink(missing_ok=True)


async def check(store: Store, data: Path) -> LeafPlace | None:
    """Return the latest leaf seen by processes of before, all of which are there.

    LeafMissingError; StoreUnavailable; OSError.
    """
    seen = [place for _, place in of_the_dead(data) if place]
    for place in seen:
        if not await _holds(store, place):
            raise _missing(place)
    return max(seen, key=lambda place: place.at, default=None)


async def check_own(store: Store) -> None:
    """Check that the last leaf of this process is there still. As of `check`."""
    if (last := store.log.last) is None:
        return
    place = LeafPlace(last.writer, last.number, micros(last.at))
    if not await _holds(store, place):
        raise _missing(place)


def check_by(holds: Callable[[LeafPlace], bool], data: Path) -> None:
    """Check likewise, by what says whether a leaf is there. LeafMissingError; OSError."""
    for _, place in of_the_dead(data):
        if place and not holds(place):
            raise _missing(place)


def _missing(place: LeafPlace) -> LeafMissingError:
    at = instant(place.at)
    return LeafMissingError(
        f"数据库里没有本机 {at:%Y-%m-%d %H:%M:%S} 写入并已答复的记录"
        f"（日志写者 {place.writer} 的第 {place.number} 片叶）：复制时漏了 WAL、"
        "恢复过旧备份，或切换到了落后的副本。请先找回缺少的部分；"
        "确要以现有的数据继续，以 --accept-rollback 启动一次"
    )


async def _holds(store: Store, place: LeafPlace) -> bool:
    """Return whether the database has a leaf."""
    of_its_instant: Listing[Leaf] = Listing(
        kind=Leaf,
        at_least={"at": place.at},
        below={"at": place.at + 1},
        order="at",
        # A batch has far fewer.
        limit=10_000,
    )
    leaves = await store.page(of_its_instant)
    return any(place == place_of(leaf) for leaf in leaves)


@contextmanager
def noting(store: Store, data: Path, before: LeafPlace | None) -> Iterator[None]:
    """Note for the block each leaf the store writes; `before` is what was seen last.

    OSError if the disk takes no file.
    """
    if sys.platform == "win32":
        yield
        return
    former = [path for path, _ in of_the_dead(data)]
    path = data / FOLDER / secrets.token_hex(8)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked_new(path, _SLOT * _SLOTS) as own, closing(LastLeafFile(own)) as file:
        if before:
            file.put(before)
        for one in former:
            one.unlink(missing_ok=True)
        store.tell_leaves(lambda leaf: file.put(place_of(leaf)))
        try:
            yield
        finally:
            store.tell_leaves(_nobody)


def _nobody(_: Leaf) -> None:
    """Note nothing."""


def seen_until(data: Path) -> datetime | None:
    """Return the instant of the latest leaf that processes of before have seen. OSError."""
    seen = [place.at for _, place in of_the_dead(data) if place]
    return instant(max(seen)) if seen else None
