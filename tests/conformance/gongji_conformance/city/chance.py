"""All randomness of a run, from one seed: people's numbers and request ids."""

from __future__ import annotations

import itertools
import random
import secrets
import uuid
from typing import Final

SEEDS: Final = 2**31
PEOPLE: Final = 18 * 20_000 * 999
"""How many people can be told apart: areas, birthdays, sequences."""


class Chance:
    """A source of ids and serial numbers that follow from its seed."""

    def __init__(self, seed: int | str) -> None:
        self.begin(seed)

    def begin(self, seed: int | str) -> None:
        """Start again from this seed."""
        self._random = random.Random(seed)  # noqa: S311 - nothing here is a secret
        # Counted from a random start, so that two runs on one server do not meet.
        first = self._random.randrange(PEOPLE)
        self._serials = itertools.count(first)

    def serial(self) -> int:
        """Return the next person's serial number."""
        return next(self._serials)

    def new_id(self) -> str:
        """Return a fresh request id (UUID)."""
        return str(
            uuid.UUID(
                int=self._random.getrandbits(128),
                version=4,
            )
        )


def draw() -> int:
    """Return a seed for a run that names none."""
    return secrets.randbelow(SEEDS)


CHANCE: Final = Chance(draw())
"""The run's."""
