"""gongji: a city author's whole vocabulary — the hook marker and the types rules speak in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gongji.rules.benefits import (
        ALL_PARTS,
        OPERATOR_SETS,
        BillPart,
        BonusPoints,
        CreditClauses,
        CreditDay,
        CreditTerms,
        Effects,
        Exclusion,
        NoFund,
        NotSettled,
        Oddity,
        OperatorSets,
        PremiumClauses,
        PremiumTerms,
        PurseKind,
        PurseOrder,
        Reversal,
        Situation,
        Table,
        TableClauses,
        Use,
        Uses,
        UsesClauses,
    )
    from gongji.rules.binding import (
        CLOSE,
        DIRECT,
        NO_LIMIT,
        AgreementTerms,
        ConsentClauses,
        ConsentTerms,
        EnrolmentTerms,
        FamilyLimit,
        GiverLimit,
        Identity,
        LapsedPlaces,
        MarriageClauses,
        MarriageTerms,
        NoLimit,
        NotOffered,
        RelationSet,
        Scope,
        Unbinding,
    )
    from gongji.rules.channels import (
        ALWAYS,
        Across,
        AlwaysOpen,
        Asked,
        AtOnce,
        Channel,
        ChannelClauses,
        ChannelId,
        ChannelKind,
        CounterHours,
        DeadlineClauses,
        Deadlines,
        IdentityCheck,
        MaterialKind,
        MaterialNeed,
        MemberField,
        Note,
        Procedure,
        ReviewLatency,
        Step,
    )
    from gongji.rules.clauses import (
        Candidate,
        Clause,
        Contradiction,
        Grade,
        Ruled,
        Timeline,
        ruled,
    )
    from gongji.rules.codes import (
        EnrolmentStatus,
        EvidenceType,
        FilingKind,
        MarkKind,
        Purpose,
        ResidueOf,
        Scheme,
        Spending,
        Standing,
        VisitKind,
    )
    from gongji.rules.elsewhere import (
        ClaimPaper,
        ClaimTerms,
        FilingTerms,
        FundElsewhere,
        OutOfArea,
    )
    from gongji.rules.evidence import EvidenceAccepted, EvidenceTerms
    from gongji.rules.hookspecs import CityRules, hookimpl
    from gongji.rules.money import Rounding
    from gongji.rules.wallet import Wallet, WalletClauses, WalletTerms

__version__ = "0.1.0"

__all__ = [
    "ALL_PARTS",
    "ALWAYS",
    "CLOSE",
    "DIRECT",
    "NO_LIMIT",
    "OPERATOR_SETS",
    "Across",
    "AgreementTerms",
    "AlwaysOpen",
    "Asked",
    "AtOnce",
    "BillPart",
    "BonusPoints",
    "Candidate",
    "Channel",
    "ChannelClauses",
    "ChannelId",
    "ChannelKind",
    "CityRules",
    "ClaimPaper",
    "ClaimTerms",
    "Clause",
    "ConsentClauses",
    "ConsentTerms",
    "Contradiction",
    "CounterHours",
    "CreditClauses",
    "CreditDay",
    "CreditTerms",
    "DeadlineClauses",
    "Deadlines",
    "Effects",
    "EnrolmentStatus",
    "EnrolmentTerms",
    "EvidenceAccepted",
    "EvidenceTerms",
    "EvidenceType",
    "Exclusion",
    "FamilyLimit",
    "FilingKind",
    "FilingTerms",
    "FundElsewhere",
    "GiverLimit",
    "Grade",
    "Identity",
    "IdentityCheck",
    "LapsedPlaces",
    "MarkKind",
    "MarriageClauses",
    "MarriageTerms",
    "MaterialKind",
    "MaterialNeed",
    "MemberField",
    "NoFund",
    "NoLimit",
    "NotOffered",
    "NotSettled",
    "Note",
    "Oddity",
    "OperatorSets",
    "OutOfArea",
    "PremiumClauses",
    "PremiumTerms",
    "Procedure",
    "Purpose",
    "PurseKind",
    "PurseOrder",
    "RelationSet",
    "ResidueOf",
    "Reversal",
    "ReviewLatency",
    "Rounding",
    "Ruled",
    "Scheme",
    "Scope",
    "Situation",
    "Spending",
    "Standing",
    "Step",
    "Table",
    "TableClauses",
    "Timeline",
    "Unbinding",
    "Use",
    "Uses",
    "UsesClauses",
    "VisitKind",
    "Wallet",
    "WalletClauses",
    "WalletTerms",
    "hookimpl",
    "ruled",
]

_MODULES = (
    "benefits",
    "binding",
    "channels",
    "clauses",
    "codes",
    "elsewhere",
    "evidence",
    "hookspecs",
    "money",
    "wallet",
)
"""Of `gongji.rules`, where these names stand."""


def __getattr__(name: str) -> object:
    """Return a name of `__all__`. AttributeError.

    Imported when it is asked for: the gateway, and most commands, ask for none.
    """
    if name in __all__:
        for module in _MODULES:
            names = vars(import_module(f"gongji.rules.{module}"))
            if name in names:
                globals()[name] = names[name]
                return names[name]
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
