"""The policy (访问策略): which callers there are, read from one file."""

from __future__ import annotations

from typing import Protocol

from gongji.access.callers import Caller, anybody


class AccessPolicy(Protocol):
    """Whom the service knows."""

    def caller(self, name: str) -> Caller:
        """Return the caller of that name. CallerUnknown."""


class AnybodyPolicy:
    """A sandbox's policy if it is given none: whoever calls may do everything."""

    def caller(self, name: str) -> Caller:
        """Return a tester of that name."""
        return anybody(name)
