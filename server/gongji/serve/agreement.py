"""Holds the adoptions a server starts with against those recorded, and keeps servers of
one database of one mind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import structlog

from gongji.cities.adoption import Adoption
from gongji.model.commands import Adopted
from gongji.model.refusals import StoreUnavailable
from gongji.store import Store
from gongji.store.databases import database_at
from gongji.store.engine import EngineDown

if TYPE_CHECKING:
    from gongji.store.postgres.presence import Presence


LOOK_S: Final = 5.0
"""How often a server looks whether what is recorded is still what it started with, in seconds."""

_Days = Mapping[tuple[str, str], date]
"""Since when, by area code and candidate."""


@asynccontextmanager
async def adopting(
    store: Store,
    database: str,
    adopt: Iterable[Adoption],
    now: datetime,
    *,
    look_s: float = LOOK_S,
) -> AsyncIterator[None]:
    """Records this start's adoptions and holds them while this lasts.

    ValueError where days already settled would change, where another server over the
    database runs with others, or, out of the body, where others have been recorded
    since. On PostgreSQL each server shows that it is there; adoptions are recorded only
    where no other is, so none can settle by other rules meanwhile. What remains: a
    server that loses its connection does not show for at most `look_s` seconds after
    the database answers again; who records then is noticed by it at that look, and it
    ends. SQLite is for one process: there nobody else is looked for.
    """
    asked = {(a.area_code, a.candidate): a.since for a in adopt}
    if not database_at(database).shared:
        await _record(store, await _lacking(store, asked), now)
        yield
        return
    from gongji.store.postgres.presence import Presence  # noqa: PLC0415 - psycopg is an extra

    presence = Presence(database)
    try:
        await _agree(store, presence, asked, now)
        async with _watched(store, presence, asked, look_s):
            yield
    except EngineDown as down:
        msg = f"无法连接 PostgreSQL: {down}"
        raise ConnectionError(msg) from down
    finally:
        presence.close()


async def _agree(store: Store, presence: Presence, asked: _Days, now: datetime) -> None:
    """Is among the others, all with the same adoptions; records what is lacking while
    alone. ValueError."""
    await asyncio.to_thread(presence.share)
    if not await _lacking(store, asked):
        return
    if await asyncio.to_thread(presence.alone):
        try:
            await _record(store, await _lacking(store, asked), now)
        finally:
            await asyncio.to_thread(presence.among_others)
    elif lacking := await _lacking(
        store, asked
    ):  # or it was recorded by one that started at the same time
        raise ValueError(
            f"另有服务正在使用该数据库, 尚未采用 {_written(lacking)}: "
            "请先停下全部服务, 再以相同的 --adopt 逐一启动"
        )


async def _lacking(store: Store, asked: _Days) -> _Days:
    """What is yet to be recorded. ValueError where a recorded one is not asked for, or
    settled days would change."""
    recorded = await _recorded(store)
    if forgotten := {
        name: since for name, since in recorded.items() if name not in asked
    }:
        told = " ".join(f"--adopt {one}" for one in _written(forgotten).split("、"))
        raise ValueError(f"此前已采用 {_written(forgotten)}; 启动时须继续给出 {told}")
    lacking = {
        name: since for name, since in asked.items() if recorded.get(name) != since
    }
    for (area, name), since in lacking.items():
        if await store.settled_since(
            area, min(since, recorded.get((area, name), since))
        ):
            raise ValueError(
                f"不能自 {since} 起采用 {area}:{name}: 该日以后已有结算, 采用会改变已结算的日子"
            )
    return lacking


async def _record(store: Store, lacking: _Days, now: datetime) -> None:
    if lacking:
        await store.adopt(
            *(
                Adopted(area, name, since, now)
                for (area, name), since in lacking.items()
            )
        )


async def _recorded(store: Store) -> _Days:
    return {(a.area_code, a.candidate): a.since for a in await store.adopted()}


def _written(days: _Days) -> str:
    """As an operator writes them."""
    return "、".join(f"{area}:{name}@{since}" for (area, name), since in days.items())


@asynccontextmanager
async def _watched(
    store: Store, presence: Presence, asked: _Days, look_s: float
) -> AsyncIterator[None]:
    """Ends the body with ValueError once others than these are recorded; shows again
    after a lost connection."""
    body, ending = asyncio.current_task(), asyncio.Event()
    watch = asyncio.ensure_future(_watch(store, presence, asked, look_s, ending))
    watch.add_done_callback(
        lambda done: (
            body and not done.cancelled() and done.exception() and body.cancel()
        )
    )
    try:
        yield
    except asyncio.CancelledError:
        if (
            body
            and watch.done()
            and not watch.cancelled()
            and (found := watch.exception())
        ):
            body.uncancel()
            raise found from None
        raise
    finally:
        ending.set()
        await asyncio.wait((watch,))


async def _watch(
    store: Store, presence: Presence, asked: _Days, look_s: float, ending: asyncio.Event
) -> None:
    while not ending.is_set():
        try:
            async with asyncio.timeout(look_s):
                await ending.wait()
        except TimeoutError:
            await _look(store, presence, asked)


async def _look(store: Store, presence: Presence, asked: _Days) -> None:
    """Looks once. ValueError where others have been recorded; an unreachable database
    is looked at again later."""
    try:
        await asyncio.to_thread(presence.share)
        recorded = await _recorded(store)
    except (EngineDown, StoreUnavailable) as down:
        structlog.get_logger().warning(
            "adoptions_unseen", told=str(down.__cause__ or down)
        )
        return
    if other := {
        name: since for name, since in recorded.items() if asked.get(name) != since
    }:
        raise ValueError(
            f"该数据库已由另一服务采用 {_written(other)}, 本服务并未如此启动, 现停止: "
            "请以相同的 --adopt 启动全部服务"
        )
