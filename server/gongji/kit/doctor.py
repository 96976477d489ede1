"""Diagnose what keeps a plugin from being loaded or the service from starting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import gongji
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.installed import plugins
from gongji.cities.loading import ENTRY_POINTS, load_cities
from gongji.kit.check.serving import unfit
from gongji.kit.dependents import PREFIX, Dependent, dependents, is_importable
from gongji.rules.codes import SHANGHAI
from gongji.store import last_leaf, open_store
from gongji.store.databases import database_at
from gongji.store.found import path_of
from gongji.store.keys.source import Keys
from gongji.store.schema import VERSION
from gongji.text.faults import sentence_of

if TYPE_CHECKING:
    from gongji.store.postgres.condition import DatabaseCondition

KEY: Final = "gongji.key"

FINDING_COLUMNS: Final = ("subject", "problem", "remedy")

_UNVERIFIED: Final = "（这里不核对所存的内容：请用 gongji verify）"

_POSTGRES: Final = "PostgreSQL"

_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Something that is wrong: with what, why, and what to do; both in Chinese."""

    subject: str
    problem: str
    remedy: str


def findings(
    data: Path,
    workdays: Workdays,
    now: datetime,
    database: str = "",
    pins: Mapping[str, str] = MappingProxyType({}),
    *,
    key: Keys | None = None,
) -> Iterator[Diagnosis]:
    """Yield everything that is wrong, plugins first.

    `database` is the address of a PostgreSQL, or of a SQLite file not in `data`; `pins`
    are the digests that plugins must have; `key` is the database's unless it is in `data`.
    """
    key = key or data / KEY
    installed = list(dependents())
    yield from _not_declared(installed)
    yield from _of_other_version(installed)
    without_module = list(_missing_modules())
    yield from without_module
    # Loading refuses a plugin without its module as well: it is told once.
    yield from _refused({diagnosis.subject for diagnosis in without_module}, pins)
    if database_at(database).shared:
        yield from _of_postgres(data, key, database)
    else:
        yield from _of_sqlite(data, database, now, key)
    yield from _of_calendar(workdays, now)


