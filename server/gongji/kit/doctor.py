"""What keeps an installed plugin from being loaded, or the service from starting: why,
and what to do about it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from importlib import metadata, util
from pathlib import Path
from pkgutil import iter_modules
from typing import Final
from urllib.parse import unquote, urlparse

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import gongji
from gongji.binding.workdays import Workdays
from gongji.cities.loading import ENTRY_POINTS, load_cities
from gongji.rules.codes import SHANGHAI
from gongji.store import open_store
from gongji.store.databases import database_at, path_of

OURS: Final = "gongji"

KEY: Final = "gongji.key"

FINDING_COLUMNS: Final = ("subject", "problem", "remedy")

_PREFIX: Final = "gongji_"

_MARK: Final = re.compile(r"\bhookimpl\b")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Something that is wrong: with what, why, and what to do; both in Chinese."""

    subject: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Dependent:
    """An installed distribution that requires gongji, or a module of the prefix that
    belongs to none."""

    name: str
    requirement: Requirement | None
    modules: tuple[str, ...]
    groups: frozenset[str]

    @property
    def speaks_rules(self) -> str:
        """The first of its modules that marks hooks, "" where none does."""
        return next(
            (module for module in self.modules if _MARK.search(_source(module))), ""
        )


def findings(
    data: Path, workdays: Workdays, now: datetime, database: str = ""
) -> Iterator[Diagnosis]:
    """Everything that is wrong, plugins first; `database` is the address of a
    PostgreSQL, or of another SQLite file."""
    dependents = list(_dependents())
    yield from _not_declared(dependents)
    yield from _of_other_version(dependents)
    missing = list(_missing_modules())
    yield from missing
    known = {finding.subject for finding in missing}
    for refused in load_cities().refused:
        if (subject := f"{refused.plugin} ({refused.pinyin})") not in known:
            yield from (
                Diagnosis(subject, line, _remedy(refused.pinyin))
                for line in refused.problem.splitlines()
            )
    yield from (
        _of_postgres(data, database)
        if database_at(database).shared
        else _of_data(data, database, now)
    )
    yield from _of_calendar(workdays, now)


def healthy(data: Path, database: str = "") -> Iterator[str]:
    """What was looked at, in Chinese."""
    cities = load_cities().all
    yield f"gongji {gongji.__version__}"
    yield (
        f"已接入 {len(cities)} 个城市: "
        f"{'、'.join(f'{c.name}({c.plugin} {c.version})' for c in cities) or '无'}"
    )
    if not database_at(database).shared:
        there = _database(data, database).exists()
        yield f"数据目录 {data}: {'已有数据库' if there else '尚未启动过服务, 没有数据库'}"
        return
    with suppress(ImportError, ValueError, OSError):
        if not (condition := database_at(database).condition()):
            return
        version = (
            f"数据库结构第 {condition.schema} 版"
            if condition.schema
            else "空库, 首次启动服务时建表"
        )
        yield f"PostgreSQL {condition.server}: {version}"


def _not_declared(dependents: Sequence[Dependent]) -> Iterator[Diagnosis]:
    """Plugins nobody finds, because they do not say where they are."""
    for dependent in dependents:
        if ENTRY_POINTS in dependent.groups or not (module := dependent.speaks_rules):
            continue
        near = get_close_matches(ENTRY_POINTS, dependent.groups, n=1)
        told = f"声明的入口点组是 {near[0]!r}" if near else "没有声明入口点"
        pinyin = module.removeprefix(_PREFIX)
        remedy = (
            f'在 pyproject.toml 写 [project.entry-points."{ENTRY_POINTS}"] 与 {pinyin} '
            f'= "{module}", 然后重新安装'
        )
        yield Diagnosis(
            dependent.name, f"模块 {module} 里有规则, 但{told}, 所以不会被加载", remedy
        )


def _of_other_version(dependents: Sequence[Dependent]) -> Iterator[Diagnosis]:
    """Plugins written for another gongji than the one installed."""
    for dependent in dependents:
        wanted = dependent.requirement
        if wanted and not wanted.specifier.contains(
            gongji.__version__, prereleases=True
        ):
            problem = (
                f"要求 gongji{wanted.specifier}, 而已安装的是 {gongji.__version__}"
            )
            remedy = (
                "安装适用于本版 gongji 的插件版本, 或照 CHANGELOG.md 修改插件后放宽要求"
            )
            yield Diagnosis(dependent.name, problem, remedy)


def _missing_modules() -> Iterator[Diagnosis]:
    """Entry points that lead nowhere."""
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if not _is_there(entry.module):
            subject = (
                f"{entry.dist.name} {entry.dist.version} ({entry.name})"
                if entry.dist
                else entry.name
            )
            problem = f"入口点 {entry.name} 指向的模块 {entry.module} 不存在"
            yield Diagnosis(
                subject,
                problem,
                "核对 pyproject.toml 中的模块名, 然后重新安装(pip install -e .)",
            )


