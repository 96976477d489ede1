"""Servers over one database agree on what is adopted, or one of them does not serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from gongji.cities.adoption import Adoption
from gongji.cities.kept import KeepRules
from gongji.cities.loading import load_cities
from gongji.model.commands import Adopted, Decision, Listing
from gongji.model.decided import KeptRules
from gongji.model.facts import Facts
from gongji.model.settlement import SettledDay
from gongji.rules.codes import SHANGHAI, pooling_area
from gongji.serve.agreement import NO_TERMS, ServerTerms, adopting
from gongji.serve.settings import rules_of
from gongji.store import Store, open_store
from gongji.store.postgres.presence import Presence
from structlog.testing import capture_logs

from tests.packages import IDENTITY, Package, installed
from tests.postgres import Postgres
from tests.scaffold.cities import shipped

NOW = datetime(2025, 9, 30, 10, tzinfo=SHANGHAI)
V2 = Adoption("341100", "V2", date(2025, 1, 1))
LATER = Adoption("341100", "V2", date(2025, 2, 1))
OTHER = Adoption("341100", "V3", date(2025, 1, 1))


@dataclass
class Servers:
    """Two servers' stores over one database."""

    url: str
    stores: list[Store]

    def start(
        self,
        number: int,
        *adopt: Adoption,
        terms: ServerTerms = NO_TERMS,
        rules: Mapping[str, str] = MappingProxyType({}),
        interval_s: float = 60,
    ) -> AbstractAsyncContextManager[None]:
        return adopting(
            self.stores[number],
            self.url,
            adopt,
            NOW,
            terms=terms if not rules else ServerTerms(rules),
            interval_s=interval_s,
        )

    async def recorded(self) -> list[tuple[str, str, date]]:
        adopted = await self.stores[0].adopted()
        return [(a.area_code, a.candidate, a.since) for a in adopted]


@pytest.fixture(scope="module")
def database(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """An address and its key file; each test leaves the database empty."""
    return postgres.fresh(), tmp_path_factory.mktemp("key") / "x.key"


@pytest.fixture
async def servers(database: tuple[str, Path]) -> AsyncIterator[Servers]:
    url, key = database
    stores = [open_store(url, lambda: NOW, key) for _ in range(2)]
    yield Servers(url, stores)
    await stores[0].reset()
    for store in stores:
        await store.close()


async def test_servers_of_one_mind(servers: Servers) -> None:
    """The first records what it adopts, the second finds it recorded; so does the first
    after a restart."""
    async with servers.start(0, V2), servers.start(1, V2):
        assert [("341100", "V2", V2.since)] == await servers.recorded()
    async with servers.start(0, V2):
        assert [("341100", "V2", V2.since)] == await servers.recorded()


async def test_several_are_recorded_at_once_or_none(servers: Servers) -> None:
    """If one of two adoptions may not be recorded, the other is not either."""
    settled = SettledDay(pooling_area(V2.area_code), date(2025, 1, 15))
    await servers.stores[0].apply(WriteRecords((settled,)))
    message = "不能自 2025-01-01 起采用 341100:V3：该日以后已有结算"
    with pytest.raises(ValueError, match=message):
        async with servers.start(0, LATER, OTHER):
            pass
    assert [] == await servers.recorded()
    async with servers.start(0, LATER):
        assert [("341100", "V2", LATER.since)] == await servers.recorded()


OTHERWISE = {
    "with nothing, where there was nothing": (
        (),
        (V2,),
        "另有服务正在使用该数据库，尚未采用 341100:V2@2025-01-01",
    ),
    "with another day": (
        (V2,),
        (LATER,),
        "另有服务正在使用该数据库，尚未采用 341100:V2@2025-02-01",
    ),
    "with one more": (
        (V2,),
        (V2, OTHER),
        "另有服务正在使用该数据库，尚未采用 341100:V3@2025-01-01",
    ),
    "with one that is forgotten": (
        (V2,),
        (),
        "启动时须继续给出 --adopt 341100:V2@2025-01-01",
    ),
}


@pytest.mark.parametrize(
    ("running", "starting", "message"), OTHERWISE.values(), ids=OTHERWISE
)
async def test_who_adopts_otherwise_does_not_start_beside(
    servers: Servers,
    running: tuple[Adoption, ...],
    starting: tuple[Adoption, ...],
    message: str,
) -> None:
    """A server with other adoptions than a running one is refused, and nothing is recorded."""
    async with servers.start(0, *running):
        before = await servers.recorded()
        with pytest.raises(ValueError, match=message):
            async with servers.start(1, *starting):
                pass
        assert before == await servers.recorded()


async def test_who_is_alone_may_change(servers: Servers) -> None:
    """Once the other has ended, an adoption whose days are not settled is moved; then
    the other must follow."""
    async with servers.start(0, V2):
        pass
    async with servers.start(1, LATER):
        with pytest.raises(ValueError, match="另有服务"):
            async with servers.start(0, V2):
                pass
        async with servers.start(0, LATER):
            assert [("341100", "V2", LATER.since)] == await servers.recorded()


async def test_those_who_start_at_once_agree(servers: Servers) -> None:
    """Of two that start together with the same adoption one records it, and both serve."""
    async with AsyncExitStack() as stack:
        both = [servers.start(number, V2) for number in (0, 1)]
        await asyncio.gather(*map(stack.enter_async_context, both))
        assert [("341100", "V2", V2.since)] == await servers.recorded()


async def test_who_is_overruled_ends(servers: Servers) -> None:
    """A server that finds others recorded than its own stops serving and says so."""

    async def serve() -> None:
        async with servers.start(0, V2, interval_s=0.01):
            await servers.stores[1].adopt(Adopted("341100", "V3", OTHER.since, NOW))
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="已由另一服务采用 341100:V3@2025-01-01"):
        await serve()


