"""The types of rules about people, bindings and channels: plain frozen data in words of the field, no behaviour.

Numbers are days, years and people; mappings are keyed by channel or purpose. Rules about money are in `benefits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import Enum
from typing import Final

from gongji.clauses import Clause
from gongji.codes import EnrolmentStatus, Scheme

ChannelId = str


class NoLimit(Enum):
    """The value that says there is no limit (不设限); never None."""

    NO_LIMIT = "no_limit"


NO_LIMIT: Final = NoLimit.NO_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which city a plugin speaks for: six-digit area code and Chinese name."""

    area_code: str
    name: str


# --- who may be bound -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentTerms:
    """In which scheme and status a person must be enrolled; `or_enrolling` also admits one who is just enrolling."""

    schemes: frozenset[Scheme]
    statuses: frozenset[EnrolmentStatus] = frozenset({EnrolmentStatus.NORMAL})
    or_enrolling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSet:
    """Relations that may be bound, by GB/T 4761 code, under the name the policy gives them."""

    name: str
    codes: frozenset[str]


def _codes(*spans: int | tuple[int, int]) -> frozenset[str]:
    ranges = [(s, s) if isinstance(s, int) else s for s in spans]
    return frozenset(str(code) for first, last in ranges for code in range(first, last + 1))


DIRECT: Final = RelationSet(
    name="直系亲属(配偶、父母、子女)", codes=_codes((10, 12), (20, 27), 29, (30, 37), 39, (50, 52), 57, 58)
)
"""Spouse, parents, children (C26, C67); in-laws are not among them."""

CLOSE: Final = RelationSet(
    name="近亲属(配偶、父母、子女、兄弟姐妹、祖父母、外祖父母、孙子女、外孙子女)",
    codes=DIRECT.codes | _codes((40, 44), 49, (60, 64), 70, 71, 73, 75, 77, 79),
)
"""Close relatives as S9 lists them (A9); in-laws are not among them."""


class Scope(Enum):
    """How far apart holder and member may be insured (共济范围)."""

    POOLING_AREA = "pooling_area"
    PROVINCE = "province"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyLimit:
    """Most people in one family account (家庭账户人数上限), the holder among them or not."""

    people: int
    counting_holder: bool

    @property
    def members(self) -> int:
        """How many members fit beside the holder."""
        return self.people - 1 if self.counting_holder else self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class GiverLimit:
    """Most holders who may give to one member."""

    givers: int


# --- through which channel --------------------------------------------------------------------------------------


class ChannelKind(Enum):
    """What a channel is."""

    APP = "app"
    MINI_PROGRAM = "mini_program"
    WECHAT = "wechat"
    WEB = "web"
    COUNTER = "counter"
    BANK = "bank"


class AlwaysOpen(Enum):
    """Hours of a channel that never closes."""

    ALWAYS = "always"


ALWAYS: Final = AlwaysOpen.ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterHours:
    """Open from `opens` up to, not including, `closes` on working days (工作日)."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a channel (操作步骤): what to do, what to mind, the sentence it comes from."""

    text: str
    caution: str = ""
    clauses: tuple[Clause, ...] = ()


class Across(Enum):
    """Whether a channel takes pairs of one pooling area, of different ones, or both."""

    BOTH = "both"
    ONLY_ACROSS_AREAS = "only_across_areas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to apply (办理渠道): display name, kind, hours, steps; `ease` and `audience` as the guide compares them.

    `clauses` are those that name the channel or describe it, beside those its steps carry.
    """

    name: str
    kind: ChannelKind
    hours: CounterHours | AlwaysOpen = ALWAYS
    entry: str = ""
    steps: tuple[Step, ...] = ()
    ease: str = ""
    audience: str = ""
    across: Across = Across.BOTH
    clauses: tuple[Clause, ...] = ()


class IdentityCheck(Enum):
    """How a channel makes sure who the holder is (身份核验)."""

    REAL_NAME = "real_name"
    E_VOUCHER = "e_voucher"
    FACE = "face"
    ID_CARD_SEEN = "id_card_seen"


class MemberField(Enum):
    """What a channel asks about the member."""

    NAME = "name"
    CERTIFICATE_NUMBER = "certificate_number"
    PHONE = "phone"
    INSURED_PLACE = "insured_place"


class MaterialKind(Enum):
    """Kinds of proof (材料)."""

    HOLDER_ID_CARD = "holder_id_card"
    HOLDER_SOCIAL_SECURITY_CARD = "holder_social_security_card"
    MEMBER_IDENTITY = "member_identity"
    MARRIAGE_CERTIFICATE = "marriage_certificate"
    HOUSEHOLD_REGISTER = "household_register"
    BIRTH_CERTIFICATE = "birth_certificate"
    OTHER_RELATIONSHIP_PROOF = "other_relationship_proof"


class Asked(Enum):
    """When a material is asked for."""

    ALWAYS = "always"
    RELATION_NOT_ON_RECORD = "relation_not_on_record"
    """Only where the registry does not show the relation, so that a person has to judge it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialNeed:
    """One proof a channel asks for: any one of these kinds, as original or as copy."""

    name: str
    one_of: tuple[MaterialKind, ...]
    original: bool = False
    asked: Asked = Asked.ALWAYS
    clauses: tuple[Clause, ...] = ()


class AtOnce(Enum):
    """When an application becomes active without a reviewer."""

    ALWAYS = "always"
    IF_CHECKS_PASS = "if_checks_pass"  # noqa: S105 - a condition, no password
    """Where the registry shows the relation, so that automatic checks can decide everything."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLatency:
    """How long a request waits (审核时限): at once, or due on the `working_days`-th working day; 0 with ALWAYS.

    `earliest_working_days` is the other end of a span the guide prints ("1–3 个工作日").
    """

    at_once: AtOnce
    working_days: int = 0
    earliest_working_days: int = 0
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """Whether the member's own consent (知情同意) is needed, or what stands for it.

    For a member younger than `guardian_below_years` a guardian (监护人) consents; 0 where the city does not say.
    """

    required: bool
    in_place_of_it: str = ""
    guardian_below_years: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementTerms:
    """The agreement or notice the holder accepts: id and version as evidence has them, title and act for the guide."""

    agreement_id: str
    version: str
    title: str
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something people do step by step, outside or after an application (解绑, 查询, 异地就医 …)."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbinding:
    """How a binding is ended (解绑): the steps. New use always stops at once; refunds still find their purse."""

    procedure: Procedure


# --- what people read -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence of the guide that no decision asks for, under its heading."""

    heading: str
    clause: Clause
