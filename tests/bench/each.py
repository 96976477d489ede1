"""Serve as the real command line does, but commit each job by itself, as most services do.

.venv/bin/python -m tests.bench.each serve …
"""

from __future__ import annotations

from functools import partial

from gongji.cli import main
from gongji.store.loop_queues import FlushQueue
from gongji.store.sqlite import store

if __name__ == "__main__":
    one = partial(FlushQueue, batch=1)
    setattr(store, "FlushQueue", one)  # noqa: B010 - its own name there is private to types
    main()
