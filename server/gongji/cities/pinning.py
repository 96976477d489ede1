"""Which plugins the operator lets serve: those that are, file by file, what was pinned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gongji.cities.city import RefusedPlugin
from gongji.cities.installed import Plugin

_DIGEST: Final = re.compile(r"(sha256|sm3):[0-9a-f]{64}")

_AGAIN: Final = "核对来历之后用 gongji cities --pin 重新取得"


def pin(text: str) -> tuple[str, str]:
    """Return name and digest of `anqing=sha256:…`. ValueError if written otherwise."""
    name, _, digest = text.partition("=")
    check_pin(name, digest)
    return name, digest


def check_pin(name: str, digest: str) -> None:
    """ValueError unless a pin has a name, and a digest as `gongji cities` shows it."""
    if not name or not _DIGEST.fullmatch(digest):
        raise ValueError(
            "钉住插件应写作 anqing=sha256:…（国密的库为 sm3:…，64 位小写十六进制），"
            f"得到 {name}={digest}；{_AGAIN}"
        )


def refused(found: Iterable[Plugin], pins: Mapping[str, str]) -> list[RefusedPlugin]:
    """Return the plugins that may not be loaded: by their files, or by the pins if any.

    ValueError if a pin names no plugin that is there.
    """
    refusals = []
    names = set()
    for plugin in found:
        names.add(plugin.name)
        problems = [*plugin.problems()] or [*_against(plugin, pins)]
        if problems:
            refusals.append(plugin.refused("\n".join(problems)))
    unknown = sorted(set(pins) - names)
    if unknown:
        raise ValueError(
            f"钉住了没有安装的插件 {'、'.join(unknown)}；请安装，或去掉这一行"
        )
    return refusals


def _against(plugin: Plugin, pins: Mapping[str, str]) -> Iterable[str]:
    """Yield why the pins do not let a plugin serve."""
    if not pins or pins.get(plugin.name) == plugin.digest:
        return
    pinned = pins.get(plugin.name)
    if pinned is None:
        yield f"配置钉住了插件，而没有钉住这一个（{plugin.digest}）；{_AGAIN}"
    else:
        yield f"内容与钉住的不同：钉住的是 {pinned}，现在是 {plugin.digest}；{_AGAIN}"
