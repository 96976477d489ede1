"""Find the installed distributions that depend on gongji, without importing them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from pkgutil import iter_modules
from typing import Final
from urllib.parse import unquote, urlparse

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from gongji.cities.installed import ENTRY_POINTS, spec_of

OURS: Final = "gongji"

PREFIX: Final = "gongji_"
"""How the module of a city is called."""

_MARK: Final = re.compile(r"\bhookimpl\b")


@dataclass(frozen=True, slots=True)
class Dependent:
    """A distribution that requires gongji, or a module of the prefix without one."""

    name: str
    requirement: Requirement | None
    modules: tuple[str, ...]
    groups: frozenset[str]

    @property
    def rules_module(self) -> str:
        """The first of its modules that marks hooks; "" if none does."""
        for module in self.modules:
            if _MARK.search(_source(module)):
                return module
        return ""


def dependents() -> Iterator[Dependent]:
    """Yield distributions that require gongji, then modules no distribution claims."""
    claimed: set[str] = set()
    for name, dist in _distributions().items():
        modules = tuple(sorted(_modules(name, dist)))
        claimed.update(modules)
        requirement = _requirement(dist)
        if requirement or any(module.startswith(PREFIX) for module in modules):
            yield Dependent(
                f"{dist.name} {dist.version}",
                requirement=requirement,
                modules=modules,
                groups=frozenset(entry.group for entry in dist.entry_points),
            )
    for module in iter_modules():
        if module.name.startswith(PREFIX) and module.name not in claimed:
            yield Dependent(
                module.name,
                requirement=None,
                modules=(module.name,),
                groups=frozenset(),
            )


def is_importable(module: str) -> bool:
    """Return whether there is such a module."""
    return spec_of(module) is not None


def _distributions() -> dict[str, metadata.Distribution]:
    """Return every distribution but gongji by its name."""
    by_name: dict[str, metadata.Distribution] = {}
    for dist in metadata.distributions():
        # On the path twice, the first is the one that is imported.
        by_name.setdefault(canonicalize_name(dist.name or ""), dist)
    by_name.pop(OURS, None)
    return by_name


def _requirement(dist: metadata.Distribution) -> Requirement | None:
    """Return what a distribution says of gongji, if it does."""
    for text in dist.requires or ():
        # Old distributions have requirements today's standard does not know.
        with suppress(InvalidRequirement):
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) == OURS:
                return requirement
    return None


def _modules(name: str, dist: metadata.Distribution) -> Iterator[str]:
    """Yield the top-level modules of a distribution, by whatever names them."""
    for file in dist.files or ():
        top = Path(str(file)).parts[0]
        # Scripts lie outside the folder of modules, by way of "..".
        if str(file).endswith(".py") and not top.startswith("__") and ".." not in top:
            yield top.removesuffix(".py")
    for entry in dist.entry_points:
        if entry.group == ENTRY_POINTS:
            yield entry.module.partition(".")[0]
    folder = _editable_folder(dist)
    if folder:
        for module in iter_modules([str(folder), str(folder / "src")]):
            yield module.name
    same_name = name.replace("-", "_")
    if is_importable(same_name):
        yield same_name


def _editable_folder(dist: metadata.Distribution) -> Path | None:
    """Return the folder of an editable installation, if it is one."""
    # The file is missing for most, and any installer may have written it.
    with suppress(ValueError, OSError, KeyError, TypeError):
        origin = json.loads(dist.read_text("direct_url.json") or "")
        if origin["dir_info"].get("editable"):
            return Path(unquote(urlparse(origin["url"]).path))
    return None


def _source(module: str) -> str:
    """Return the text of a module; "" if there is none."""
    with suppress(
        ImportError,
        ValueError,
        AttributeError,
        OSError,
        UnicodeDecodeError,
    ):
        spec = spec_of(module)
        if spec and spec.origin:
            return Path(spec.origin).read_text(encoding="utf-8")
    return ""
