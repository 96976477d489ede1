"""Client conformance: good clients pass, and every verdict is missed by a client with just that mistake."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from clients.bad import BAD
from gongji_conformance.client import process, report
from gongji_conformance.client.process import ClientOutput
from gongji_conformance.client.verdicts import IDS, ClientVerdict, judge

from examples.python.client import Client

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


async def found(kinds: Mapping[str, type[Client]]) -> dict[str, list[ClientVerdict]]:
    """The verdicts over each client that are not pass."""
    free = asyncio.Semaphore(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE * JOBS) as pool:

        async def one(kind: type[Client]) -> list[ClientVerdict]:
            async with free:
                return [
                    v
                    for v in await judge(in_process(kind, pool), jobs=JOBS)
                    if v.word != "pass"
                ]

        return dict(
            zip(kinds, await asyncio.gather(*map(one, kinds.values())), strict=True)
        )


async def test_clients_get_what_they_deserve() -> None:
    """The reference passes; each bad client fails the verdict that its mistake belongs to, and no other."""
    expected = {
        "reference": [],
        **{name: [(verdict, "fail")] for name, (_, verdict) in BAD.items()},
    }
    verdicts = await found(
        {"reference": Client, **{name: kind for name, (kind, _) in BAD.items()}}
    )
    actual = {
        name: [(v.item.id, v.word) for v in those] for name, those in verdicts.items()
    }
    odd = [
        line
        for name in BAD
        if expected[name] != actual[name]
        for line in report.text(verdicts[name], [name])
    ]
    assert expected == actual, "\n".join(odd)


def test_every_verdict_can_be_missed() -> None:
    """There is a bad client for every scenario and every law."""
    assert set(IDS) == {verdict for _, verdict in BAD.values()}
