"""The real command line with one difference: the writer commits each job by itself, as most services do.

.venv/bin/python -m tests.bench.each serve …
"""

from __future__ import annotations

from functools import partial

from gongji.__main__ import main
from gongji.store import remembering
from gongji.store.writer import Writer

if __name__ == "__main__":
    setattr(remembering, "Writer", partial(Writer, batch=1))  # noqa: B010 - its own name there is private to types
    main()
