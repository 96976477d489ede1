"""What a test does by another release than the one it imports: in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.audit import Broken, audit
from tests.chaos.book import Book
from tests.chaos.town import found

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class ProgramTree:
    """A release of the server: where it is imported from."""

    tree: Path

    @property
    def inside(self) -> tuple[str, ...]:
        """Return what stands before a command to run it by this release."""
        return "env", f"PYTHONPATH={self.tree}"

    async def gongji(self, *arguments: str | Path) -> str:
        """Run the command; return what it prints. AssertionError with that if it fails."""
        return await self._run("gongji", *arguments)

    async def fails(self, *arguments: str | Path) -> str:
        """Run the command; return what it refuses with."""
        return await self._run("gongji", *arguments, code=1)

    async def found(self, data: Path, database: str) -> None:
        """Write the town into a database."""
        await self._run(__name__, "found", data, database)

    async def audit(
        self, book: Book, data: Path, database: str
    ) -> tuple[Broken, dict[str, int]]:
        """Return what `audit.audit` does."""
        kept = data / "book"
        told = Book(
            book.settled, book.reversals, book.refunds, book.never, book.checkpoints
        )
        await asyncio.to_thread(kept.write_bytes, pickle.dumps(told))
        printed = await self._run(__name__, "audit", data, database, kept)
        broken, counts = json.loads(printed)
        return broken, counts

    async def _run(self, module: str, *arguments: str | Path, code: int = 0) -> str:
        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: S603 - our own
                [sys.executable, "-m", module, *map(str, arguments)],
                capture_output=True,
                encoding="utf-8",
                check=False,
                cwd=_ROOT,
                env=os.environ | {"PYTHONPATH": f"{self.tree}:{_ROOT}"},
            )

        done = await asyncio.to_thread(run)
        assert code == done.returncode, done.stdout + done.stderr
        return done.stderr if code else done.stdout


async def _main(verb: str, data: str, database: str, *more: str) -> Any:
    if verb == "found":
        return await found(Path(data), database)
    book = pickle.loads(Path(more[0]).read_bytes())  # noqa: S301, ASYNC240 - our own
    return await audit(book, Path(data), database)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(*sys.argv[1:]))))  # noqa: T201 - the answer
