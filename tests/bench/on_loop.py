"""Serve as the real command line does, but commit on the event loop (decision 13).

.venv/bin/python -m tests.bench.on_loop serve …
"""

from __future__ import annotations

from gongji.cli import main
from gongji.store.loop_queues import LoopQueue
from gongji.store.queues import BatchQueue
from gongji.store.sqlite.store import SqliteStore


def _on_loop(store: SqliteStore) -> BatchQueue:
    committer = store._committer(store._writing, store.log)
    return LoopQueue(committer.run, condition=store.condition)


if __name__ == "__main__":
    setattr(SqliteStore, "_writes_of", _on_loop)  # noqa: B010 - its own name there is private to types
    main()
