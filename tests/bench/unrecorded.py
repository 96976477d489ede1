"""Serve as the real command line does, but note and keep no access to anybody's data.

.venv/bin/python -m tests.bench.unrecorded serve …
"""

from __future__ import annotations

from gongji.cli import main
from gongji.model.access import Accesses
from gongji.rpc.calls import Calls


def _nothing(*_: object) -> tuple[()]:
    return ()


async def _kept(*_: object) -> None:
    return None


if __name__ == "__main__":
    setattr(Accesses, "note", _nothing)  # noqa: B010 - its type is another
    setattr(Accesses, "decided", _nothing)  # noqa: B010 - as above
    setattr(Calls, "_kept", _kept)  # noqa: B010 - as above
    main()
