"""All chance of a run: numbers of invented people and ids of requests, from one seed."""

from __future__ import annotations

import itertools
import random
import secrets
import uuid
from typing import Final

SEEDS: Final = 2**31
PEOPLE: Final = 18 * 20_000 * 999
"""How many people can be told apart; they are counted from a random start, so that two runs do not meet."""


class Chance:
    """A source of ids and serial numbers that follow from its seed."""

    def __init__(self, seed: int | str) -> None:
        self.begin(seed)

    def begin(self, seed: int | str) -> None:
        """From here on everything follows from this seed."""
        self._drawn = random.Random(seed)  # noqa: S311 - nothing here is a secret
        self._serials = itertools.count(self._drawn.randrange(PEOPLE))

    def serial(self) -> int:
        """The next person's serial number."""
        return next(self._serials)

    def new_id(self) -> str:
        """A fresh request id (UUID)."""
        return str(uuid.UUID(int=self._drawn.getrandbits(128), version=4))


def draw() -> int:
    """A seed for a run that names none."""
    return secrets.randbelow(SEEDS)


CHANCE: Final = Chance(draw())
"""The run's."""
