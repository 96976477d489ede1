"""Pages of lists: opaque tokens that say where to go on, bound to method, caller and
filter by a keyed digest."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from gongji.model.commands import Listing
from gongji.model.refusals import PageTokenInvalid
from gongji.rpc.calls import current_call
from gongji.store import Store
from gongji.v1 import types_pb2 as pb

T = TypeVar("T")

Place = tuple[str | int, str]
"""Where a record stands in a list: its value in the order, and its key."""

DEFAULT_SIZE: Final = 50

_SEAL: Final = 32
"""Characters of the digest kept in a token: 128 bits."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of records and the token of the next; empty at the end."""

    rows: list[T]
    next_token: str


async def page(
    store: Store,
    request: pb.PageRequest,
    narrowed: Mapping[str, object],
    *listings: Listing[T],
) -> Page[T]:
    """One page of one or more listings merged; they share kind and order. PageTokenInvalid.

    `narrowed` is the filter as the caller gave it, so that a token serves no other.
    """
    after = _opened(store, request.token, narrowed) if request.token else None
    size = request.size or DEFAULT_SIZE
    found: list[tuple[Place, T]] = []
    for listing in listings:
        asked = replace(listing, after=after, limit=size + 1)
        found += [
            (store.place(record, asked.order), record)
            for record in await store.page(asked)
        ]
    # Places differ in their keys at the latest, so records are never compared.
    found.sort(key=lambda placed: placed[0], reverse=listings[0].descending)
    rows = found[:size]
    token = _sealed(store, rows[-1][0], narrowed) if len(found) > size else ""
    return Page([record for _, record in rows], token)


def _sealed(store: Store, place: Place, narrowed: Mapping[str, object]) -> str:
    packed = base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
    return f"{packed}.{_seal(store, packed, narrowed)}"


def _opened(store: Store, token: str, narrowed: Mapping[str, object]) -> Place:
    """The place a token stands for. PageTokenInvalid where it was not given for this
    filter and caller."""
    packed, _, seal = token.partition(".")
    try:
        genuine = hmac.compare_digest(
            seal.encode(), _seal(store, packed, narrowed).encode()
        )
        place: Place = msgspec.json.decode(
            base64.urlsafe_b64decode(packed), type=tuple[str | int, str]
        )
    except (binascii.Error, ValueError, msgspec.DecodeError):
        genuine = False
    if not genuine:
        raise PageTokenInvalid(
            "page.token: 翻页令牌不是为这一筛选条件签发的, 请从第一页重新查询",
            field="page.token",
        )
    return place


def _seal(store: Store, packed: str, narrowed: Mapping[str, object]) -> str:
    call = current_call()
    return store.digest([call.name, call.caller, dict(narrowed), packed])[:_SEAL]