async def test_who_was_cut_off_shows_again(servers: Servers) -> None:
    """A server whose presence went with its connection shows it again, and nothing is
    changed beside it."""
    async with servers.start(0, V2, interval_s=0.01):
        before = presences(servers.url)
        with psycopg.connect(servers.url) as operator:
            operator.execute("SELECT pg_terminate_backend(%s)", [before[0]])
        while presences(servers.url) in ([], before):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="另有服务"):
            async with servers.start(1, LATER):
                pass


def presences(url: str) -> list[int]:
    """Return the sessions that show a server."""
    query = (
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = "
        "'adoption'::regclass AND granted"
    )
    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(query)]


def test_signs_of_other_schemas_do_not_count(postgres: Postgres) -> None:
    """Two services in two schemas of one database know nothing of each other."""
    urls = [postgres.fresh(), postgres.fresh()]
    for url in urls:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE adoption ()")
            connection.execute("CREATE TABLE vault AS SELECT 3 AS version")
    first, second = map(Presence, urls)
    first.share()
    assert second.alone()
    first.close()
    second.close()


RULES = {"341100": "a" * 64, "340800": "b" * 64}
OTHER_RULES = RULES | {"340800": "c" * 64}


async def test_who_decides_otherwise_does_not_start_beside(servers: Servers) -> None:
    """A server that decides a city by other rules than a running one is refused by the
    city's area code, and may start once the other has ended."""
    async with servers.start(0, rules=RULES), servers.start(1, rules=RULES):
        pass
    async with servers.start(0, rules=RULES):
        with pytest.raises(ValueError, match="它决定 340800 所依的规则与本服务不同"):
            async with servers.start(1, rules=OTHER_RULES):
                pass
        async with servers.start(1, rules=RULES):
            pass
    async with servers.start(1, rules=OTHER_RULES):
        pass


