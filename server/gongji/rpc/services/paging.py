"""Pages of lists: opaque tokens that say where to go on, sealed by a keyed digest."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
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
"""A record's place in a list: its value in the order, and its key."""

DEFAULT_SIZE: Final = 50

# Hexadecimal digits of the digest in a token: 128 bits.
_SEAL_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of records and the token of the next; empty at the end."""

    rows: list[T]
    next_token: str


async def page(
    store: Store,
    request: pb.PageRequest,
    filters: Mapping[str, object],
    *listings: Listing[T],
) -> Page[T]:
    """Return one page of listings merged, which share kind and order. PageTokenInvalid.

    `filters` are the caller's, so that a token serves no other.
    """
    token = _Tokens(store, filters)
    after = token.opened(request.token) if request.token else None
    size = request.size or DEFAULT_SIZE
    placed: list[tuple[Place, T]] = []
    for listing in listings:
        # One more than is shown says whether there is a next page.
        narrowed = replace(listing, after=after, limit=size + 1)
        records = await store.page(narrowed)
        placed += [(store.place(record, listing.order), record) for record in records]
    placed.sort(key=itemgetter(0), reverse=listings[0].descending)
    rows = placed[:size]
    next_token = token.of(rows[-1][0]) if len(placed) > size else ""
    return Page([record for _, record in rows], next_token)


class _Tokens:
    """The page tokens of one list of one caller."""

    def __init__(self, store: Store, filters: Mapping[str, object]) -> None:
        self._store = store
        self._filters = dict(filters)
        self._call = current_call()

    def of(self, place: Place) -> str:
        """Return the token of a place."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
        return f"{packed}.{self._seal(packed)}"

    def opened(self, token: str) -> Place:
        """Return the place of a token. PageTokenInvalid if it is not of this list."""
        packed, _, seal = token.partition(".")
        try:
            # In constant time: a token is not to be guessed digit by digit.
            genuine = hmac.compare_digest(seal.encode(), self._seal(packed).encode())
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

    def _seal(self, packed: str) -> str:
        content = [self._call.name, self._call.caller, self._filters, packed]
        return self._store.digest(content)[:_SEAL_LENGTH]
