"""Running a client: its command with the task in the environment, and what it tells line by line."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_LAST_WORDS: Final = 2000
"""How many characters of standard error are kept."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a client printed, line by line, and how it ended; `exit_code` is None where it had to be stopped."""

    lines: tuple[str, ...]
    exit_code: int | None
    errors: str = ""


Client = Callable[[Mapping[str, str]], Awaitable[Told]]
"""Runs a client once with these variables in its environment."""


def command(argv: Sequence[str], limit_s: float) -> Client:
    """A client that is a command; stopped, with everything it started, after `limit_s` seconds."""

    async def run(variables: Mapping[str, str]) -> Told:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, **_direct(), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        talk = asyncio.ensure_future(process.communicate())
        try:
            done, _ = await asyncio.wait({talk}, timeout=limit_s)
        finally:
            if not talk.done():
                # With all it started: a child that holds the pipe would keep us waiting.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        out, err = await talk
        lines = tuple(line for line in out.decode("utf-8", "replace").splitlines() if line.strip())
        return Told(lines, process.returncode if done else None, err.decode("utf-8", "replace")[-_LAST_WORDS:])

    return run


def _direct() -> dict[str, str]:
    """The way to the loopback leads past any proxy."""
    return {name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1"))) for name in ("no_proxy", "no_grpc_proxy")}