async def test_one_version_with_other_figures(servers: Servers, tmp_path: Path) -> None:
    """Two servers with one version of a plugin that says other figures do not decide side
    by side: whichever comes second is refused by the area."""
    rules = []
    for givers in (2, 3):
        folder = tmp_path / str(givers)
        folder.mkdir()
        source = (
            f"{IDENTITY}\n@hookimpl\ndef giver_limit():\n"
            f"    return from_2023(GiverLimit(givers={givers}))\n"
        )
        with installed(folder, Package("gongji-wuhu", "wuhu", source)):
            rules.append(rules_of(load_cities()))
    first, second = rules
    assert first.keys() == second.keys()
    for one, other in ((first, second), (second, first)):
        async with servers.start(0, rules=one):
            with pytest.raises(
                ValueError, match="它决定 340200 所依的规则与本服务不同"
            ):
                async with servers.start(1, rules=other):
                    pass


async def test_rules_are_kept_once(servers: Servers) -> None:
    """Servers that start at once with the same rules all find them stored, once."""
    cities = shipped()
    keep = [store.apply(KeepRules(cities)) for store in servers.stores for _ in (1, 2)]
    await asyncio.gather(*keep)
    kept = await servers.stores[0].page(Listing(kind=KeptRules))
    assert {c.rules_digest for c in cities.all} <= {rules.digest for rules in kept}


async def test_cities_of_one_server_only_do_not_count(servers: Servers) -> None:
    """Who serves fewer cities decides nothing otherwise."""
    fewer = {"341100": RULES["341100"]}
    both = []
    for one, other in ((RULES, fewer), (fewer, OTHER_RULES)):
        async with servers.start(0, rules=one), servers.start(1, rules=other):
            both.append((one, other))
    assert 2 == len(both)


async def test_other_rules_that_are_ending_are_waited_for(servers: Servers) -> None:
    """A server starts although another with other rules is just ending."""
    async with AsyncExitStack() as former:
        await former.enter_async_context(servers.start(0, rules=RULES))
        ending = asyncio.get_running_loop().create_task(former.pop_all().aclose())
        async with servers.start(1, rules=OTHER_RULES):
            assert ending.done()
        await ending


async def test_who_was_cut_off_gives_way(servers: Servers) -> None:
    """A server whose signs went with its connection finds, when it shows them again, who
    has come with other rules meanwhile; the other need not look."""
    first, second = Presence(servers.url, RULES), Presence(servers.url, OTHER_RULES)
    try:
        assert (True, False, []) == (
            first.share(),
            first.share(),
            first.different(),
        )
        with psycopg.connect(servers.url) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(%s)", [presences(servers.url)[0]]
            )
        while presences(servers.url):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        assert (True, []) == (second.share(), second.different())
        assert (True, ["340800"]) == (first.share(), first.different())
        assert not second.share()
    finally:
        first.close()
        second.close()


async def test_who_is_set_otherwise_does_not_start_beside(servers: Servers) -> None:
    """A server with another setting that must be alike is refused by the option, whether
    what it adopts is recorded already or not; one to be told is told, and both serve."""
    ours, others = (
        ServerTerms(must={"--calendar": digest * 64, "--sandbox": "0" * 64})
        for digest in "ab"
    )
    async with servers.start(0, terms=ours), servers.start(1, terms=ours):
        pass
    async with servers.start(0, V2, terms=ours):
        with pytest.raises(ValueError, match="它的 --calendar 与本服务不同"):
            async with servers.start(1, V2, terms=others):
                pass
    told = [ServerTerms(told={"--policy": digest * 64}) for digest in "ab"]
    with capture_logs() as lines:
        async with (
            servers.start(0, V2, terms=told[0]),
            servers.start(1, V2, terms=told[1]),
        ):
            pass
    assert [("settings_differ", ["--policy"])] == [
        (line["event"], line["options"]) for line in lines
    ]


@dataclass(frozen=True)
class WriteRecords:
    """Writes records as they are."""

    records: tuple[object, ...]

    def needs(self, _: Facts) -> tuple[()]:
        return ()

    def decide(self, _: Facts) -> Decision[None]:
        return Decision(None, self.records)
