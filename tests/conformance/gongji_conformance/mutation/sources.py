"""The parts of a rule value that say where it comes from, and decide nothing."""

from __future__ import annotations

from typing import Final

from gongji import (
    ChannelClauses,
    Clause,
    ConsentClauses,
    CreditClauses,
    MarriageClauses,
    TableClauses,
    UsesClauses,
)

SOURCES: Final = (
    Clause,
    ChannelClauses,
    ConsentClauses,
    CreditClauses,
    MarriageClauses,
    TableClauses,
    UsesClauses,
)
