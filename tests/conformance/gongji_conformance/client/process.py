"""Runs a client: its command with the task in the environment, and its output."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_MAX_ERRORS: Final = 2000
"""How many characters of standard error are kept."""


@dataclass(
    frozen=True,
    slots=True,
)
class ClientOutput:
    """What a client printed, line by line, and how it ended.

    `exit_code` is None if it had to be stopped.
    """

    lines: tuple[str, ...]
    exit_code: int | None
    errors: str = ""


Client = Callable[[Mapping[str, str]], Awaitable[ClientOutput]]
"""Runs a client once with these variables in its environment."""


def command(argv: Sequence[str], limit_s: float) -> Client:
    """Return a client that is a command, stopped after `limit_s` seconds."""

    async def run(variables: Mapping[str, str]) -> ClientOutput:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, **_without_proxy(), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A process group of its own, so that all of it can be stopped.
            start_new_session=True,
        )
        output = asyncio.ensure_future(process.communicate())
        ended = await _ended_within(limit_s, process, output)
        out, errors = await output
        return ClientOutput(
            lines=_lines(out),
            exit_code=process.returncode if ended else None,
            errors=_decoded(errors)[-_MAX_ERRORS:],
        )

    return run


async def _ended_within(
    limit_s: float,
    process: asyncio.subprocess.Process,
    output: asyncio.Future[tuple[bytes, bytes]],
) -> bool:
    """Wait for a client and stop it, with everything it started, if it takes longer."""
    try:
        ended, _ = await asyncio.wait({output}, timeout=limit_s)
    finally:
        if not output.done():
            # The group: a child that holds the pipe would keep us waiting.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return bool(ended)


def _lines(out: bytes) -> tuple[str, ...]:
    """Return the lines that are not blank."""
    return tuple(line for line in _decoded(out).splitlines() if line.strip())


def _decoded(out: bytes) -> str:
    # Whatever a client prints must not break the judge.
    return out.decode("utf-8", "replace")


def _without_proxy() -> dict[str, str]:
    """Return variables that lead past any proxy to the loopback."""
    return {name: _with_loopback(name) for name in ("no_proxy", "no_grpc_proxy")}


def _with_loopback(name: str) -> str:
    hosts = [os.environ.get(name), "127.0.0.1"]
    return ",".join(filter(None, hosts))
