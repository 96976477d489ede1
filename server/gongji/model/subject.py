"""For whom a caller acts (代谁办理): the person who was identified, and what for."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from msgspec import Struct

NO_SUCH_PERSON: Final = "?"
"""In place of the number of a person named by a certificate that nobody registered has.

No person has it: who acts for nobody known is refused like who acts for a stranger.
"""


CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far the clock of who identified a person may be ahead of another."""


class Identification(IntEnum):
    """How the person for whom a caller acts was identified; numbers as on the wire."""

    REAL_NAME = 1
    FACE = 2
    E_VOUCHER = 3
    ID_CARD_SEEN = 4
    SOCIAL_CARD = 5


class AccessPurpose(IntEnum):
    """What a person's data are asked for; numbers as on the wire."""

    OWN_REQUEST = 1
    CARE = 2
    REVIEW = 3
    RECONCILIATION = 4
    AUDIT = 5
    OPERATION = 6


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
