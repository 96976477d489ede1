"""Files between two stages of the work: what a task found, parted into buckets by key.

Whatever is to be joined lies in one bucket, and a bucket fits into memory. A segment is
written whole or not at all, so that a task whose segment is there has been done.

File: length of the head (8 bytes), head (JSON), where each bucket of each stream begins
and the last one ends (8 bytes each, from the first bucket on), the buckets, each an array
in msgpack or nothing.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec import Struct

from gongji.verify.finding import Discrepancy

MOST_FINDINGS: Final = 1000
"""Of a task: whoever lost everything need not be told so row by row."""

_NUMBER_BYTES: Final = 8

_ARRAY: Final = b"\xdd"
"""Begins an array of msgpack, before four bytes that count its items."""

_ARRAY_BYTES: Final = 5

_PLACE: Final = "Q"

_PLACE_BYTES: Final = array(_PLACE).itemsize


class SegmentHead(Struct):
    """What a task found, by how much CPU; which streams its file has, how long it is.

    `body_bytes` is what follows the head: a shorter file was cut off.
    """

    counts: dict[str, int] = {}
    findings: list[Discrepancy] = []
    streams: tuple[str, ...] = ()
    buckets: int = 0
    body_bytes: int = 0
    cpu_s: float = 0.0
    proved: str = ""


_head = msgspec.json.Decoder(SegmentHead)

_pack_into = msgspec.msgpack.Encoder().encode_into

_unpack = msgspec.msgpack.Decoder().decode


class _Stream:
    """What is handed on of one kind, packed at once: rows are many, memory is not."""

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.packed: list[bytearray | None] = [None] * buckets

    def put(self, bucket: int, item: tuple[Any, ...]) -> None:
        """Add an item to a bucket."""
        # hot path: several times for each row.
        packed = self.packed[bucket]
        if packed is None:
            packed = self.packed[bucket] = bytearray()
        _pack_into(item, packed, -1)
        self.counts[bucket] += 1

    def sizes(self) -> Iterator[int]:
        """Yield how many bytes each bucket takes."""
        for packed in self.packed:
            yield 0 if packed is None else _ARRAY_BYTES + len(packed)

    def pieces(self) -> Iterator[bytes | bytearray]:
        """Yield what is written, bucket by bucket."""
        for count, packed in zip(self.counts, self.packed, strict=True):
            if packed is not None:
                yield _ARRAY + count.to_bytes(_ARRAY_BYTES - len(_ARRAY))
                yield packed


class Output:
    """What a task finds, counts and hands on."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self.head = SegmentHead(buckets=buckets)
        self._streams: dict[str, _Stream] = {}
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
        bucket = crc32(group.encode(errors="surrogatepass")) % self._buckets
        self._stream(stream).put(bucket, item)

    def put_once(self, stream: str, group: str, item: tuple[Any, ...]) -> None:
        """Hand on what many say alike: a day of which much was settled."""
        if item not in self._once:
            self._once.add(item)
            self.put(stream, group, item)

    def put_last(self, stream: str, item: tuple[Any, ...]) -> None:
        """Hand something on in order: all of it lies in one bucket."""
        self._stream(stream).put(0, item)

    def _stream(self, name: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(self._buckets)
        return stream

    def save(self, path: Path, cpu_s: float) -> None:
        """Write it, whole or not at all. OSError."""
        streams = self._streams.values()
        sizes = chain.from_iterable([stream.sizes() for stream in streams])
        places = array(_PLACE, accumulate(sizes, initial=0))
        self.head.streams = tuple(self._streams)
        self.head.cpu_s = cpu_s
        self.head.body_bytes = len(places) * places.itemsize + places[-1]
        head = msgspec.json.encode(self.head)
        start = (len(head).to_bytes(_NUMBER_BYTES), head, places.tobytes())
        pieces = chain.from_iterable([stream.pieces() for stream in streams])
        write_whole(path, *start, *pieces)


def write_whole(path: Path, *pieces: bytes | bytearray) -> None:
    """Write a file so that it is there whole or not at all. OSError."""
    # Its own: who was not told that this run has ended may still be writing.
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("wb") as file:
        file.writelines(pieces)
    draft.replace(path)


def head_of(path: Path) -> SegmentHead | None:
    """Return the head of a segment, None if there is none or it is not whole."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_NUMBER_BYTES))
            head = _head.decode(file.read(length))
            whole = os.fstat(file.fileno()).st_size
    # What a machine that lost its power had not written down.
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return head if whole == _NUMBER_BYTES + length + head.body_bytes else None


class Segments:
    """The segments of one stage, read bucket by bucket; of each only its head is held."""

    def __init__(self, folder: Path, stage: str) -> None:
        paths = sorted(folder.glob(f"{stage}-*.seg"))
        self._segments = [_Segment(path) for path in paths]

    def read(self, stream: str, bucket: int = 0) -> Iterator[Any]:
        """Yield what lies in a bucket, in the order of the tasks."""
        for segment in self._segments:
            yield from segment.read(stream, bucket)


class _Segment:
    """Where the buckets of one segment lie."""

    def __init__(self, path: Path) -> None:
        head = head_of(path)
        if head is None:
            raise OSError(
                errno.EIO, "中间文件不完整，请去掉 --resume 重新核对", str(path)
            )
        self._path = path
        self._buckets = head.buckets
        self._streams = head.streams
        self._end = path.stat().st_size
        self._places = self._end - head.body_bytes

    def read(self, stream: str, bucket: int) -> Sequence[Any]:
        """Return what lies in a bucket of a stream. OSError."""
        if stream not in self._streams:
            return ()
        number = self._streams.index(stream) * self._buckets + bucket
        first = self._places + (len(self._streams) * self._buckets + 1) * _PLACE_BYTES
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            at = self._places + number * _PLACE_BYTES
            start, end = array(_PLACE, os.pread(descriptor, 2 * _PLACE_BYTES, at))
            packed = os.pread(descriptor, end - start, first + start)
        finally:
            os.close(descriptor)
        items: Sequence[Any] = _unpack(packed) if packed else ()
        return items
