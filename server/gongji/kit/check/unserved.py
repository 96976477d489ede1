"""Prove what a refused plugin answers about the fund, in a process of its own.

`isolation.launcher` calls `answer` there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from typing import Final

import msgspec

from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem
from gongji.cities.installed import ENTRY_POINTS, Plugin
from gongji.isolation.protocol import IsolatedRequest
from gongji.isolation.runner import run
from gongji.kit.check.findings import Finding
from gongji.kit.check.proof import prove_plugin

_CHILD: Final = "gongji.kit.check.unserved"


def missing_row_findings(plugin: Plugin) -> Iterator[Finding]:
    """Yield what the proof says of a refused plugin, if it can be asked."""
    # Its refusal has already said why it cannot be.
    if list(plugin.problems()):
        return
    roots = tuple(map(str, plugin.roots))
    (proved,) = run(_CHILD, [IsolatedRequest(plugin.value.encode(), roots)])
    with suppress(msgspec.MsgspecError):
        yield from msgspec.json.decode(proved.answer, type=list[Finding])


def answer(request: bytes) -> bytes:
    """Return the findings about the plugin that an entry point's value names."""
    findings: tuple[Finding, ...] = ()
    with suppress(PluginProblem), contained("证明"):
        plugin = metadata.EntryPoint("", request.decode(), ENTRY_POINTS).load()
        proof = prove_plugin(plugin)
        findings = proof.findings if proof else ()
    return msgspec.json.encode(findings)
