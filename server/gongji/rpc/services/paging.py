"""Pages of lists: opaque tokens that say where to go on, sealed by a keyed digest."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from google.protobuf.message import Message
from msgspec.structs import replace

from gongji.access.identity import ANONYMOUS
from gongji.model.commands import Listing, Placed, RecordPlace, listed
from gongji.model.refusals import PageTokenInvalid
from gongji.rpc.calls import current_call
from gongji.v1 import types_pb2 as pb

T = TypeVar("T")

M = TypeVar("M", bound=Message)

Place = tuple[str | int, int, str]
"""A record's place in a list: its value in its listing's order, that listing's position
among those merged, and its key."""

DEFAULT_SIZE: Final = 50

# A caller goes on with the token if so many pages in a row hold too little.
PAGES_READ: Final = 20

# What a client takes by default, less what a reply holds beside its rows.
MOST_BYTES: Final = 4 * 1024 * 1024 - 64 * 1024
"""Most bytes of a page's rows."""

_FRAME: Final = 6
"""Bytes before a row in a reply: its field's number and its length."""

# Hexadecimal digits of the digest in a token: 128 bits.
_SEAL_LENGTH: Final = 32

_BEHIND_EVERY_KEY: Final = "\U0010ffff"
"""A key that sorts behind all others: no key holds a character of its rank."""


class PagedStore(Protocol):
    """What is paged: a store, or what lies over one."""

    async def placed(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing, each record with its place."""

    def tag(self, value: object) -> str:
        """Return the keyed hash (hex) of a value."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of records and the token of the next; empty at the end.

    `listings` has, for each record, the position of the listing it is of.
    """

    rows: list[T]
    listings: list[int]
    next_token: str
    token_behind: Callable[[int], str]
    """The token of what comes behind a row of this page, by its position."""

    def fitting(
        self, messages: Iterable[M], places: Sequence[int] = ()
    ) -> tuple[list[M], str]:
        """Return the messages of rows that one reply can hold, and the next token.

        `places` says of which rows they are, if not of all. A page ends early rather
        than not at all; it has one row at least.
        """
        fitting: list[M] = []
        size = 0
        for message in messages:
            size += message.ByteSize() + _FRAME
            if fitting and size > MOST_BYTES:
                last = len(fitting) - 1
                return fitting, self.token_behind(places[last] if places else last)
            fitting.append(message)
        return fitting, self.next_token


async def page(
    store: PagedStore,
    request: pb.PageRequest,
    filters: Mapping[str, object],
    *listings: Listing[T],
    keep: Callable[[T], bool] = lambda _: True,
) -> Page[T]:
    """Return one page of listings merged by the values they sort by. PageTokenInvalid.

    The listings share kind and direction; a record stands once for each it is in, where
    values are equal those of an earlier listing first. `filters` are the caller's, so
    that a token serves no other; only what they `keep` is on the page.
    """
    token = _Tokens(store, filters)
    after = token.opened(request.token) if request.token else None
    size = request.size or DEFAULT_SIZE
    rows, last = await _kept(store, listings, after, size, keep)
    next_token = token.of(last) if last else ""
    return Page(
        rows=[record for _, record in rows],
        listings=[position for (_, position, _), _ in rows],
        next_token=next_token,
        token_behind=lambda position: token.of(rows[position][0]),
    )


async def _kept(
    store: PagedStore,
    listings: Sequence[Listing[T]],
    after: Place | None,
    size: int,
    keep: Callable[[T], bool],
) -> tuple[list[tuple[Place, T]], Place | None]:
    """Return what is kept of the records behind a place, and the place to go on behind.

    There is none at the end. So many pages are read that hold too little at most.
    """
    kept: list[tuple[Place, T]] = []
    for _ in range(PAGES_READ):
        # One more than is shown says whether there is a next page.
        placed = await _merged(store, listings, after, size + 1)
        for number, (place, record) in enumerate(placed[:size], start=1):
            after = place
            if keep(record):
                kept.append((place, record))
            if len(kept) == size and number < len(placed):
                return kept, after
        if len(placed) <= size:
            return kept, None
    return kept, after


async def _merged(
    store: PagedStore, listings: Sequence[Listing[T]], after: Place | None, limit: int
) -> list[tuple[Place, T]]:
    """Return the records of each listing behind a place, with theirs, in one order."""
    placed: list[tuple[Place, T]] = []
    for position, listing in enumerate(listings):
        narrowed = replace(listing, after=_after(after, position), limit=limit)
        for record, (value, key) in await store.placed(narrowed):
            placed.append(((value, position, key), record))
    placed.sort(key=itemgetter(0), reverse=listings[0].descending)
    return placed


def _after(place: Place | None, position: int) -> RecordPlace | None:
    """Return where the listing at that position goes on behind a place in the whole."""
    if place is None:
        return None
    value, seen, key = place
    if position == seen:
        return value, key
    # Of this value a listing before the place's own is through, one behind it is not
    # begun; read backwards it is the other way round.
    return value, _BEHIND_EVERY_KEY if position < seen else ""


class _Tokens:
    """The page tokens of one list of one caller."""

    def __init__(self, store: PagedStore, filters: Mapping[str, object]) -> None:
        self._store = store
        self._filters = dict(filters)
        self._call = current_call()

    def of(self, place: Place) -> str:
        """Return the token of a place."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
        seal = self._seal(packed, self._call.permit.caller.name)
        return f"{packed}.{seal}"

    def opened(self, token: str) -> Place:
        """Return the place of a token. PageTokenInvalid if it is not of this list."""
        packed, _, seal = token.partition(".")
        try:
            genuine = self._sealed(packed, seal)
            place: Place = msgspec.json.decode(
                base64.urlsafe_b64decode(packed), type=tuple[str | int, int, str]
            )
        except (binascii.Error, ValueError, msgspec.DecodeError):
            genuine = False
        if not genuine:
            raise PageTokenInvalid(
                "page.token：翻页令牌不是为这一筛选条件签发的，请从第一页重新查询",
                field="page.token",
            )
        return place

    def _sealed(self, packed: str, seal: str) -> bool:
        """Return whether a seal was given to the caller, under this or a former name."""
        caller = self._call.permit.caller
        former = caller.former
        # Every former name cannot be listed: of them those that stated none stand for
        # all, and the others ask for their first page again.
        names = listed(former) or (ANONYMOUS,) * bool(former)
        # In constant time: a token is not to be guessed digit by digit.
        genuine = [
            hmac.compare_digest(seal.encode(), self._seal(packed, name).encode())
            for name in (caller.name, *names)
        ]
        return any(genuine)

    def _seal(self, packed: str, caller: str) -> str:
        content = [self._call.name, caller, self._filters, packed]
        return self._store.tag(content)[:_SEAL_LENGTH]
