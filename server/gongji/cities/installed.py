"""Installed city plugins as files: what belongs to each, and the digest of it.

Nothing of a plugin is imported here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata, util
from importlib.machinery import ModuleSpec, PathFinder
from itertools import chain
from pathlib import Path, PurePath
from typing import Final

from packaging.utils import canonicalize_name

from gongji.audit.hashing import Hasher, default_hasher, labelled
from gongji.cities.city import RefusedPlugin

ENTRY_POINTS: Final = "gongji.cities"

_DESCRIBING: Final = ("METADATA", "entry_points.txt")
"""Files of a distribution's description that are the same wherever it is installed."""

_MOST_BYTES: Final = 32 * 2**20
"""How large all files of a plugin may be together."""

_RESERVED: Final = frozenset({"gongji", "sitecustomize", "usercustomize"})
"""Modules of others that a plugin's package may not bear the name of."""


@dataclass(frozen=True)
class Plugin:
    """An installed plugin: what it is called, and where it is found.

    `fault` says what is wrong with its distribution's own description, if anything is.
    """

    name: str
    value: str
    distribution: str
    version: str
    source: metadata.Distribution
    fault: str = ""
    hasher: Hasher = field(default_factory=default_hasher)

    @property
    def label(self) -> str:
        """Return distribution and version, as it is called where it is refused."""
        return f"{self.distribution} {self.version}"

    @property
    def package(self) -> str:
        """Return the top-level package, or module, that holds all of it."""
        return self.value.partition(":")[0].partition(".")[0].strip()

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Return the folder, or the file, of its package; none if it is not there."""
        # A folder without __init__ could be any folder: one of data, too.
        spec = spec_of(self.package)
        if spec is None or not spec.has_location or not spec.origin:
            return ()
        origin = Path(spec.origin).resolve()
        return (origin.parent if spec.submodule_search_locations else origin,)

    @cached_property
    def digest(self) -> str:
        """Return the labelled hash of all its files, the same on every machine.

        ValueError if they are too many or cannot be read.
        """
        hasher = self.hasher
        lines = [f"{n}\n{hasher(c).hex()}\n" for n, c in sorted(self._contents())]
        return labelled(hasher, "".join(lines).encode())

    def changed(self) -> bool:
        """Return whether its files are others than when its digest was taken."""
        return replace(self).digest != self.digest

    def refused(self, problem: str) -> RefusedPlugin:
        """Return it as one that does not serve."""
        return RefusedPlugin(self.label, self.name, problem)

    def is_among(self, refused: Iterable[RefusedPlugin]) -> bool:
        """Return whether it is one of those refused."""
        return any((r.plugin, r.pinyin) == (self.label, self.name) for r in refused)

    def problems(self) -> Iterator[str]:
        """Yield why it may not be loaded, whatever it answers."""
        if self.fault:
            yield self.fault
            return
        if self.package in _RESERVED or self.package in sys.stdlib_module_names:
            yield f"包名 {self.package} 属于别的软件，插件不得使用"
        if not self.roots and spec_of(self.package) is not None:
            yield f"包 {self.package} 没有 __init__.py，分不清哪些文件是它的"
        foreign = list(self._foreign_files())
        if foreign:
            shown = "、".join(foreign[:3])
            yield f"发行包写入了 {self.package} 以外的文件：{shown}；插件只得含有自己的包"
        try:
            self.digest  # noqa: B018 - taken once, and kept
        except (OSError, ValueError) as fault:
            yield f"不能读出插件的文件：{fault}"

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and content of each file; never more than _MOST_BYTES."""
        for name in _DESCRIBING:
            yield name, (self.source.read_text(name) or "").encode()
        left = _MOST_BYTES
        for root in self.roots:
            for path in sorted(root.rglob("*")) if root.is_dir() else (root,):
                # What Python writes beside the sources is not read by us either.
                if "__pycache__" in path.parts or not path.is_file():
                    continue
                left -= path.stat().st_size
                if left < 0:
                    raise ValueError(f"超过 {_MOST_BYTES // 2**20} MB")
                yield path.relative_to(root.parent).as_posix(), path.read_bytes()

    def _foreign_files(self) -> Iterator[str]:
        """Yield the files of its distribution that lie outside its package."""
        # What stands in the place of an editable distribution is the installer's.
        if _editable(self.source):
            return
        for file in self.source.files or ():
            top = file.parts[0]
            own = top in {self.package, f"{self.package}.py"}
            if not own and not top.endswith(".dist-info") and not _cached(file):
                yield file.as_posix()


