"""The types of rules about what is shown at the counter (就诊凭证): plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from gongji.rules.clauses import Clause
from gongji.rules.codes import EvidenceType


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAccepted:
    """What is accepted at visits of one kind.

    types     in the order in which people are told of them
    required  whether a bill without any is refused; else the institution alone looks
    clauses   that say so; the whole rule if they are left out
    """

    types: tuple[EvidenceType, ...]
    required: bool = False
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerms:
    """What is accepted as evidence of who stood there (就诊凭证), at home and elsewhere.

    `by_form` are the clauses that let pass what nobody can check but by its form.
    """

    at_home: EvidenceAccepted
    elsewhere: EvidenceAccepted
    by_form: tuple[Clause, ...] = ()

    def accepted(self, *, elsewhere: bool) -> EvidenceAccepted:
        """Return what is accepted at home, or in another pooling area."""
        return self.elsewhere if elsewhere else self.at_home
