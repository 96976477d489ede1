"""Installed city plugins as files: what belongs to each, and the digest of it.

Nothing of a plugin is imported here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata, util
from pathlib import Path, PurePath
from typing import Final

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
    """An installed plugin: its entry point, and the distribution it came with."""

    entry: metadata.EntryPoint

    @property
    def name(self) -> str:
        """Return the name it goes by: the city's pinyin."""
        return self.entry.name

    @property
    def distribution(self) -> str:
        """Return the name of its distribution; what it imports if there is none."""
        return self.entry.dist.name if self.entry.dist else self.entry.value

    @property
    def version(self) -> str:
        """Return the version of its distribution."""
        return self.entry.dist.version if self.entry.dist else ""

    @property
    def label(self) -> str:
        """Return distribution and version, as it is called where it is refused."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def package(self) -> str:
        """Return the top-level package, or module, that holds all of it."""
        return self.entry.module.partition(".")[0]

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Return the folders, or the file, of its package; none if it is not there."""
        # Of a top-level name nothing is imported, whatever it holds.
        with suppress(ImportError, ValueError, AttributeError):
            spec = util.find_spec(self.package)
            if spec is not None and spec.submodule_search_locations is not None:
                return tuple(
                    Path(at).resolve() for at in spec.submodule_search_locations
                )
            if spec is not None and spec.has_location and spec.origin:
                return (Path(spec.origin).resolve(),)
        return ()

    @cached_property
    def digest(self) -> str:
        """Return `sha256:` and the digest of all its files, the same on every machine.

        ValueError if they are too many or cannot be read.
        """
        whole = hashlib.sha256()
        for name, content in sorted(self._contents()):
            whole.update(f"{name}\n{hashlib.sha256(content).hexdigest()}\n".encode())
        return f"sha256:{whole.hexdigest()}"

    def changed(self) -> bool:
        """Return whether its files are others than when its digest was taken."""
        return Plugin(self.entry).digest != self.digest

    def refused(self, problem: str) -> RefusedPlugin:
        """Return it as one that does not serve."""
        return RefusedPlugin(self.label, self.name, problem)

    def is_among(self, refused: Iterable[RefusedPlugin]) -> bool:
        """Return whether it is one of those refused."""
        return any((r.plugin, r.pinyin) == (self.label, self.name) for r in refused)

    def problems(self) -> Iterator[str]:
        """Yield why it may not be loaded, whatever it answers."""
        if self.package in _RESERVED or self.package in sys.stdlib_module_names:
            yield f"包名 {self.package} 属于别的软件，插件不得使用"
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
        if self.entry.dist:
            for name in _DESCRIBING:
                yield name, (self.entry.dist.read_text(name) or "").encode()
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
        if not self.entry.dist or _editable(self.entry.dist):
            return
        for file in self.entry.dist.files or ():
            top = file.parts[0]
            own = top in {self.package, f"{self.package}.py"}
            if not own and not top.endswith(".dist-info") and not _cached(file):
                yield file.as_posix()


def plugins() -> Iterator[Plugin]:
    """Yield the installed plugins in order, each once."""
    # An editable install may show the entry points of one distribution twice.
    found = map(Plugin, metadata.entry_points(group=ENTRY_POINTS))
    unique = {(p.label, p.name, p.entry.value): p for p in found}
    yield from sorted(unique.values(), key=lambda plugin: (plugin.name, plugin.label))


def same_name(found: Iterable[Plugin]) -> list[RefusedPlugin]:
    """Return all distributions that claim one entry-point name; none is more right."""
    by_name: dict[str, list[Plugin]] = {}
    for plugin in found:
        by_name.setdefault(plugin.name, []).append(plugin)
    refused = []
    for name, rivals in by_name.items():
        if len(rivals) > 1:
            labels = ", ".join(plugin.label for plugin in rivals)
            problem = f"多个插件使用同一名称 {name}: {labels}; 请只保留一个"
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


def pins_of(found: Iterable[Plugin]) -> Mapping[str, str]:
    """Return the digests of plugins by name, as they are pinned."""
    return {
        plugin.name: plugin.digest for plugin in found if not list(plugin.problems())
    }
