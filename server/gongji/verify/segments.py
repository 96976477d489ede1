"""Files between two stages of the work: what a task found, parted into buckets by key.

Whatever is to be joined lies in one bucket, and a bucket fits into memory. A segment is
written whole or not at all, so that a task whose segment is there has been done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec import Struct

from gongji.verify.finding import Discrepancy

MOST_FINDINGS: Final = 1000
"""Of a task: whoever lost everything need not be told so row by row."""

_LENGTH_BYTES: Final = 8


class SegmentHead(Struct):
    """What a task found, and where in its file each bucket of each stream lies."""

    counts: dict[str, int] = {}
    findings: list[Discrepancy] = []
    places: dict[str, dict[int, tuple[int, int]]] = {}
    seconds: float = 0.0
    proved: str = ""


_head = msgspec.json.Decoder(SegmentHead)

_pack = msgspec.msgpack.Encoder().encode

_unpack = msgspec.msgpack.Decoder().decode


class Output:
    """What a task finds, counts and hands on."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self.head = SegmentHead()
        self._streams: dict[str, dict[int, list[Any]]] = {}
        self._once: set[tuple[Any, ...]] = set()

    def found(self, finding: Discrepancy) -> None:
        """Note what does not hold."""
        if len(self.head.findings) < MOST_FINDINGS:
            self.head.findings.append(finding)

    def count(self, name: str, number: int) -> None:
        """Count what was looked at."""
        self.head.counts[name] = self.head.counts.get(name, 0) + number

    def put(self, stream: str, group: str, item: tuple[Any, ...]) -> None:
        """Hand something on to whoever joins a group."""
        # hot path: several times for each row.
        bucket = crc32(group.encode(errors="surrogatepass")) % self._buckets
        streams = self._streams.get(stream)
        if streams is None:
            streams = self._streams[stream] = {}
        items = streams.get(bucket)
        if items is None:
            items = streams[bucket] = []
        items.append(item)

    def put_once(self, stream: str, group: str, item: tuple[Any, ...]) -> None:
        """Hand on what many say alike: a day of which much was settled."""
        if item not in self._once:
            self._once.add(item)
            self.put(stream, group, item)

    def put_last(self, stream: str, item: tuple[Any, ...]) -> None:
        """Hand something on in order: all of it lies in one bucket."""
        self._streams.setdefault(stream, {}).setdefault(0, []).append(item)

    def save(self, path: Path, seconds: float) -> None:
        """Write it, whole or not at all."""
        blobs = []
        position = 0
        for stream, buckets in self._streams.items():
            places = self.head.places[stream] = {}
            for bucket, items in buckets.items():
                blob = _pack(items)
                places[bucket] = position, len(blob)
                position += len(blob)
                blobs.append(blob)
        self.head.seconds = seconds
        head = msgspec.json.encode(self.head)
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(len(head).to_bytes(_LENGTH_BYTES))
            file.write(head)
            file.writelines(blobs)
        draft.replace(path)


def head_of(path: Path) -> SegmentHead:
    """Return the head of a segment."""
    with path.open("rb") as file:
        return _head.decode(file.read(int.from_bytes(file.read(_LENGTH_BYTES))))


class Segments:
    """The segments of one stage, read bucket by bucket."""

    def __init__(self, folder: Path, stage: str) -> None:
        self._heads = {
            path: head_of(path).places for path in sorted(folder.glob(f"{stage}-*.seg"))
        }

    def read(self, stream: str, bucket: int = 0) -> Iterator[Any]:
        """Yield what lies in a bucket, in the order of the tasks."""
        for path, places in self._heads.items():
            place = places.get(stream, {}).get(bucket)
            if place is not None:
                yield from _unpack(_piece(path, *place))


def _piece(path: Path, start: int, length: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.pread(descriptor, _LENGTH_BYTES, 0)
        first = _LENGTH_BYTES + int.from_bytes(size) + start
        return os.pread(descriptor, length, first)
    finally:
        os.close(descriptor)
