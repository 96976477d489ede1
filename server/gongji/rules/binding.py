"""The types of rules about people and bindings (绑定): plain frozen data.

Numbers are days, years and people; mappings are keyed by purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gongji.rules.channels import IdentityCheck, Procedure
from gongji.rules.clauses import Clause
from gongji.rules.codes import EnrolmentStatus, Purpose, Scheme


class NoLimit(Enum):
    """The value that says there is no limit (不设限)."""

    # No None: that would read as a hook that gives no answer.
    NO_LIMIT = "no_limit"


NO_LIMIT: Final = NoLimit.NO_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which city a plugin speaks for: six-digit area code and Chinese name."""

    area_code: str
    name: str


# --- who may be bound -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentTerms:
    """In which scheme and status a person must be enrolled (参保要求).

    `or_enrolling` also admits one who is just enrolling. `clauses` say who; the whole
    rule if they are left out.
    """

    schemes: frozenset[Scheme]
    statuses: frozenset[EnrolmentStatus] = frozenset({EnrolmentStatus.NORMAL})
    or_enrolling: bool = False
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class NotOffered:
    """Nobody is bound for a purpose, under this clause: a rule like any other."""

    clause: Clause


def offered(
    terms: Mapping[Purpose, EnrolmentTerms | NotOffered],
) -> dict[Purpose, EnrolmentTerms]:
    """Return the terms of the purposes that are offered."""
    return {
        purpose: of_purpose
        for purpose, of_purpose in terms.items()
        if isinstance(of_purpose, EnrolmentTerms)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSet:
    """Relations that may be bound, by GB/T 4761 code, under the policy's name."""

    name: str
    codes: frozenset[str]


def _codes(*spans: int | tuple[int, int]) -> frozenset[str]:
    ranges = [(s, s) if isinstance(s, int) else s for s in spans]
    return frozenset(
        str(code) for first, last in ranges for code in range(first, last + 1)
    )


DIRECT: Final = RelationSet(
    name="直系亲属（配偶、父母、子女）",
    # Without 28 女婿 and 38 儿媳, who are relatives by marriage.
    codes=_codes((10, 12), (20, 27), 29, (30, 37), 39, (50, 52), 57, 58),
)
"""Spouse, parents, children (C26, C67); in-laws are not among them."""

CLOSE: Final = RelationSet(
    name="近亲属（配偶、父母、子女、兄弟姐妹、祖父母、外祖父母、孙子女、外孙子女）",
    codes=DIRECT.codes | _codes((40, 44), 49, (60, 64), 70, 71, 73, 75, 77, 79),
)
"""Close relatives as S9 lists them (A9); in-laws are not among them."""


class Scope(Enum):
    """How far apart holder and member may be insured (共济范围)."""

    POOLING_AREA = "pooling_area"
    PROVINCE = "province"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLimit:
    """Most people in one family account (家庭账户人数上限), with or without the holder."""

    people: int
    counting_holder: bool

    @property
    def members(self) -> int:
        """The number of members that fit beside the holder."""
        return self.people - 1 if self.counting_holder else self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class GiverLimit:
    """Most holders who may give to one member."""

    givers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarriageClauses:
    """Which clause gives which part of `MarriageTerms`; the whole rule gives those left out."""

    spouses: tuple[Clause, ...] = ()
    age: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarriageTerms:
    """What a stated marriage (配偶) must agree with.

    spouses        most spouses a person has at a time, in bindings and the registry
    husband_years  youngest age of a husband whose marriage is not on record
    wife_years     youngest age of such a wife; 0 if not asked
    clauses        which clause gives which of these
    """

    spouses: int | NoLimit
    husband_years: int = 0
    wife_years: int = 0
    clauses: MarriageClauses = MarriageClauses()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentClauses:
    """Which clause gives which part of `ConsentTerms`; the whole rule gives those left out."""

    guardian: tuple[Clause, ...] = ()
    member_checked_by: tuple[Clause, ...] = ()


class LapsedPlaces(Enum):
    """Whether a suspended binding keeps its place in the family (暂停期间的名额)."""

    KEPT = "kept"
    FREED = "freed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """Whether the member's own consent (知情同意) is needed, or what stands for it.

    For a member younger than `guardian_below_years` a guardian (监护人) consents, and for
    no other; 0 if the city does not say. `member_checked_by` are the identity checks of
    which every member does one (实名认证), none if the city asks for none.
    """

    required: bool
    in_place_of_it: str = ""
    guardian_below_years: int = 0
    member_checked_by: frozenset[IdentityCheck] = frozenset()
    clauses: ConsentClauses = ConsentClauses()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementTerms:
    """The agreement or notice the holder accepts (协议).

    Id and version are kept as evidence; title and act are for the guide.
    """

    agreement_id: str
    version: str
    title: str
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbinding:
    """How a binding is ended (解绑).

    New use always stops at once; refunds still find their purse. `again_clauses` say
    that a pair is bound again only after it is unbound; the whole rule if left out.
    """

    procedure: Procedure
    again_clauses: tuple[Clause, ...] = ()
