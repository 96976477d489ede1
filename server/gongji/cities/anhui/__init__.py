"""The province's (安徽) own answers to the hooks; they stand if a city has none.

What the documents say of one city only and the province borrows is marked 推定 (T…).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gongji.cities.anhui.channels import (
    agreement,
    application_expiry,
    channels,
    consent,
    deadlines,
    fields_asked,
    identity_checks,
    materials,
    review_latency,
    unbinding,
)
from gongji.cities.anhui.elsewhere import out_of_area
from gongji.cities.anhui.evidence import visit_evidence
from gongji.cities.anhui.fund import exclusions, reimbursement
from gongji.cities.anhui.people import (
    family_limit,
    giver_limit,
    holder_terms,
    lapsed_places,
    marriage,
    member_terms,
    relations,
    scope,
)
from gongji.cities.anhui.purses import (
    account_crediting,
    credit_day,
    premiums,
    purse_order,
    reversal,
    uses,
)
from gongji.cities.anhui.reading import candidates, enquiries, notes, wallet
from gongji.cities.anhui.transfers import wallet_terms

# In the order the core asks (`rules/hookspecs.py`).
__all__ = [  # noqa: RUF022 - the order of the questions
    "holder_terms",
    "member_terms",
    "relations",
    "marriage",
    "scope",
    "family_limit",
    "giver_limit",
    "lapsed_places",
    "channels",
    "identity_checks",
    "fields_asked",
    "materials",
    "agreement",
    "consent",
    "review_latency",
    "deadlines",
    "application_expiry",
    "unbinding",
    "reimbursement",
    "exclusions",
    "out_of_area",
    "visit_evidence",
    "uses",
    "purse_order",
    "reversal",
    "account_crediting",
    "credit_day",
    "premiums",
    "wallet_terms",
    "wallet",
    "enquiries",
    "notes",
    "candidates",
]

if TYPE_CHECKING:
    from gongji.rules.binding import Identity

    def identity() -> Identity:
        """Every city answers this itself; declared so that mypy holds this module
        against the whole contract."""

    __all__ += ["identity"]
