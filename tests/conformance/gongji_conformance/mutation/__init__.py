"""Mutation: every figure of a city is changed in turn, and some case of the city must notice.

In-process by nature: like `local.py`, this package knows gongji beyond its wire.
"""

from __future__ import annotations

from gongji_conformance.mutation.scoring import (
    Equivalent,
    Killed,
    MutationFault,
    Score,
    Subject,
    Survivor,
    score,
    score_of,
)

__all__ = ["Equivalent", "Killed", "MutationFault", "Score", "Subject", "Survivor", "score", "score_of"]
