"""Phrases of what is shown at the counter (就诊凭证)."""

from __future__ import annotations

from collections.abc import Iterable

from gongji.rules.codes import EvidenceType
from gongji.rules.evidence import EvidenceAccepted, EvidenceTerms
from gongji.rules.phrases.base import phrase


def shown_in_words(types: Iterable[EvidenceType]) -> str:
    """Return what may be shown, any one of it: "社会保障卡或医保电子凭证"."""
    *others, last = [phrase(kind) for kind in types]
    return f"{'、'.join(others)}或{last}" if others else last


@phrase.register
def _(value: EvidenceAccepted) -> str:
    shown = shown_in_words(value.types)
    return f"{shown}，没有报送的不予结算" if value.required else shown


@phrase.register
def _(value: EvidenceTerms) -> str:
    return f"本地就医出示{phrase(value.at_home)}；异地就医出示{phrase(value.elsewhere)}"
