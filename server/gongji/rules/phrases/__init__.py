"""Rule values as Chinese phrases for people, one for each type a hook may answer with."""

from __future__ import annotations

# Importing these registers the phrases of their types.
from gongji.rules.phrases.base import NOTHING, in_words, topic
from gongji.rules.phrases.benefits import (
    exclusion_in_words,
    level_in_words,
    money_in_words,
    monthly_in_words,
    premium_years_in_words,
    refund_in_words,
)
from gongji.rules.phrases.binding import act_in_words, relations_left_out
from gongji.rules.phrases.channels import days_in_words, pairs_taken
from gongji.rules.phrases.elsewhere import (
    exempt_in_words,
    kind_in_words,
    unfiled_in_words,
)
from gongji.rules.phrases.evidence import shown_in_words
from gongji.rules.phrases.shapes import (
    case_named,
    change_in_words,
    row_in_words,
    when_in_words,
)
from gongji.rules.phrases.wallet import (
    hours_in_words,
    paying_in_words,
    returning_in_words,
)

__all__ = [
    "NOTHING",
    "act_in_words",
    "case_named",
    "change_in_words",
    "days_in_words",
    "exclusion_in_words",
    "exempt_in_words",
    "hours_in_words",
    "in_words",
    "kind_in_words",
    "level_in_words",
    "money_in_words",
    "monthly_in_words",
    "pairs_taken",
    "paying_in_words",
    "premium_years_in_words",
    "refund_in_words",
    "relations_left_out",
    "returning_in_words",
    "row_in_words",
    "shown_in_words",
    "topic",
    "unfiled_in_words",
    "when_in_words",
]
