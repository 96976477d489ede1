"""What the plain model speaks of: a town, its people and places, and their visits.

Amounts are fen, ratios basis points, days text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PARTS = ("in_scope", "first_selfpay", "above_limit", "out_of_catalogue")

ByLevel = Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures of the fund by level of institution: fen, and ratios in basis points."""

    deductible: ByLevel
    deductible_a_year: int | None = None
    active: ByLevel
    retired: ByLevel
    bonus: int | None = None
    """What makes `retired` of `active`; None if its figures are its own."""
    cap_active: int | None
    cap_retired: int | None
    a_visit: Mapping[int, int | None]
    unranked: int
    pharmacy: int | None = None
    """The level whose figures pharmacies have; None if the fund pays nothing there."""
    covers: Sequence[int]
    rounds_down: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules of a city: tables from a day on, and what purses may pay."""

    tables: Sequence[tuple[str, Table]]
    order: Sequence[str]
    aid_at: Sequence[str]
    aid_pays: Sequence[str]
    own_pays: Sequence[str]
    aid_residue_of: Sequence[str] = ("chronic",)
    """Of which care aid pays what was left to pay."""


@dataclass(frozen=True, kw_only=True)
class Insurance:
    """A period of insurance in one scheme."""

    scheme: int
    psn_type: str
    status: str = "normal"
    since: str = "2020-01-01"
    until: str | None = None


@dataclass(frozen=True)
class Citizen:
    """Somebody insured in an area."""

    area: str
    insured: Sequence[Insurance]
    died: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A hospital or pharmacy, and how long it is designated."""

    area: str
    level: int | None
    pharmacy: bool
    since: str = "2020-01-01"
    until: str | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """The bill of a visit: amounts by part, and what was said with it."""

    patient: str
    place: str
    day: str
    kind: int
    scheme: int | None
    in_scope: int
    first_selfpay: int
    above_limit: int
    out_of_catalogue: int
    purses: str
    givers: Sequence[str]
    inpatient: bool
    residue: bool
    residue_of: str | None = None
    """Of which care the bill says it is the remainder."""
    spent_on: str
    filed: bool

    @property
    def parts(self) -> dict[str, int]:
        """Return the amounts by part."""
        return {part: getattr(self, part) for part in PARTS}


@dataclass(kw_only=True)
class Payment:
    """Who paid what of a visit."""

    year: str
    deductible: int
    fund: int
    own: int
    aid: int
    cash: int
    drawn: dict[str, int]
    """By the owner of the purse."""
    stands: bool = True


@dataclass(kw_only=True)
class Town:
    """Two cities, their people and places, who is bound, and what each has and used."""

    today: str
    cities: Mapping[str, Policy]
    people: Mapping[str, Citizen]
    places: Mapping[str, Place]
    bound: list[tuple[str, str]]
    purse: Counter[str]
    """Balances; a person may have none."""
    used: dict[str, tuple[int, int]]
    """By person, insurance, city and year: deductible borne and fund paid."""
    payments: dict[str, Payment] = field(default_factory=dict)
