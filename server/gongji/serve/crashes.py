"""Crashes of a process (a fatal signal, an abort): where it was, told by the next start.

A process that crashes can write no line of its own; of its children the parent reads
what they say (`stray`), of the first process nobody would.
"""

from __future__ import annotations

import faulthandler
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from gongji.serve.stray import stray_events
from gongji.store.process_files import locked_new, of_dead

FOLDER: Final = "crashes"
"""Name in the data folder."""

_NAMES: Final = "[0-9a-f]*"
"""Drafts begin with a dot."""

_MOST_BYTES: Final = 1024 * 1024


@contextmanager
def crashes_kept(data: Path) -> Iterator[None]:
    """Keep for the block where this process is if it crashes; tell of earlier ones."""
    if sys.platform == "win32":
        yield
        return
    with ExitStack() as stack:
        path = data / FOLDER / secrets.token_hex(8)
        # Over a disk that is full or only read the service still answers what it can.
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _tell(path.parent)
            file = stack.enter_context(locked_new(path, 0))
            stack.callback(path.unlink, missing_ok=True)
            faulthandler.enable(file)
            stack.callback(faulthandler.disable)
        yield


def _tell(folder: Path) -> None:
    for path in sorted(folder.glob(_NAMES)):
        with of_dead(path) as file:
            if file is None:
                continue
            text = file.read(_MOST_BYTES).decode(errors="replace")
        # Each thread is an event of its own; the first one says what happened.
        said = list(stray_events(text.splitlines()))
        if said:
            places = [place for one in said for place in one.get("places", ())]
            structlog.get_logger().error(
                "crashed", text=said[0]["text"], places=places[:_MOST_PLACES]
            )
        path.unlink(missing_ok=True)


_MOST_PLACES: Final = 100
