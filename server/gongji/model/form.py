"""What a channel asks an applicant (申请表), as it is described to whoever builds a screen.

Paths name fields of SubmitBindingRequest. Everything that people read is Chinese.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from gongji.rules.clauses import Clause
from gongji.rules.codes import BindingState


class FormFieldKind(IntEnum):
    """How a field is answered; numbers as on the wire."""

    TEXT = 1
    CHOICE = 2
    CHOICES = 3
    TICK = 4
    INSTANT = 5
    IDENTITY_CHECK = 6
    MATERIAL = 7
    AGREEMENT = 8


class FormConditionKind(IntEnum):
    """What a part of a form depends on; numbers as on the wire."""

    RELATION_ON_RECORD = 1
    RELATION_NOT_ON_RECORD = 2
    MEMBER_BELOW_AGE = 3
    MEMBER_OF_AGE = 4
    MEMBER_AGE_UNKNOWN = 5
    CONSENT_LEFT_OUT = 6


class FormCondition(Struct, frozen=True):
    """When a part of a form holds; `years` is the age that the kind names, else 0."""

    kind: FormConditionKind
    in_words: str
    years: int = 0


class FormNotice(Struct, frozen=True):
    """A sentence to tell, with the clauses it rests on."""

    text: str
    clauses: tuple[Clause, ...] = ()
    heading: str = ""


class FormChoice(Struct, frozen=True):
    """An allowed value."""

    value: str
    label: str
    help: str = ""
    group: str = ""
    condition: FormCondition | None = None


class FormAgreement(Struct, frozen=True, kw_only=True):
    """The agreement to show (协议): its articles, and the whole text made of them."""

    agreement_id: str
    version: str
    title: str
    act: str
    articles: tuple[FormNotice, ...]

    @property
    def text(self) -> str:
        """Return the title and the numbered articles, a line each."""
        numbered = [
            f"{place}. {article.text}" for place, article in enumerate(self.articles, 1)
        ]
        return "\n".join((self.title, *numbered))


class FormField(Struct, frozen=True, kw_only=True):
    """One thing to ask.

    values   the answers to begin with
    same_as  path of the field with the same answer, "" if it has its own
    instead  path that may be filled in in place of this field's message
    """

    path: str
    kind: FormFieldKind
    label: str
    help: str = ""
    example: str = ""
    required: bool = True
    condition: FormCondition | None = None
    choices: tuple[FormChoice, ...] = ()
    values: tuple[str, ...] = ()
    same_as: str = ""
    instead: str = ""
    original: bool = False
    agreement: FormAgreement | None = None
    personal: bool = False
    clauses: tuple[Clause, ...] = ()


class FormStep(Struct, frozen=True, kw_only=True):
    """One step: its fields in order, and what to show beside them.

    A step with `if_left_out` may be left out as a whole; the text says what comes of it.
    """

    title: str
    help: str = ""
    if_left_out: str = ""
    fields: tuple[FormField, ...] = ()
    notices: tuple[FormNotice, ...] = ()


class FormOutcome(Struct, frozen=True, kw_only=True):
    """Where the binding stands after an accepted application, if the condition holds."""

    state: BindingState
    in_words: str
    condition: FormCondition | None = None
    working_days: int = 0
    clauses: tuple[Clause, ...] = ()


class ApplicationForm(Struct, frozen=True, kw_only=True):
    """A form; complete if an application can be made of it."""

    title: str
    complete: bool
    steps: tuple[FormStep, ...]
    outcomes: tuple[FormOutcome, ...] = ()
    notices: tuple[FormNotice, ...] = ()
