"""What the rows of one import say of each other and of the registry, and their verdicts."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct


class RowVerdict(IntEnum):
    """What becomes of a row."""

    ACCEPTED = 0
    FAULTY = 1
    """At fault by itself."""
    DIFFERING = 2
    """Another row says something else of the same person or institution."""
    TAKEN = 3
    """Its certificate belongs to somebody else at the end of the import."""
    RESTING = 4
    """It names as kin somebody whose row is refused, and whom nobody knows."""
    FOREIGN = 5
    """It speaks of another city's person or institution, there or not."""
    ERASED = 6
    """It speaks of a person whose whole file was erased."""


class RowStanding(Struct, frozen=True):
    """What the registry holds where a row is to stand.

    `revision` is that of its record, 0 if there is none; `unchanged` whether the row
    says what is known; `holders` are the others who have its certificate, `keeps`
    whether its own record has it already; `refused` is a verdict it has whatever other
    rows say, ACCEPTED if none.
    """

    revision: int = 0
    unchanged: bool = False
    holders: tuple[str, ...] = ()
    keeps: bool = False
    refused: RowVerdict = RowVerdict.ACCEPTED


class SetRow(Struct, frozen=True):
    """A row as its set knows it; `content` is a digest of what it says."""

    number: int
    owner: str
    content: bytes = b""
    cert: str = ""
    kin: tuple[str, ...] = ()
    faulty: bool = False


class Counts(Struct, frozen=True):
    """How many rows an import brought, writes, finds as they are, and refuses."""

    received: int = 0
    written: int = 0
    unchanged: int = 0
    refused: int = 0
