"""Changes every figure of a city in turn: some case of the city must notice.

In-process by nature: like `city/local.py`, this package knows more of gongji than its
protos.
"""

from __future__ import annotations

from gongji_conformance.mutation.scoring import score, score_of
from gongji_conformance.mutation.subject import MutationFault, MutationSubject
from gongji_conformance.mutation.verdicts import (
    Equivalent,
    Killed,
    Score,
    Survivor,
)

__all__ = [
    "Equivalent",
    "Killed",
    "MutationFault",
    "MutationSubject",
    "Score",
    "Survivor",
    "score",
    "score_of",
]
