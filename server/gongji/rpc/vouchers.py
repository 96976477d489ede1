"""A sandbox's issuer of e-voucher tokens (医保电子凭证令牌): one institution, minute, use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Final, NamedTuple

from gongji.model.evidence import SpentToken, TokenAnswer, TokenFault

OWN: Final = "GJSB"
"""What the sandbox's own tokens begin with: of others it says nothing."""

VALID_FOR: Final = timedelta(minutes=1)

MOST: Final = 10_000
"""Tokens remembered: of those issued before, the issuer says that it never did."""


class _Issued(NamedTuple):
    person_no: str
    institution_code: str
    at: datetime


class SandboxIssuer:
    """Issues tokens and verifies them; its memory is the process's own."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._issued: dict[str, _Issued] = {}

    def issue(self, person_no: str, institution_code: str) -> tuple[str, datetime]:
        """Return a new token, and when it has expired."""
        if len(self._issued) == MOST:
            # A dictionary keeps the order of issue.
            del self._issued[next(iter(self._issued))]
        token = OWN + token_urlsafe(24)
        at = self._clock()
        self._issued[token] = _Issued(person_no, institution_code, at)
        return token, at + VALID_FOR

    def forget(self) -> None:
        """Forget every token: a reset forgets which of them were spent."""
        self._issued.clear()

    async def verify(self, token: str, institution_code: str) -> TokenAnswer | None:
        """Return whose a token is, or its fault; None if it is none of this issuer."""
        if not token.startswith(OWN):
            return None
        issued = self._issued.get(token)
        if issued is None:
            return TokenAnswer(fault=TokenFault.UNKNOWN)
        if issued.institution_code != institution_code:
            return TokenAnswer(fault=TokenFault.FOREIGN)
        # A clock that was set back shows an instant at which nothing was issued yet.
        if not issued.at <= self._clock() < issued.at + VALID_FOR:
            return TokenAnswer(fault=TokenFault.EXPIRED)
        return TokenAnswer(issued.person_no, SpentToken.id_of(token))
