"""What one call may do: its caller's right to the method, and what is still to be shown."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final, Self

from gongji.access.callers import ALL, Caller, Kind, anybody
from gongji.access.identity import ANYBODY, SUBJECT_KEY, CallerIdentity
from gongji.access.policy import AccessPolicy
from gongji.access.rights import AccessScope, Right, own_in, right_of
from gongji.model.guessing import GuessingLimits
from gongji.model.people import area_of_institution
from gongji.model.refusals import (
    Denied,
    Malformed,
    NotPermitted,
    Refusal,
    SubjectNotParty,
    SubjectRequired,
    Unauthenticated,
    Unavailable,
)
from gongji.model.subject import NO_SUBJECT, Subject
from gongji.rules.codes import pooling_area

_TELLS_NOTHING: Final = (Malformed, Denied, Unauthenticated, Unavailable)
"""Refusals that say nothing of what the service holds."""

_DENIALS: Final[Mapping[AccessScope, str]] = {
    AccessScope.INSTITUTION: "所问的机构不是本调用方的，或所问的并不存在",
    AccessScope.SUBJECT: "所代的人与所办的事无关，或所问的并不存在；请由本人或其监护人办理",
    AccessScope.CHANNEL: "所问的渠道不是本调用方的，或所问的并不存在",
    AccessScope.CITY: "所问的不在本调用方的城市，或所问的并不存在",
}
"""What a caller is told of what lies outside a scope, there or not.

