"""Since when the province's rules hold, and how its values are written."""

from __future__ import annotations

from functools import partial

from gongji.rules.channels import Step
from gongji.rules.clauses import Clause, ruled

SINCE = "2022-07-01"
"""First day of the family aid mechanism and of the outpatient benefits (C53, A6)."""

provincial = partial(ruled, since=SINCE)


def step(text: str, *clauses: Clause, caution: str = "") -> Step:
    """Return a step of a procedure with its clauses and what to mind."""
    return Step(text=text, caution=caution, clauses=clauses)
