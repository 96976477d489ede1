"""What a quiet caller keeps beside a greedy one, of what it gets beside a polite one.

.venv/bin/python -m tests.hostile.figure [--rounds N] [--seconds S]

The two alternate on one server, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence

from tests.hostile.beside import Beside, beside, sandbox

PAIRS = (("greedy", "polite"), ("streams", "polite_streams"))
"""1,500 calls in flight that ignore when to return, and that honour it; 4,000 streams that
do nothing, and as many of them as a caller may have."""


def compared(rounds: int, seconds: float, hostile: str, measure: str) -> str:
    """Return a line about a quiet caller beside both."""
    came: dict[str, list[Beside]] = {hostile: [], measure: []}
    with sandbox() as server:
        for number in range(rounds):
            # Whoever comes second finds what the first has left: they take turns.
            order = (hostile, measure) if number % 2 else (measure, hostile)
            for name in order:
                came[name].append(beside(server, name, seconds))
    kept = _rate(came[hostile]) / _rate(came[measure])
    p99 = ", ".join(f"{name} {_p99_ms(came[name]):.0f} ms" for name in came)
    failed = sum(_failed(b) for b in came[hostile])
    return (
        f"beside {hostile}: {kept:.0%} of the answers beside {measure}; "
        f"p99 {p99}; {failed} calls failed, those of health included\n"
    )


def _rate(came: Sequence[Beside]) -> float:
    return sum(b.good.rate for b in came)


def _p99_ms(came: Sequence[Beside]) -> float:
    return statistics.median(b.good.p99_ms for b in came)


def _failed(came: Beside) -> int:
    return sum(came.good.failures.values()) + sum(came.health.failures.values())


def main(arguments: Sequence[str]) -> None:
    """Print a line a pair."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=6)
    asked = parser.parse_args(arguments)
    for hostile, measure in PAIRS:
        line = compared(asked.rounds, asked.seconds, hostile, measure)
        sys.stdout.write(line)
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
