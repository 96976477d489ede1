"""Guesses about people, counted and bounded for the caller of the current call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar, Final

import structlog
from msgspec import Struct

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.guessing import Guesses, GuessingLimits, one_more, refuse_paused
from gongji.model.people import Certificate, Person
from gongji.model.refusals import Refusal
from gongji.rpc.calls import current_call
from gongji.store import Store

_LOG: Final = structlog.get_logger("gongji.rpc")


class _LookUp(Struct, frozen=True):
    """A query for the number of who has a certificate, the lowest of several."""

    holding: Need
    key: str

    def needs(self, facts: Facts) -> tuple[Need, ...]:
        """Return who has it, and the caller's guesses."""
        del facts
        return self.holding, by_key(Guesses, self.key)

    def decide(self, facts: Facts) -> Decision[str | None]:
        """Decide. GuessingPaused, whether somebody has it or nobody."""
        refuse_paused(facts.get(Guesses, self.key), facts.now)
        holding = facts.where(Person, self.holding.index, self.holding.value)
        return Decision(min((p.person_no for p in holding), default=None))


class _CountNobody(Struct, frozen=True):
    """Counts a look-up that found nobody. GuessingPaused if others began a pause since."""

    key: str
    limits: GuessingLimits

    what: ClassVar[str] = "CountNobody"

    def needs(self, facts: Facts) -> tuple[Need, ...]:
        """Return the caller's guesses."""
        del facts
        return (by_key(Guesses, self.key),)

    def decide(self, facts: Facts) -> Decision[Guesses]:
        """Decide to write one more."""
        known = facts.get(Guesses, self.key)
        refuse_paused(known, facts.now)
        limits = self.limits
        after = one_more(self.key, known, facts.now, limits, limits.nobody)
        return Decision(after, (after,))


class LookUps:
    """The bound on a caller's look-ups that find nobody."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def number_of(self, certificate: Certificate) -> str | None:
        """Return the number of who has a certificate, None if nobody. GuessingPaused."""
        call = current_call()
        limits = call.permit.guessing
        if limits is None:
            return await self._store.person_no_of(certificate)
        key = Guesses.key_of(call.caller)
        holding = Need(Person, "cert", self._store.lookup(certificate))
        number = await self._store.ask(_LookUp(holding, key))
        if number is None:
            # Before the caller learns of it: otherwise it asks once more meanwhile.
            _tell(await self._store.apply(_CountNobody(key, limits)), "look-ups")
        return number


@contextmanager
def pauses_told() -> Iterator[None]:
    """Log the pause that a refusal within the block begins."""
    try:
        yield
    except Refusal as refusal:
        for left in refusal.leaves:
            if isinstance(left, Guesses):
                _tell(left, "statements")
        raise


def _tell(guesses: Guesses, what: str) -> None:
    """Log a pause that has just begun: whose, never about whom."""
    until: datetime | None = guesses.paused_until
    if until is not None:
        call = current_call()
        _LOG.warning(
            "guessing",
            caller=call.caller,
            method=call.method,
            what=what,
            wrong=guesses.wrong,
            paused_until=until.isoformat(),
        )
