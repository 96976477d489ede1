"""What the log of any test says of the invented people: nothing that is theirs alone.

What a server of ours writes to standard error in a test is searched for the names,
certificates and phones of the sample population and of the tests' own people. What a
command prints for its operator is no log, and is not captured there.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from tests.canary.planted import PLANTED

_OF_SCAFFOLD = ("赵某某", "13800001234", "34119919500101001X")
"""Name, phone and certificate of the tests' own people."""


@cache
def theirs() -> tuple[str, ...]:
    """Return every text that is an invented person's own."""
    sample = files("gongji.client") / "sample" / "persons.csv"
    texts = [*_OF_SCAFFOLD, *PLANTED.values()]
    for row in csv.DictReader(sample.read_text("utf-8").splitlines()):
        texts += [row["cert_no"], row["name"]]
    return tuple(text for text in texts if text)


def overheard(log: str) -> list[str]:
    """Return what of them stands in the lines of a log."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    said = "\n".join(lines)
    return [text for text in theirs() if text in said]
