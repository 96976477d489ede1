"""Somebody elsewhere who keeps a signed checkpoint of the log every moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Final

import grpc
from gongji.audit.checkpoint import SignedNote
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

from tests.chaos.book import RETRYABLE, Book, Lost
from tests.chaos.served import Reached

_INTERVAL_S: Final = 1.0
_DEADLINE_S: Final = 30


async def keep_checkpoints(
    servers: Sequence[tuple[Reached, grpc.aio.Channel]], book: Book, over: asyncio.Event
) -> None:
    """Ask one server after the other for a checkpoint over all there is, and keep it.

    The last is asked for when it is over. A fault is noted if the log became shorter.
    """
    for turn in count():
        last = over.is_set()
        note = await _newest(*servers[turn % len(servers)], book)
        if note:
            _keep(note, book)
        if last and note:
            return
        await asyncio.sleep(0.05 if last else _INTERVAL_S)


def _keep(note: str, book: Book) -> None:
    size = SignedNote.parse(note).body().size
    if book.checkpoints:
        before = SignedNote.parse(book.checkpoints[-1]).body().size
        if size < before:
            book.faults.append(f"a log of {before} leaves, then of {size}")
    book.checkpoints.append(note)
    book.tally["checkpoints kept"] += 1


async def _newest(served: Reached, channel: grpc.aio.Channel, book: Book) -> str:
    """Return a checkpoint signed now, empty if none is to be had for the moment."""
    request = pb.GetCheckpointRequest(sign_now=True)
    call = log_pb2_grpc.LogServiceStub(channel).GetCheckpoint
    try:
        reply = await call(request, timeout=_DEADLINE_S, metadata=served.token)
    except grpc.aio.AioRpcError as error:
        lost = Lost.of(error)
        if lost.refusal.code not in RETRYABLE:
            book.faults.append(f"GetCheckpoint: {lost}")
        return ""
    return reply.checkpoint.note