In this order: whoever acts for a person is told of nothing else before that one is a
party to it.
"""


def _no_right(kind: Kind, method: str) -> str:
    """Return what a caller is told whose kind has no right to a method."""
    if kind is Kind.TESTER:
        return f"{kind} 类调用方不得调用 {method}：测试者只能调用沙盒（--sandbox）"
    return (
        f"{kind} 类调用方不得调用 {method}；可以做什么见 gongji policy explain，"
        "需要时请运营方在策略中另立调用方"
    )


_NO_AREA: Final = "000000"


class ScopePendingError(Exception):
    """A defect of ours: a call is answered of which a scope was never shown to hold."""


class Permit:
    """The permission of one call.

    Each scope of its right is shown to hold by the service before anything is answered;
    one in which all is the caller's holds by itself. Until then every refusal that might
    tell what the service holds is a denial.
    """

    def __init__(self, caller: Caller, identity: CallerIdentity, right: Right) -> None:
        self.caller = caller
        self.identity = identity
        self.scopes = frozenset([s for s in right if own_in(caller, s) is not ALL])
        """Those that bind the caller."""
        self.pending = set(self.scopes)
        self.subject = NO_SUBJECT
        self.place = ""
        """The city in which something was shown last, by its area code; "" before that."""
        self.guessing: GuessingLimits | None = None
        """How guesses about people are bounded; None if they are not."""

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
            raise NotPermitted(_no_right(caller.kind, method))
        permit = cls(caller, identity, right)
        # A tester's people are invented, and suites state wrong details on purpose.
        if caller.kind is not Kind.TESTER:
            permit.guessing = policy.guessing
        return permit

    def may(self, method: str) -> bool:
        """Return whether the caller's kind has a right to another method."""
        # A tester is let in on a sandbox only, where it may do everything.
        return right_of(method, self.caller.kind, sandbox=True) is not None

    @property
    def identified(self) -> Subject | None:
        """The person for whom the caller acts, None if it says nobody."""
        return self.subject if self.subject.person_no else None

    def require_subject(self) -> None:
        """Stop whoever must act for a person and names none. SubjectRequired."""
        if AccessScope.SUBJECT in self.scopes and not self.subject.person_no:
            raise SubjectRequired(
                f"须以元数据 {SUBJECT_KEY} 说明代谁办理、何时以何种方式核验",
                field=SUBJECT_KEY,
            )

    def channel(self, channel: str) -> None:
        """Show that the channel a request names is the caller's. NotPermitted."""
        # Of the request alone: told before it is known for whom the caller acts.
        if not self._owns(AccessScope.CHANNEL, (channel,)):
            raise _denial(AccessScope.CHANNEL)

    def stored_channel(self, channel: str) -> None:
        """Show that a record's channel is the caller's, if the request names none. Denied."""
        if AccessScope.CHANNEL in self.pending:
            self._show(AccessScope.CHANNEL, (channel,))

    def institution(self, code: str) -> None:
        """Show that an institution is the caller's; "" if there is none. Denied."""
        self._note_place(area_of_institution(code))
        self._show(AccessScope.INSTITUTION, (code,))

    def city(self, *area_codes: str) -> None:
        """Show that one of some places is in the caller's cities. Denied."""
        if area_codes:
            self._note_place(area_codes[0])
        self._show(AccessScope.CITY, map(pooling_area, area_codes))

    def party(self, *, holds: bool) -> None:
        """Show that the person for whom the caller acts has a part in it. Denied."""
        if not holds:
            raise _denial(self._first_pending() or AccessScope.SUBJECT)
        self.pending.discard(AccessScope.SUBJECT)

    def bound_by(self, scope: AccessScope) -> bool:
        """Return whether a scope binds the caller; if not, there is nothing to show."""
        return scope in self.scopes

    def owns_institution(self, code: str) -> bool:
        """Return whether an institution's bills may be shown beside what was asked for."""
        institution = AccessScope.INSTITUTION
        return institution not in self.scopes or code in own_in(
            self.caller, institution
        )

    def own_request(self) -> None:
        """Show that what is asked for is named by a request of the caller's own."""
        self.pending.clear()

    def narrowed(self) -> Container[str]:
        """Return the pooling areas to which whoever asks narrows what it answers."""
        self.pending.discard(AccessScope.CITY)
        return self.caller.cities if AccessScope.CITY in self.scopes else ALL

    def narrowed_institutions(self) -> Container[str]:
        """Return the institutions to which whoever asks narrows what it answers."""
        self.pending.discard(AccessScope.INSTITUTION)
        institution = AccessScope.INSTITUTION
        return own_in(self.caller, institution) if institution in self.scopes else ALL

    def require_shown(self) -> None:
        """Stop what would be answered or written too early. ScopePendingError."""
        if self.pending:
            msg = ", ".join(sorted(scope.value for scope in self.pending))
            raise ScopePendingError(msg)

    def told(self, refusal: Refusal) -> Refusal:
        """Return how a call is refused: by a denial while a scope is pending."""
        first = self._first_pending()
        if first is None or isinstance(refusal, _TELLS_NOTHING):
            return refusal
        return _denial(first)

    def _note_place(self, area_code: str) -> None:
        """Note a place for the log unless it is no code: a caller may write anything."""
        if len(area_code) == len(_NO_AREA) and area_code.isdecimal():
            self.place = pooling_area(area_code) + _NO_AREA[4:]

    def _show(self, scope: AccessScope, values: Iterable[str]) -> None:
        if not self._owns(scope, values):
            raise _denial(self._first_pending() or scope)

    def _owns(self, scope: AccessScope, values: Iterable[str]) -> bool:
        """Return whether one of some values is the caller's, which then is shown."""
        if scope not in self.scopes:
            return True
        own = own_in(self.caller, scope)
        owns = any(value in own for value in values)
        if owns:
            self.pending.discard(scope)
        return owns

    def _first_pending(self) -> AccessScope | None:
        return next((scope for scope in _DENIALS if scope in self.pending), None)


def _denial(scope: AccessScope) -> Denied:
    kind = SubjectNotParty if scope is AccessScope.SUBJECT else NotPermitted
    return kind(_DENIALS[scope], scope=scope.value)


NO_PERMIT: Final = Permit(anybody(ANYBODY.caller), ANYBODY, frozenset())
"""Of a call refused before anybody asked what it may do."""
