"""The end of a service under load: whatever is told to end, no call ends as CANCELLED."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from tests.cli.started import Caller, Started, children, started
from tests.patience import PATIENCE_S

CALLERS = 8


def call_on(caller: Caller, ended: Counter[str], over: threading.Event) -> None:
    """Settle again and again, count how calls end, until it is over or nobody is there.

    Whoever is refused tries again at once, the least patient of callers.
    """
    while not over.is_set():
        try:
            caller.settle()
        except grpc.RpcError as error:
            ended[error.code().name] += 1
            if "connect" in str(error.details()):
                return
        else:
            ended["OK"] += 1


@contextmanager
def under_load(server: Started) -> Iterator[Counter[str]]:
    """Settle from many sides until the block ends; count how calls end."""
    ended: Counter[str] = Counter()
    over = threading.Event()
    with ExitStack() as stack:
        callers = [stack.enter_context(Caller(server)) for _ in range(CALLERS)]
        threads = [
            threading.Thread(target=call_on, args=(one, ended, over))
            for one in callers * 3
        ]
        for thread in threads:
            thread.start()
            stack.callback(thread.join, PATIENCE_S)
        stack.callback(over.set)
        while ended["OK"] < 50 and any(one.is_alive() for one in threads):
            over.wait(0.01)
        yield ended


@pytest.mark.sampled(3)
@pytest.mark.parametrize("whom", ["parent", "all", "children first"])
@pytest.mark.parametrize("how", ["--gateway", "--no-gateway"])
def test_no_call_is_cancelled(how: str, whom: str, tmp_path: Path) -> None:
    """By a signal to the service alone or to all its processes at once, each call under
    way is answered and each that comes later is to be tried again: UNAVAILABLE."""
    options = ["--data", str(tmp_path), "--sample"]
    with started(how, *options) as server, under_load(server) as ended:
        pids = [server.process.pid]
        if whom != "parent":
            pids += children(server.process.pid)
        for pid in reversed(pids) if whom == "children first" else pids:
            os.kill(pid, signal.SIGTERM)
        assert 0 == server.process.wait(PATIENCE_S)
    assert {"OK", "UNAVAILABLE"} == set(ended)
