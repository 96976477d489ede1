"""The types rules speak in: what a hook's value may be. Plain frozen data, words of the field, no behaviour.

Numbers are fen, basis points (ratio_bp, 10000 = 100 %), days and people; mappings are keyed by channel, level or
scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import Enum
from typing import Final

from gongji.clauses import Clause
from gongji.model import EnrolmentStatus, Purpose, Scheme, Spending, Standing, VisitKind
from gongji.money import Rounding

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
    """Whether the member's own consent (知情同意) is needed, or what stands for it."""

    required: bool
    in_place_of_it: str = ""


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
    """How a binding is ended (解绑): the steps, and whether use stops at once."""

    procedure: Procedure
    at_once: bool = True


# --- what purses may pay ----------------------------------------------------------------------------------------


class Use(Enum):
    """What a shared purse may pay (使用范围)."""

    OUTPATIENT = "outpatient"
    PHARMACY = "pharmacy"
    RESIDENT_PREMIUM = "resident_premium"


class BillPart(Enum):
    """The parts of a bill in the national decomposition, less what the fund pays of the first."""

    IN_SCOPE = "in_scope"
    FIRST_SELFPAY = "first_selfpay"
    ABOVE_LIMIT = "above_limit"
    OUT_OF_CATALOGUE = "out_of_catalogue"


ALL_PARTS: Final = frozenset(BillPart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What purses may pay: where a giver's may be used, which parts of the bill each may pay, and what none may."""

    aid_at: frozenset[Use]
    aid_pays: frozenset[BillPart]
    own_pays: frozenset[BillPart] = ALL_PARTS
    never: frozenset[Spending]


class PurseKind(Enum):
    """Whose purse is asked."""

    OWN = "own"
    GIVERS = "givers"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseOrder:
    """In which order purses are asked (扣款顺序); givers among themselves in the order their bindings became active."""

    order: tuple[PurseKind, ...]


# --- what the fund pays -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoFund:
    """The fund pays nothing, under this clause: a rule like any other."""

    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class BonusPoints:
    """Retired people's ratio as points above the active one (倾斜), in basis points."""

    above_active_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableClauses:
    """Which clause gives which figure of a table, so that a bill cites only those that decided it."""

    always: tuple[Clause, ...]
    ratio: Mapping[int, tuple[Clause, ...]]
    retired: tuple[Clause, ...] = ()
    unranked: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A reimbursement table (门诊共济待遇) of one scheme; levels are 1, 2, 3.

    deductible_fen          起付标准 per level, within a natural year, topped up when a higher level follows a lower
    deductible_year_max_fen most deductible a person bears in a natural year, all levels together
    ratio_bp                支付比例 of active people per level, at most 10000
    retired                 of retired people: points above the active ratio, or a ratio per level
    cap_fen                 年度支付限额 of the fund per standing
    visit_cap_fen           most the fund pays for one visit, per level
    unranked_as             level used for unranked institutions
    pharmacy                level used for pharmacies, or NoFund
    covers                  kinds of visit the table is for
    rounding                how the fund's share is brought to whole fen, once a visit
    clauses                 which clause gives which figure; where left out, a bill cites the whole rule
    """

    deductible_fen: Mapping[int, int]
    deductible_year_max_fen: int | NoLimit = NO_LIMIT
    ratio_bp: Mapping[int, int]
    retired: BonusPoints | Mapping[int, int]
    cap_fen: Mapping[Standing, int | NoLimit]
    visit_cap_fen: Mapping[int, int | NoLimit]
    unranked_as: int = 1
    pharmacy: int | NoFund
    covers: frozenset[VisitKind]
    rounding: Rounding = Rounding.HALF_UP
    clauses: TableClauses | None = None

    def cited(self, standing: Standing, level: int, *, ranked: bool) -> tuple[Clause, ...]:
        """The clauses that decide a bill of that standing and level; empty where the table does not tell them apart."""
        if self.clauses is None:
            return ()
        retired = self.clauses.retired if standing is Standing.RETIRED else ()
        return self.clauses.always + self.clauses.ratio[level] + retired + (() if ranked else self.clauses.unranked)

    def ratio_of(self, standing: Standing, level: int) -> int:
        """The ratio in basis points for a standing and level."""
        if standing is Standing.ACTIVE:
            return self.ratio_bp[level]
        if isinstance(self.retired, BonusPoints):
            return self.ratio_bp[level] + self.retired.above_active_bp
        return self.retired[level]


class Situation(Enum):
    """Situations in which the fund pays nothing of a bill (不予支付)."""

    PAUSED = "paused"
    INPATIENT_THAT_DAY = "inpatient_that_day"
    RESIDUE = "residue"
    OUTSIDE_POLICY = "outside_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One situation and the clause that excludes it."""

    situation: Situation
    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfArea:
    """Care in another pooling area (异地就医): whether direct settlement needs a filing first, and how it goes."""

    filing_before_direct_settlement: bool
    procedure: Procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """The medical insurance wallet (医保钱包): how it is opened, and that opening it binds nobody."""

    procedure: Procedure
    binds: bool = False


class OperatorSets(Enum):
    """A figure no document gives: the operator sets it with a first day; until then asking for it is an error."""

    OPERATOR_SETS = "operator_sets"


OPERATOR_SETS: Final = OperatorSets.OPERATOR_SETS


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTerms:
    """What is credited each month (个人账户划入): a share of the base for active people, a fixed amount for retired."""

    active_ratio_bp: int
    retired_fen: int | OperatorSets
    employer_part_credited: bool = False


class Reversal(Enum):
    """Which settlements may be reversed (撤销)."""

    ANY = "any"
    LAST_FIRST = "last_first"


# --- what people read -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence of the guide that no decision asks for, under its heading."""

    heading: str
    clause: Clause


PURPOSE_USE: Final = {Purpose.VISIT: Use.OUTPATIENT, Purpose.RESIDENT_PREMIUM: Use.RESIDENT_PREMIUM}
"""The use a binding's purpose stands for."""
