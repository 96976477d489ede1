"""Serve as the real command line does, but commit each job by itself, as most services do.

.venv/bin/python -m tests.bench.each serve …
"""

from __future__ import annotations

from gongji.cli import main
from gongji.store.committer import Committer
from gongji.store.queues import BATCH_LIMIT, LoopQueue, Run
from gongji.store.sqlite import store


def _queue(run: Run) -> LoopQueue:
    """Return a queue: the committer's has batches of one, the readers' are as ever."""
    committing = isinstance(getattr(run, "__self__", None), Committer)
    return LoopQueue(run, batch=1 if committing else BATCH_LIMIT)


if __name__ == "__main__":
    setattr(store, "LoopQueue", _queue)  # noqa: B010 - its own name there is private to types
    main()
