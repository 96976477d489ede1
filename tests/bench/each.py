"""The real command line with one difference: the writer commits each job by itself, as
most services do.

.venv/bin/python -m tests.bench.each serve …
"""

from __future__ import annotations

from gongji.cli import main
from gongji.store.queues import BATCH, LoopQueue, Run
from gongji.store.sqlite import store


def _lane(run: Run, *, queue: int = 0) -> LoopQueue:
    """Only the writer's lane is given a bound."""
    return (
        LoopQueue(run, queue=queue, batch=1) if queue else LoopQueue(run, batch=BATCH)
    )


if __name__ == "__main__":
    setattr(store, "LoopQueue", _lane)  # noqa: B010 - its own name there is private to types
    main()
