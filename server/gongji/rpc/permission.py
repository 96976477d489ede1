"""What one call may do: its caller's right to the method, and what is still to be shown."""

from __future__ import annotations

from typing import Final, Self

from gongji.access.callers import Caller, anybody
from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.access.policy import AccessPolicy
from gongji.access.rights import AccessScope, Right, right_of
from gongji.model.refusals import NotPermitted


class Permit:
    """The permission of one call.

    Each scope of its right is shown to hold once, by the service, before anything is
    looked up that the caller might not know.
    """

    def __init__(self, caller: Caller, identity: CallerIdentity, right: Right) -> None:
        self.caller = caller
        self.identity = identity
        self.pending: set[AccessScope] = set(right)

    @classmethod
    def of(
        cls,
        policy: AccessPolicy,
        identity: CallerIdentity,
        method: str,
        *,
        sandbox: bool,
    ) -> Self:
        """Return the permit of a call. CallerUnknown; NotPermitted."""
        caller = policy.caller(identity.caller)
        right = right_of(method, caller.kind, sandbox=sandbox)
        if right is None:
            raise NotPermitted(f"{caller.kind} 类调用方不得调用 {method}")
        return cls(caller, identity, right)


NO_PERMIT: Final = Permit(anybody(ANYBODY.caller), ANYBODY, frozenset())
"""Of a call refused before anybody asked what it may do."""