def healthy(
    data: Path, database: str = "", pins: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Yield what was looked at, in Chinese."""
    cities = _cities(pins).all
    names = [f"{city.name}（{city.plugin} {city.version}）" for city in cities]
    yield f"gongji {gongji.__version__}"
    yield f"已接入 {len(cities)} 个城市：{'、'.join(names) or '无'}"
    if not database_at(database).shared:
        exists = _sqlite_path(data, database).exists()
        state = f"已有数据库{_UNVERIFIED}" if exists else "尚未启动过服务，没有数据库"
        yield f"数据目录 {data}：{state}"
        return
    # What is wrong with it is a finding.
    with suppress(ImportError, ValueError, OSError):
        condition = database_at(database).condition()
        if condition:
            schema = condition.schema
            version = (
                f"数据库结构第 {schema} 版" if schema else "空库，首次启动服务时建表"
            )
            yield f"PostgreSQL {condition.server}：{version}{_UNVERIFIED}"


# --- plugins --------------------------------------------------------------------------


def _not_declared(installed: Sequence[Dependent]) -> Iterator[Diagnosis]:
    """Yield plugins that declare no entry point, so that nobody finds them."""
    for dependent in installed:
        if ENTRY_POINTS in dependent.groups:
            continue
        # A tool that requires gongji has no rules.
        module = dependent.rules_module
        if not module:
            continue
        near = get_close_matches(ENTRY_POINTS, dependent.groups, n=1)
        declared = f"声明的入口点组是 {near[0]!r}" if near else "没有声明入口点"
        pinyin = module.removeprefix(PREFIX)
        yield Diagnosis(
            dependent.name,
            problem=f"模块 {module} 里有规则，但{declared}，所以不会被加载",
            remedy=(
                f'在 pyproject.toml 写 [project.entry-points."{ENTRY_POINTS}"] '
                f'与 {pinyin} = "{module}"，然后重新安装'
            ),
        )


def _of_other_version(installed: Sequence[Dependent]) -> Iterator[Diagnosis]:
    """Yield plugins written for another gongji than the one installed."""
    installed_version = gongji.__version__
    for dependent in installed:
        requirement = dependent.requirement
        if requirement is None:
            continue
        specifier = requirement.specifier
        # A pre-release of ours is what its own plugins are tried with.
        if not specifier.contains(installed_version, prereleases=True):
            yield Diagnosis(
                dependent.name,
                problem=f"要求 gongji{specifier}，而已安装的是 {installed_version}",
                remedy="安装适用于本版 gongji 的插件版本，或照 CHANGELOG.md 修改插件后放宽要求",
            )


def _missing_modules() -> Iterator[Diagnosis]:
    """Yield entry points that lead nowhere."""
    for plugin in plugins():
        module = plugin.value.partition(":")[0].strip()
        if plugin.fault or is_importable(module):
            continue
        yield Diagnosis(
            f"{plugin.label} ({plugin.name})",
            problem=f"入口点 {plugin.name} 指向的模块 {module} 不存在",
            remedy="核对 pyproject.toml 中的模块名，然后重新安装（pip install -e .）",
        )


def _refused(subjects: set[str], pins: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yield every problem of refused plugins, but for those of these subjects."""
    for refused in _cities(pins).refused:
        pinyin = refused.pinyin
        subject = f"{refused.plugin} ({pinyin})"
        if subject in subjects:
            continue
        remedy = (
            "改正后重新安装；"
            f"用 gongji check {pinyin} 与 gongji hooks {pinyin} --trace 细看"
        )
        for line in refused.problem.splitlines():
            yield Diagnosis(
                subject,
                problem=line,
                remedy=remedy,
            )


def _cities(pins: Mapping[str, str]) -> Cities:
    """Return the cities that may serve, and those that may not."""
    cities = load_cities(pins=pins)
    return cities.without(unfit(cities))


# --- data and calendar ----------------------------------------------------------------


def _sqlite_path(data: Path, database: str) -> Path:
    if database:
        return path_of(database)
    return data / "gongji.sqlite3"


def _of_sqlite(
    data: Path,
    database: str,
    now: datetime,
    key: Keys,
) -> Iterator[Diagnosis]:
    """Yield why a database does not open with the key beside it, or what it lacks."""
    path = _sqlite_path(data, database)
    # Before the first start there is none, and nothing is wrong.
    if database_at(path).is_new() and not (data / KEY).exists():
        return
    try:
        asyncio.run(_open(path, data, now, key))
    except (ValueError, OSError) as error:
        yield Diagnosis(
            str(path),
            problem=sentence_of(error),
            remedy="核对 --data 目录、文件属主与权限；密钥丢失的只能从备份恢复",
        )


async def _open(path: Path, data: Path, now: datetime, key: Keys) -> None:
    """Open a database and close it. ValueError, OSError."""
    store = open_store(path, lambda: now, key)
    try:
        await last_leaf.check(store, data)
    finally:
        await store.close()


def _of_postgres(data: Path, key: Keys, database: str) -> Iterator[Diagnosis]:
    """Yield why a PostgreSQL cannot be used, or loses what it has confirmed."""
    try:
        condition = database_at(database).condition(key)
    # psycopg is an extra.
    except ImportError:
        yield Diagnosis(
            _POSTGRES,
            problem="没有安装 psycopg",
            remedy="pip install 'gongji[postgres]'",
        )
    except OSError as error:
        yield Diagnosis(
            _POSTGRES,
            problem=sentence_of(error),
            remedy="核对 --database 的主机、库名、用户与权限，以及数据库是否已启动",
        )
    # Not ours, of another schema, or sealed with another key.
    except ValueError as error:
        yield Diagnosis(
            _POSTGRES,
            problem=str(error),
            remedy="核对 --database 与 --data；密钥丢失的只能从备份恢复",
        )
    else:
        if condition:
            yield from _of_settings(condition)
            yield from _rolled_back(data, database, condition)


def _rolled_back(
    data: Path, database: str, condition: DatabaseCondition
) -> Iterator[Diagnosis]:
    """Yield that a database lacks what this machine has seen written."""
    if condition.schema != VERSION:
        return
    from gongji.store.postgres.condition import holds  # noqa: PLC0415 - psycopg is an extra

    def has(place: last_leaf.LeafPlace) -> bool:
        return holds(database, place.writer, place.number, place.at)

    try:
        last_leaf.check_by(has, data)
    except (ValueError, OSError) as error:
        yield Diagnosis(
            _POSTGRES,
            problem=sentence_of(error),
            remedy="见 docs/operate.md「密钥、备份与恢复」",
        )


def _of_settings(condition: DatabaseCondition) -> Iterator[Diagnosis]:
    """Yield what a PostgreSQL is not asked to keep or to notice."""
    for lossy in condition.lossy:
        yield Diagnosis(
            _POSTGRES,
            problem=lossy,
            remedy="在 postgresql.conf（或 ALTER ROLE、ALTER DATABASE 处）改为 on，重新载入",
        )
    if not condition.checksums:
        yield Diagnosis(
            _POSTGRES,
            problem="data_checksums = off：磁盘写坏、被人改动的数据页不会被察觉",
            remedy=(
                "停下数据库，运行 pg_checksums --enable 后启动；"
                "新建的以 initdb --data-checksums 建立"
            ),
        )


def _of_calendar(workdays: Workdays, now: datetime) -> Iterator[Diagnosis]:
    """Yield years whose holidays are unknown: this one, and in December the next."""
    today = now.astimezone(SHANGHAI).date()
    years = [today.year]
    # The State Council publishes next year's holidays in November.
    if today.month == _DECEMBER:
        years.append(today.year + 1)
    for year in years:
        if not workdays.known(year):
            yield Diagnosis(
                f"{year} 年",
                problem="放假与补班安排尚未载入，工作日只能按周末与法定节日推定",
                remedy=(
                    "升级 chinesecalendar，"
                    "或用 --calendar FILE 补充该年（写法见 docs/operate.md）"
                ),
            )
