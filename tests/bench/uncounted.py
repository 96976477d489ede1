"""Serve as the real command line does, in one process, but count nothing.

.venv/bin/python -m tests.bench.uncounted serve --no-gateway …
"""

from __future__ import annotations

from gongji.cli import main
from gongji.serve import entrance, service


def _nothing(*_: object) -> None:
    return None


class _NoMeter:
    """Takes what a call tells its meter, and forgets it."""

    def __init__(self, *_: object) -> None:
        self.received = self.sent = 0
        self.status = ""

    def ended(self) -> None:
        """Do nothing."""


if __name__ == "__main__":
    setattr(entrance, "CallMeter", _NoMeter)  # noqa: B010 - its type is another
    setattr(service, "watch_service", _nothing)  # noqa: B010 - as above
    main()
