"""Client conformance: good clients pass, each bad one misses its own verdict."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from client import Client
from clients.bad import BAD
from gongji_conformance.client import process, report
from gongji_conformance.client.process import ClientOutput
from gongji_conformance.client.verdicts import IDS, ClientVerdict, judge

AT_ONCE, JOBS = 9, 6
"""Clients judged at the same time, and scenarios of each: they spend their time waiting."""


def in_process(kind: type[Client], pool: ThreadPoolExecutor) -> process.Client:
    """A client of ours without a process of its own; what falls is told as an exit code."""

    def work(variables: Mapping[str, str]) -> ClientOutput:
        client, lines = kind(variables["GONGJI_TARGET"]), list[str]()
        try:
            lines += [
                json.dumps(client.perform(task))
                for task in json.loads(variables["GONGJI_TASK"])
            ]
        except Exception:  # noqa: BLE001 - bad clients fall in their own ways
            return ClientOutput(tuple(lines), 1, traceback.format_exc())
        finally:
            client.close()
        return ClientOutput(tuple(lines), 0)

    async def run(variables: Mapping[str, str]) -> ClientOutput:
        return await asyncio.get_running_loop().run_in_executor(pool, work, variables)

    return run


async def unpassed(
    kinds: Mapping[str, type[Client]],
) -> dict[str, list[ClientVerdict]]:
    """The verdicts over each client that are not pass."""
    free = asyncio.Semaphore(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE * JOBS) as pool:

        async def judged(kind: type[Client]) -> list[ClientVerdict]:
            async with free:
                verdicts = await judge(in_process(kind, pool), jobs=JOBS)
            return [verdict for verdict in verdicts if verdict.word != "pass"]

        verdicts = await asyncio.gather(*map(judged, kinds.values()))
    return dict(zip(kinds, verdicts, strict=True))


async def test_clients_get_what_they_deserve() -> None:
    """The reference passes; each bad client fails the verdict of its mistake, no other."""
    kinds: dict[str, type[Client]] = {"reference": Client}
    expected: dict[str, list[tuple[str, str]]] = {"reference": []}
    for name, (kind, verdict) in BAD.items():
        kinds[name] = kind
        expected[name] = [(verdict, "fail")]
    verdicts = await unpassed(kinds)
    actual = {name: _in_short(of_client) for name, of_client in verdicts.items()}
    odd = [name for name in BAD if expected[name] != actual[name]]
    lines = [line for name in odd for line in report.text(verdicts[name], [name])]
    assert expected == actual, "\n".join(lines)


def _in_short(verdicts: list[ClientVerdict]) -> list[tuple[str, str]]:
    return [(verdict.item.id, verdict.word) for verdict in verdicts]


def test_every_verdict_can_be_missed() -> None:
    """There is a bad client for every scenario and every law."""
    assert set(IDS) == {verdict for _, verdict in BAD.values()}
