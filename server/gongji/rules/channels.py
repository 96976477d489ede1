"""Channels (渠道): hours, identity checks, fields, materials and review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import Enum
from typing import Final

from gongji.rules.clauses import Clause
from gongji.rules.codes import MarkKind

ChannelId = str


# --- through which channel ------------------------------------------------------------


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
    """One step (操作步骤): what to do, what to mind, the clauses it comes from."""

    text: str
    caution: str = ""
    clauses: tuple[Clause, ...] = ()


class Across(Enum):
    """Whether a channel takes pairs of one pooling area, of different ones, or both."""

    BOTH = "both"
    ONLY_ACROSS_AREAS = "only_across_areas"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelClauses:
    """Which clause gives which row of the guide's comparison of channels (办理渠道对比)."""

    ease: tuple[Clause, ...] = ()
    materials: tuple[Clause, ...] = ()
    audience: tuple[Clause, ...] = ()
    hours: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to apply (办理渠道).

    name         display name
    kind         what it is; counters and banks are over the counter
    hours        when it takes applications
    entry        where in an app to begin, "" if the documents do not say
    steps        what to do, in order
    ease         操作便捷性, as a document compares channels
    audience     适用人群, as a document compares channels
    across       which pairs of holder and member it takes
    also_for     marks of either with which it takes any pair, whatever `across` says
    clauses      what names or describes it, beside the clauses of its steps
    short_name   its name in a document's comparison; channels of one short name are
                 compared together
    row_clauses  which clause gives which row of the guide's comparison
    """

    name: str
    kind: ChannelKind
    hours: CounterHours | AlwaysOpen = ALWAYS
    entry: str = ""
    steps: tuple[Step, ...] = ()
    ease: str = ""
    audience: str = ""
    across: Across = Across.BOTH
    also_for: frozenset[MarkKind] = frozenset()
    clauses: tuple[Clause, ...] = ()
    short_name: str = ""
    row_clauses: ChannelClauses = ChannelClauses()


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
    """Only if the registry does not show the relation: a person has to judge it."""


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
    # Anqing's 皖事通 promises both "即时生效" (A28) and "1-3个工作日" (A27): X1.
    IF_CHECKS_PASS = "if_checks_pass"  # noqa: S105 - a condition, no password
    """If the registry shows the relation: automatic checks can decide everything."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLatency:
    """How long a request waits (审核时限).

    It is due on the `working_days`-th working day, 0 if ALWAYS at once.
    `earliest_working_days` is the other end of a span the guide prints ("1–3 个工作日").
    """

    at_once: AtOnce
    working_days: int = 0
    earliest_working_days: int = 0
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineClauses:
    """Which clause gives which part of how deadlines are reckoned.

    `across` says how two cities review one application.
    """

    due_at: tuple[Clause, ...] = ()
    first_day: tuple[Clause, ...] = ()
    working_days: tuple[Clause, ...] = ()
    across: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How deadlines in working days are reckoned (期限的计算).

    due_at             the time of the last day at which they end
    first_day_counted  whether the day on which they begin is the first
    clauses            which clause gives which part; `working_days` says which days are
    """

    due_at: time
    first_day_counted: bool = False
    clauses: DeadlineClauses = DeadlineClauses()


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something people do step by step (解绑, 查询, 异地就医 …)."""

    title: str
    steps: tuple[Step, ...]


# --- what people read -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence of the guide that no decision asks for, under its heading.

    `when_refused` has it told with every application that is refused, too.
    """

    heading: str
    clause: Clause
    when_refused: bool = False