def plugins() -> Iterator[Plugin]:
    """Yield the installed plugins in order, each once."""
    # On the path twice, as an editable install may be, the first is what is imported.
    found: dict[str, list[Plugin]] = {}
    for distribution in metadata.distributions():
        declared = list(_declared(distribution))
        if declared:
            found.setdefault(canonicalize_name(declared[0].distribution), declared)
    every = chain.from_iterable(found.values())
    yield from sorted(every, key=lambda plugin: (plugin.name, plugin.label))


def _declared(distribution: metadata.Distribution) -> Iterator[Plugin]:
    """Yield the plugins of a distribution; one with a fault if it cannot be read."""
    try:
        declared = distribution.read_text("entry_points.txt") or ""
        # Most distributions have none of ours, and are not read any further: to parse
        # the descriptions of all took a tenth of the time of a start.
        if ENTRY_POINTS not in declared:
            return
        name, version = _described(distribution)
        fault = "" if version else "发行包没有写明名称与版本"
        for entry in distribution.entry_points:
            if entry.group == ENTRY_POINTS:
                wrong = fault or _fault_of(entry)
                yield Plugin(
                    entry.name, entry.value, name, version, distribution, wrong
                )
    # Whoever wrote it, the others are read.
    except Exception as error:  # noqa: BLE001 - as importlib.metadata parses it
        name, version = _described(distribution)
        told = f"entry_points.txt 不能读出：{error}"
        yield Plugin(name, "", name, version, distribution, told)


def _described(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return the name and version a distribution gives itself, or some name and none."""
    # In a file of the distribution's own, that may hold anything.
    with suppress(Exception):
        name, version = distribution.name, distribution.version
        if name and version:
            return name, version
    return str(getattr(distribution, "_path", "？")).rpartition("/")[2], ""


def _fault_of(entry: metadata.EntryPoint) -> str:
    """Return what is wrong with the form of an entry point; "" if nothing is."""
    if not entry.name or not entry.pattern.fullmatch(entry.value):
        return f"入口点写作 {entry.name!r} = {entry.value!r}；应为 名称 = 模块，或 模块:对象"
    return ""


def spec_of(module: str) -> ModuleSpec | None:
    """Return where a module is found; None if it is not. Nothing is imported."""
    spec: ModuleSpec | None = None
    # A finder may stumble over names and files that are none.
    with suppress(ImportError, ValueError, AttributeError, OSError):
        top, *below = module.split(".")
        spec = util.find_spec(top)
        for number in range(len(below)):
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = ".".join([top, *below[: number + 1]])
            # importlib.util.find_spec would import the package.
            spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def same_name(found: Iterable[Plugin]) -> list[RefusedPlugin]:
    """Return all distributions that claim one entry-point name; none is more right."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in found:
        by_name.setdefault(plugin.name, []).append(plugin)
    refused = []
    for name, rivals in by_name.items():
        if len(rivals) > 1:
            labels = "、".join(plugin.label for plugin in rivals)
            problem = f"多个插件使用同一名称 {name}：{labels}；请只保留一个"
            refused += [plugin.refused(problem) for plugin in rivals]
    return refused


def _editable(distribution: metadata.Distribution) -> bool:
    """Return whether a distribution's sources lie elsewhere (`pip install -e`)."""
    with suppress(ValueError, AttributeError):
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    return False


def _cached(file: PurePath) -> bool:
    """Return whether Python wrote a file beside a module."""
    return file.parts[0] == "__pycache__" and file.suffix == ".pyc"
