"""The questions the core asks a city (hooks 钩子), in the order it asks them.

A hook takes nothing and returns a whole timeline, a tuple of `Ruled` values; the core
picks by day. `None` means "as the province". All answers are read and checked once,
when the plugin is loaded; no hook is called while serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pluggy

from gongji.rules.benefits import (
    CreditDay,
    CreditTerms,
    Exclusion,
    NoFund,
    NotSettled,
    PremiumTerms,
    PurseOrder,
    Reversal,
    Table,
    Uses,
)
from gongji.rules.binding import (
    AgreementTerms,
    ConsentTerms,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    Identity,
    LapsedPlaces,
    MarriageTerms,
    NoLimit,
    NotOffered,
    RelationSet,
    Scope,
    Unbinding,
)
from gongji.rules.channels import (
    Channel,
    ChannelId,
    Deadlines,
    IdentityCheck,
    MaterialNeed,
    MemberField,
    Note,
    Procedure,
    ReviewLatency,
)
from gongji.rules.clauses import Candidate, Timeline
from gongji.rules.codes import Purpose, Scheme
from gongji.rules.elsewhere import OutOfArea
from gongji.rules.evidence import EvidenceTerms
from gongji.rules.shapes import Benefit
from gongji.rules.wallet import Wallet, WalletTerms

PROJECT = "gongji"

hookspec = pluggy.HookspecMarker(PROJECT)

hookimpl = pluggy.HookimplMarker(PROJECT)


class CityRules(Protocol):
    """The contract of a city.

    A city's answer lies over the province's by day, so both are collected.
    """

    # --- who speaks -------------------------------------------------------------------

    @hookspec
    def identity(self) -> Identity:
        """Which city the plugin speaks for (医保区划); every city answers this itself."""

    # --- binding: who, with whom ------------------------------------------------------

    @hookspec
    def holder_terms(self) -> Timeline[EnrolmentTerms] | None:
        """Who may let others use his account (授权人条件)."""

    @hookspec
    def member_terms(
        self,
    ) -> Timeline[Mapping[Purpose, EnrolmentTerms | NotOffered]] | None:
        """Who may be bound for each purpose (使用人参保要求)."""

    @hookspec
    def relations(self) -> Timeline[RelationSet] | None:
        """Which relations may be bound (亲属范围)."""

    @hookspec
    def marriage(self) -> Timeline[MarriageTerms] | None:
        """What a stated marriage must agree with (配偶关系的核对)."""

    @hookspec
    def scope(self) -> Timeline[Scope] | None:
        """How far apart holder and member may be insured (统筹区范围)."""

    @hookspec
    def family_limit(self) -> Timeline[FamilyLimit | NoLimit] | None:
        """How many people one family account may bind (家庭账户人数上限)."""

    @hookspec
    def giver_limit(self) -> Timeline[GiverLimit | NoLimit] | None:
        """How many holders one member may be bound by (一人可由几人共济)."""

    @hookspec
    def lapsed_places(self) -> Timeline[LapsedPlaces] | None:
        """Whether a suspended binding keeps its place (暂停期间是否占用名额)."""

    # --- binding: through which channel, with what ------------------------------------

    @hookspec
    def channels(self) -> Timeline[Mapping[ChannelId, Channel]] | None:
        """Through which channels people may apply (办理渠道)."""

    @hookspec
    def identity_checks(
        self,
    ) -> Timeline[Mapping[ChannelId, frozenset[IdentityCheck]]] | None:
        """Which identity checks each channel does first (身份核验)."""

    @hookspec
    def fields_asked(
        self,
    ) -> Timeline[Mapping[ChannelId, frozenset[MemberField]]] | None:
        """What each channel asks about the member (填报信息)."""

    @hookspec
    def materials(
        self,
    ) -> Timeline[Mapping[ChannelId, tuple[MaterialNeed, ...]]] | None:
        """Which proofs each channel asks for, original or copy (办理材料)."""

    @hookspec
    def agreement(self) -> Timeline[AgreementTerms] | None:
        """Which agreement the holder accepts (协议或告知书)."""

    @hookspec
    def consent(self) -> Timeline[ConsentTerms] | None:
        """Whether the member's own consent is needed (使用人知情同意)."""

    @hookspec
    def review_latency(self) -> Timeline[Mapping[ChannelId, ReviewLatency]] | None:
        """How long a request through each channel waits for review (审核时限)."""

    @hookspec
    def deadlines(self) -> Timeline[Deadlines] | None:
        """How deadlines in working days are reckoned (期限的计算)."""

    @hookspec
    def application_expiry(self) -> Timeline[int] | None:
        """After how many days an unanswered application expires (申请失效天数)."""

    @hookspec
    def unbinding(self) -> Timeline[Unbinding] | None:
        """How a binding is ended (解绑)."""

    # --- settlement: the fund ---------------------------------------------------------

    @hookspec
    def reimbursement(
        self,
    ) -> Timeline[Mapping[Scheme, Table | Benefit | NoFund | NotSettled]] | None:
        """What the fund pays of an outpatient bill, by scheme
        (门诊待遇: 起付标准、支付比例、支付限额).
        """

    @hookspec
    def exclusions(self) -> Timeline[tuple[Exclusion, ...]] | None:
        """In which situations the fund pays nothing (不予支付情形), the first that
        applies named.
        """

    @hookspec
    def out_of_area(self) -> Timeline[OutOfArea] | None:
        """How care in another pooling area is settled (异地就医)."""

    @hookspec
    def visit_evidence(self) -> Timeline[EvidenceTerms] | None:
        """What is accepted at the counter as evidence of who stood there (就诊凭证)."""

    # --- settlement: the purses -------------------------------------------------------

    @hookspec
    def uses(self) -> Timeline[Uses] | None:
        """What purses may pay (个人账户使用范围)."""

    @hookspec
    def purse_order(self) -> Timeline[PurseOrder] | None:
        """In which order purses are asked (扣款顺序)."""

    @hookspec
    def reversal(self) -> Timeline[Reversal] | None:
        """Which settlements may be reversed (结算撤销)."""

    @hookspec
    def account_crediting(self) -> Timeline[CreditTerms] | None:
        """What is credited to a personal account each month (个人账户计入办法)."""

    @hookspec
    def credit_day(self) -> Timeline[CreditDay] | None:
        """Which day of a month decides its credit (划入以当月哪一日为准)."""

    @hookspec
    def premiums(self) -> Timeline[PremiumTerms] | None:
        """Which premiums of relatives may be paid, and until when refunded (代缴与退费)."""

    @hookspec
    def wallet_terms(self) -> Timeline[WalletTerms] | None:
        """How money is transferred to a relative's wallet (医保钱包转账)."""

    # --- what people read -------------------------------------------------------------

    @hookspec
    def wallet(self) -> Timeline[Wallet] | None:
        """How the medical insurance wallet is opened, and that it binds nobody (医保钱包)."""

    @hookspec
    def enquiries(self) -> Timeline[tuple[Procedure, ...]] | None:
        """How people look up what was spent (查询)."""

    @hookspec
    def notes(self) -> Timeline[tuple[Note, ...]] | None:
        """Sentences of the guide that no decision asks for (说明)."""

    # --- what nothing selects yet -----------------------------------------------------

    @hookspec
    def candidates(self) -> tuple[Candidate, ...] | None:
        """Revisions that are known but decide nothing until the operator adopts them (候选修订)."""


# vars() keeps the order of definition, which is the order of the questions.
DATED_HOOKS: tuple[str, ...] = tuple(
    name
    for name in vars(CityRules)
    if not name.startswith("_") and name not in {"identity", "candidates"}
)
"""The hooks that answer with a timeline, in the order the core asks."""


def question(hook: str) -> str:
    """Return the sentence a hook stands for: the first paragraph of its docstring."""
    # A docstring may wrap; people read one line.
    paragraph, _, _ = (getattr(CityRules, hook).__doc__ or "").strip().partition("\n\n")
    return " ".join(paragraph.split())
