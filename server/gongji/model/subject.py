"""For whom a caller acts (代谁办理): the person who was identified, and what for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from gongji.rules.codes import AccessPurpose, Identification

NO_SUCH_PERSON: Final = "?"
"""In place of the number of a person named by a certificate that nobody registered has.

No person has it: who acts for nobody known is refused like who acts for a stranger.
"""


CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far the clock of who identified a person may be ahead of another."""


class Subject(Struct, frozen=True, kw_only=True):
    """The person who was identified, how, when and by which evidence; and what for.

    `person_no` is "" if the caller acts for nobody and says only what for. That the
    registry knows the person has not been looked up yet.
    """

    person_no: str = ""
    identification: Identification | None = None
    identified_at: datetime | None = None
    evidence: str = ""
    purpose: AccessPurpose | None = None


NO_SUBJECT: Final = Subject()
"""Of a call that says neither for whom nor what for."""
