"""Adoptions (采用候选修订) and rules on which all servers of a database agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import structlog

from gongji.cities.adoption import Adoption
from gongji.model.commands import Adopted
from gongji.model.refusals import StoreUnavailable
from gongji.serve.beside import working_beside
from gongji.store import Store, last_leaf
from gongji.store.databases import database_at
from gongji.store.engine import EngineDown

if TYPE_CHECKING:
    from gongji.store.postgres.presence import Presence

INTERVAL_S: Final = 5.0
"""Seconds between two looks at whether the recorded adoptions are still our own."""

_LOOKS: Final = 10
"""Looks, a tenth of a second apart, for a server with other rules that may be ending."""


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """Digests of what a server goes by, each by a name that an operator knows.

    `rules` by area code; of the settings those that `must` be alike, and those of which
    a difference is `told`.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    must: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, str]:
        """All of them by name."""
        return {**self.rules, **self.must, **self.told}


NO_TERMS: Final = ServerTerms()

_Days = Mapping[tuple[str, str], date]
"""The first day of each adoption, by area code and candidate."""


@asynccontextmanager
async def adopting(
    store: Store,
    database: str,
    adopt: Iterable[Adoption],
    now: datetime,
    *,
    terms: ServerTerms = NO_TERMS,
    interval_s: float = INTERVAL_S,
) -> AsyncIterator[None]:
    """Record this server's adoptions and hold them until the end.

    ValueError if settled days would change, if another server over the database runs
    with other adoptions, rules or settings, or, out of the body, if others have been
    recorded since. ConnectionError if the database cannot be reached.
    """
    # On PostgreSQL each server shows its presence, and adoptions are recorded only by
    # one that is alone, so none settles by other rules meanwhile. One gap remains: a
    # server that lost its connection does not show for at most `interval_s` seconds
    # after the database answers again; it notices at that look what was recorded, and
    # ends.
    requested = {(a.area_code, a.candidate): a.since for a in adopt}
    if not database_at(database).shared:
        # SQLite serves one process: there is no other server to agree with.
        await _record(store, await _unrecorded(store, requested), now)
        yield
        return
    from gongji.store.postgres.presence import Presence  # noqa: PLC0415 - psycopg is an extra

    presence = Presence(database, terms.all)
    try:
        await _agree(store, presence, terms, requested, now)
        async with working_beside(
            _watch(store, presence, terms, requested, interval_s)
        ):
            yield
    except EngineDown as down:
        message = f"无法连接 PostgreSQL：{down}"
        raise ConnectionError(message) from down
    finally:
        presence.close()


async def _agree(
    store: Store,
    presence: Presence,
    terms: ServerTerms,
    requested: _Days,
    now: datetime,
) -> None:
    """Show our presence, and record what is unrecorded while alone. ValueError."""
    await asyncio.to_thread(presence.share)
    if not await _unrecorded(store, requested):
        await _refuse_others(presence, terms)
        return
    if await asyncio.to_thread(presence.alone):
        try:
            await _record(store, await _unrecorded(store, requested), now)
        finally:
            await asyncio.to_thread(presence.among_others)
        return
    # Once more: one that started at the same time may have recorded them by now.
    unrecorded = await _unrecorded(store, requested)
    if unrecorded:
        raise ValueError(
            f"另有服务正在使用该数据库，尚未采用 {_in_words(unrecorded)}："
            "请先停下全部服务，再以相同的 --adopt 逐一启动"
        )
    await _refuse_others(presence, terms)


async def _refuse_others(presence: Presence, terms: ServerTerms) -> None:
    """ValueError if a server that is there goes by other rules or settings than ours.

    One that is just ending is waited for.
    """
    # Shown before it is asked: of two that start at once each sees the other.
    different: list[str] = []
    for _ in range(_LOOKS):
        different = await asyncio.to_thread(presence.different)
        if not different:
            return
        await asyncio.sleep(0.1)
    if areas := [name for name in different if name in terms.rules]:
        raise ValueError(
            f"另有服务正在使用该数据库，它决定 {'、'.join(areas)} 所依的规则与本服务不同"
            "（插件版本、采用的修订或运营方设定的数额）：请先停下全部服务，"
            "再以相同的插件与选项逐一启动"
        )
    if options := [name for name in different if name in terms.must]:
        raise ValueError(
            f"另有服务正在使用该数据库，它的 {'、'.join(options)} 与本服务不同："
            "请以相同的设定启动；要改变的，先停下全部服务，再逐一启动"
        )
    log = structlog.get_logger()
    log.warning("settings_differ", options=[n for n in different if n in terms.told])


async def _unrecorded(store: Store, requested: _Days) -> _Days:
    """Return the adoptions still to be recorded.

    ValueError if a recorded one is not requested, or if settled days would change.
    """
    recorded = await _recorded(store)
    dropped = {name: since for name, since in recorded.items() if name not in requested}
    if dropped:
        options = " ".join(f"--adopt {option}" for option in _options(dropped))
        raise ValueError(f"此前已采用 {_in_words(dropped)}；启动时须继续给出 {options}")
    unrecorded = {
        name: since for name, since in requested.items() if recorded.get(name) != since
    }
    for (area, name), since in unrecorded.items():
        # Moving an adoption changes the days from the earlier of the two on.
        first = min(since, recorded.get((area, name), since))
        if await store.settled_since(area, first):
            raise ValueError(
                f"不能自 {since} 起采用 {area}:{name}：该日以后已有结算，采用会改变已结算的日子"
            )
    return unrecorded


async def _record(store: Store, unrecorded: _Days, now: datetime) -> None:
    if unrecorded:
        await store.adopt(
            *(
                Adopted(area, name, since, now)
                for (area, name), since in unrecorded.items()
            )
        )


async def _recorded(store: Store) -> _Days:
    return {(a.area_code, a.candidate): a.since for a in await store.adopted()}


def _options(days: _Days) -> list[str]:
    """Return adoptions as an operator writes them, such as 341100:V2@2025-01-01."""
    return [f"{area}:{name}@{since}" for (area, name), since in days.items()]


def _in_words(days: _Days) -> str:
    return "、".join(_options(days))


async def _watch(
    store: Store,
    presence: Presence,
    terms: ServerTerms,
    requested: _Days,
    interval_s: float,
) -> None:
    """Compare what is recorded, for ever. ValueError if it changes."""
    while True:
        await asyncio.sleep(interval_s)
        check = asyncio.ensure_future(_check(store, presence, terms, requested))
        try:
            await asyncio.shield(check)
        except asyncio.CancelledError:
            # A thread has the connection, which is closed next.
            await asyncio.wait((check,))
            raise


async def _check(
    store: Store, presence: Presence, terms: ServerTerms, requested: _Days
) -> None:
    """Show our presence again and compare what is recorded. ValueError.

    Also if the database is behind what this process has committed.
    """
    try:
        # Again: it went with the connection, if that was lost; who has it all the time
        # was there first.
        if await asyncio.to_thread(presence.share):
            await _refuse_others(presence, terms)
        # It may be another one by now: a replica, or a backup that was put there.
        await last_leaf.check_own(store)
        recorded = await _recorded(store)
    except (EngineDown, StoreUnavailable) as down:
        reason = str(down.__cause__ or down)
        structlog.get_logger().warning("adoptions_unseen", told=reason)
        return  # until the next look
    different = {
        name: since for name, since in recorded.items() if requested.get(name) != since
    }
    if different:
        raise ValueError(
            f"该数据库已由另一服务采用 {_in_words(different)}，本服务并未如此启动，现停止："
            "请以相同的 --adopt 启动全部服务"
        )
