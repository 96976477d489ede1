"""How people are numbered: their numbers are keys, and lie in clear."""

from __future__ import annotations

from typing import Final

from gongji.model.certificates import birth_date
from gongji.model.commands import Listing, Placed
from gongji.model.people import Person
from gongji.rules.codes import IDENTITY_CARD
from gongji.store.base import Store
from gongji.store.engine import StoreEngine

_FIRST: Final = Listing(kind=Person, limit=20)


def _first(engine: StoreEngine) -> list[Placed[Person]]:
    return engine.page(_FIRST)


async def numbers_are_identities(store: Store) -> bool:
    """Return whether the first people have numbers like those of identity cards."""
    people = await store.read(_first)
    return any(birth_date(IDENTITY_CARD, person.person_no) for person, _ in people)
