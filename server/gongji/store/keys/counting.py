"""How much each sealing key has sealed (密封次数): a random nonce repeats after too many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from gongji.store.seal import Vault

MOST_SEALS: Final = 1 << 32
"""Seals of one key at most, each with a random nonce of 96 bits (NIST SP 800-38D, 8.3)."""

COUNTED_SEALS: Final = 4096
"""Seals of a process after which they are counted: with its end a millionth of what a key
may seal is lost at most."""

READ: Final = "SELECT number, sum(seals) FROM seal_count GROUP BY number"


class SealCount(Struct, frozen=True):
    """What one writer of the log has sealed by the key of a number."""

    count_id: str
    number: int
    seals: int

    @classmethod
    def of(cls, number: int, writer: str, seals: int) -> SealCount:
        """Return the count of a key and a writer."""
        return cls(f"{number}/{writer}", number, seals)


class SealCounter:
    """Counts what a vault seals, for one writer."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._counting = ("", 0)
        self._total = 0

    def due(self, writer: str) -> Sequence[SealCount]:
        """Return the count to be written now, none as a rule."""
        # hot path: once a transaction.
        if self._vault.sealed < COUNTED_SEALS:
            return ()
        counting = writer, self._vault.ring.sealing
        if counting != self._counting:
            self._counting, self._total = counting, 0
        self._total += self._vault.sealed
        self._vault.sealed = 0
        return (SealCount.of(counting[1], writer, self._total),)


def seals_of(rows: Iterable[Sequence[Any]]) -> Mapping[int, int]:
    """Return what the key of each number has sealed, from the rows of `READ`."""
    return {int(number): int(seals) for number, seals in rows}