def _remedy(pinyin: str) -> str:
    return f"改正后重新安装; 用 gongji check {pinyin} 与 gongji hooks {pinyin} --trace 细看"


def _of_data(data: Path, database: str, now: datetime) -> Iterator[Diagnosis]:
    """A database that does not open with the key beside it; none yet is nothing wrong."""
    path = _database(data, database)
    if not path.exists():
        return
    try:
        asyncio.run(open_store(path, lambda: now, data / KEY).close())
    except (ValueError, OSError) as wrong:
        yield Diagnosis(
            str(path),
            str(wrong),
            "核对 --data 目录、文件属主与权限; 密钥丢失的只能从备份恢复",
        )


def _of_postgres(data: Path, database: str) -> Iterator[Diagnosis]:
    """A PostgreSQL that does not answer, is not ours, is of another schema or key, or
    loses what it has confirmed."""
    try:
        condition = database_at(database).condition(data / KEY)
    except ImportError:
        yield Diagnosis(
            "PostgreSQL", "没有安装 psycopg", "pip install 'gongji[postgres]'"
        )
    except OSError as wrong:
        yield Diagnosis(
            "PostgreSQL",
            str(wrong),
            "核对 --database 的主机、库名、用户与权限, 以及数据库是否已启动",
        )
    except ValueError as wrong:
        yield Diagnosis(
            "PostgreSQL",
            str(wrong),
            "核对 --database 与 --data; 密钥丢失的只能从备份恢复",
        )
    else:
        for lossy in condition.lossy if condition else ():
            yield Diagnosis(
                "PostgreSQL",
                lossy,
                "在 postgresql.conf(或 ALTER ROLE、ALTER DATABASE 处)改为 on, 重新载入",
            )


def _of_calendar(workdays: Workdays, now: datetime) -> Iterator[Diagnosis]:
    """The running year without its holidays; the next from November on, when they are published."""
    today = now.astimezone(SHANGHAI).date()
    years = [today.year, *([today.year + 1] if today.month == 12 else [])]
    for year in years:
        if not workdays.known(year):
            remedy = "升级 chinesecalendar, 或用 --calendar FILE 补充该年(写法见 server/README.md)"
            yield Diagnosis(
                f"{year} 年", "节假日与补班安排尚未载入, 审核期限只能按周末推算", remedy
            )


def _database(data: Path, database: str) -> Path:
    return path_of(database) if database else data / "gongji.sqlite3"


def _dependents() -> Iterator[Dependent]:
    """Distributions that require gongji, each once; then modules of the prefix that no
    distribution claims."""
    claimed: set[str] = set()
    seen: set[str] = set()
    for dist in metadata.distributions():
        name = canonicalize_name(dist.name or "")
        requirement = _requirement(dist)
        if name in seen or name == OURS:
            continue
        seen.add(name)
        modules = tuple(sorted(_modules(dist)))
        claimed.update(modules)
        if requirement or any(module.startswith(_PREFIX) for module in modules):
            groups = frozenset(entry.group for entry in dist.entry_points)
            yield Dependent(f"{dist.name} {dist.version}", requirement, modules, groups)
    for found in iter_modules():
        if found.name.startswith(_PREFIX) and found.name not in claimed:
            yield Dependent(found.name, None, (found.name,), frozenset())


def _requirement(dist: metadata.Distribution) -> Requirement | None:
    for text in dist.requires or ():
        with suppress(InvalidRequirement):
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) == OURS:
                return requirement
    return None


def _modules(dist: metadata.Distribution) -> Iterator[str]:
    """Top-level modules of a distribution: as installed, as its entry points say, as
    its editable folder holds."""
    tops = {
        Path(str(file)).parts[0]
        for file in dist.files or ()
        if str(file).endswith(".py")
    }
    yield from (
        top.removesuffix(".py")
        for top in tops
        if not top.startswith("__") and ".." not in top
    )
    yield from (
        entry.module.partition(".")[0]
        for entry in dist.entry_points
        if entry.group == ENTRY_POINTS
    )
    if folder := _editable(dist):
        yield from (
            found.name for found in iter_modules([str(folder), str(folder / "src")])
        )
    if _is_there(name := canonicalize_name(dist.name or "").replace("-", "_")):
        yield name


def _editable(dist: metadata.Distribution) -> Path | None:
    """The folder of an editable installation."""
    with suppress(ValueError, OSError, KeyError, TypeError):
        said = json.loads(dist.read_text("direct_url.json") or "")
        if said["dir_info"].get("editable"):
            return Path(unquote(urlparse(said["url"]).path))
    return None


def _is_there(module: str) -> bool:
    with suppress(ImportError, ValueError, AttributeError):
        return util.find_spec(module) is not None
    return False


def _source(module: str) -> str:
    """The text of a module, "" where there is none; it is not imported."""
    with suppress(ImportError, ValueError, AttributeError, OSError, UnicodeDecodeError):
        spec = util.find_spec(module)
        if spec and spec.origin:
            return Path(spec.origin).read_text(encoding="utf-8")
    return ""
