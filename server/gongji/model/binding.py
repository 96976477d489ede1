"""Records of a binding (绑定): what was applied for, and its life."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.people import Discreet
from gongji.model.subject import Subject
from gongji.rules.codes import (
    BindingState,
    ConsentMethod,
    Purpose,
)


class Material(Struct, frozen=True):
    """A proof handed in (材料), with the channel's reference and the file's SHA-256."""

    kind: str
    original: bool
    reference: str
    sha256: str = ""


class AgreementAccepted(Struct, frozen=True):
    """The agreement the holder accepted, as evidence."""

    agreement_id: str
    version: str
    text_sha256: str
    at: datetime


class Consent(Struct, frozen=True):
    """The member's consent, as evidence.

    `member_of_age` says that the channel has seen a birth date: whether the member may
    consent himself, asked if neither certificate nor registry tells. `identity_checks`
    are those done on who consents, none if the channel does not report them.
    """

    added: ClassVar[tuple[str, ...]] = ("member_of_age", "identity_checks")

    method: ConsentMethod
    at: datetime
    reference: str = ""
    member_of_age: bool = False
    identity_checks: frozenset[str] = frozenset()


class MemberDetails(Discreet, frozen=True):
    """What the applicant typed about the member; empty if the city does not ask it."""

    hidden = frozenset({"name", "certificate_number", "phone"})

    name: str = ""
    certificate_number: str = ""
    phone: str = ""
    insured_place: str = ""


class Application(Struct, frozen=True, kw_only=True):
    """An application for a binding (绑定申请)."""

    holder: str
    member: str
    relation: str
    purposes: frozenset[Purpose]
    channel: str
    identity_checks: frozenset[str] = frozenset()
    member_details: MemberDetails = MemberDetails()
    materials: tuple[Material, ...] = ()
    agreement: AgreementAccepted | None = None
    consent: Consent | None = None


class BindingEvent(Struct, frozen=True):
    """One change of a binding's state."""

    at: datetime
    from_state: BindingState | None
    to_state: BindingState
    who: str
    channel: str
    why: str


class Binding(Struct, frozen=True, kw_only=True):
    """A binding between holder (授权人) and member (使用人).

    Holder and member may be insured in two cities: `member_rules` are then the rules of
    the member's, `member_decided_by` who decided there, None if there is one city.
    `asked_both` is false of one that the holder's city alone accepted, as it was once.
    `closed_at` is set in every final state; `review_due_provisional` if working days
    of a year whose holidays are not published decided: the due time, or that a counter
    was open. `consented_by` is who was identified when the consent was given, None if
    the channel does not say for whom it acts.
    """

    binding_id: str
    holder: str
    member: str
    relation: str
    purposes: frozenset[Purpose]
    channel: str
    state: BindingState
    submitted_at: datetime
    review_due_at: datetime | None = None
    review_due_provisional: bool = False
    expires_at: datetime | None = None
    active_at: datetime | None = None
    closed_at: datetime | None = None
    reason: str = ""
    materials: tuple[Material, ...] = ()
    agreement: AgreementAccepted | None = None
    consent: Consent | None = None
    consented_by: Subject | None = None
    rules: tuple[RuleRef, ...] = ()
    decided_by: DecidedBy
    history: tuple[BindingEvent, ...] = ()
    member_rules: tuple[RuleRef, ...] = ()
    member_decided_by: DecidedBy | None = None
    asked_both: bool = False

    @property
    def areas(self) -> tuple[str, ...]:
        """The area codes of the cities that decided it: the holder's, then the member's."""
        there = self.member_decided_by
        return (self.decided_by.area_code, *([there.area_code] if there else ()))

    def serves(self, purpose: Purpose) -> bool:
        """Return whether it is active for a purpose."""
        return self.state is BindingState.ACTIVE and purpose in self.purposes
