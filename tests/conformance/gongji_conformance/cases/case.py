"""A case as data: people, steps, and what is expected of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from gongji_conformance.city import words
from gongji_conformance.city.described import (
    BillDescription,
    EnteredDetails,
    PersonDescription,
    StrictTable,
    Yuan,
)

Ratio = Annotated[str, msgspec.Meta(pattern=r"^[0-9.]+%$")]
Named = dict[str, Yuan]
Words = tuple[str, ...]
Checks = tuple[words.Check, ...]


class BindStep(StrictTable, frozen=True, kw_only=True):
    """An application; unset checks, agreement and details follow the rules."""

    holder: str
    member: str
    relation: str
    channel: str
    materials: Words = ()
    consent: words.Consenting | UnsetType = UNSET
    member_checks: Checks = ()
    checks: Checks | UnsetType = UNSET
    purposes: tuple[words.Purpose, ...] = ("就医购药",)
    agreement: str | UnsetType = UNSET
    details: EnteredDetails = EnteredDetails()

    def __post_init__(self) -> None:
        """ValueError for an unknown relation or material."""
        words.relation(self.relation)
        for material in self.materials:
            words.material(material)


class Variations(StrictTable, frozen=True, kw_only=True):
    """Values to apply with, every combination tried without leaving a binding."""

    channel: Words = ()
    relation: Words = ()
    materials: tuple[Words, ...] = ()
    checks: tuple[Checks, ...] = ()
    details: tuple[EnteredDetails, ...] = ()

    def of(self, bind: BindStep) -> Iterator[BindStep]:
        """Yield the application with each combination. ValueError for a wrong word."""
        keys = [key for key in self.__struct_fields__ if getattr(self, key)]
        values = [getattr(self, key) for key in keys]
        for combination in itertools.product(*values):
            yield replace(bind, **dict(zip(keys, combination, strict=True)))


class BindingStep(StrictTable, frozen=True, kw_only=True):
    """Names a binding of the case by its member; the last one made by default."""

    of: str = ""


class ConsentStep(BindingStep, frozen=True, kw_only=True):
    """The member's consent to a binding that waits for it."""

    by: words.Consenting = "本人"


class ReviewStep(BindingStep, frozen=True, kw_only=True):
    """A reviewer's decision: `approve = true`, or `refuse` with its reason code."""

    approve: bool = False
    refuse: str = ""

    def __post_init__(self) -> None:
        """ValueError unless it is exactly one of the two."""
        if self.approve == bool(self.refuse):
            raise ValueError('approve = true 与 refuse = "原因代码" 须恰好写一项')


class UnbindStep(BindingStep, frozen=True, kw_only=True):
    """The end of a binding, by default through the channel it was made by."""

    channel: str = ""


class ReverseStep(StrictTable, frozen=True, kw_only=True):
    """Takes a settlement back: the last of the case, or the n-th counted from 1."""

    nth: int = 0


class CreditStep(StrictTable, frozen=True, kw_only=True):
    """A month's credit of one account."""

    person: str
    month: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}$")]


class FileStep(StrictTable, frozen=True, kw_only=True):
    """A filing of care elsewhere, by default from today in the area of 外地 on.

    A bill names it by its person: `filing = "陈甲"`.
    """

    person: str
    kind: words.FiledAs = "异地长期居住"
    areas: tuple[str, ...] = ()
    since: date | UnsetType = UNSET
    until: date | UnsetType = UNSET


class GuideStep(StrictTable, frozen=True, kw_only=True):
    """A look into the city's guide of the day."""


class Expectation(StrictTable, frozen=True, kw_only=True):
    """What must come of a step, amounts in yuan.

    Clauses and sayings at least these, conditions exactly these.
    """

    refused: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    due: str | UnsetType = UNSET
    opens: str | UnsetType = UNSET
    conditions: Words | UnsetType = UNSET
    clauses: Words | UnsetType = UNSET
    deductible: Yuan | UnsetType = UNSET
    ratio: Ratio | UnsetType = UNSET
    fund: Yuan | UnsetType = UNSET
    own: Yuan | UnsetType = UNSET
    aid: Yuan | UnsetType = UNSET
    cash: Yuan | UnsetType = UNSET
    credited: Yuan | UnsetType = UNSET
    balance: Named | UnsetType = UNSET
    says: Words | UnsetType = UNSET

    def keys(self) -> list[str]:
        """Return the keys that are written, in the order above."""
        fields = self.__struct_fields__
        return [name for name in fields if getattr(self, name) is not UNSET]


_ALWAYS: Final = frozenset({"refused", "clauses", "conditions", "opens", "balance"})
_BINDING: Final = _ALWAYS | {"state", "due"}
_BILL: Final = _ALWAYS | {"deductible", "ratio", "fund", "own", "aid", "cash"}
CHECKED: Final = {
    "bind": _BINDING,
    "look": _BINDING,
    "consent": _BINDING,
    "review": _BINDING,
    "unbind": _BINDING,
    "settle": _BILL,
    "quote": _BILL,
    "reverse": _ALWAYS,
    "credit": _ALWAYS | {"credited"},
    "file": _ALWAYS,
    "clock": frozenset({"balance"}),
    "guide": frozenset({"says"}),
}
"""What can be expected of each kind of step."""


class CaseStep(StrictTable, frozen=True, kw_only=True):
    """One action and what must come of it, by default that it is not refused."""

    bind: BindStep | None = None
    look: BindingStep | None = None
    consent: ConsentStep | None = None
    review: ReviewStep | None = None
    unbind: UnbindStep | None = None
    settle: BillDescription | None = None
    quote: BillDescription | None = None
    reverse: ReverseStep | None = None
    credit: CreditStep | None = None
    file: FileStep | None = None
    clock: str | None = None
    guide: GuideStep | None = None
    each: Variations | None = None
    expect: Expectation = Expectation()

    def __post_init__(self) -> None:
        """ValueError unless it is one action, nothing unseen is expected of it."""
        kinds = self._kinds()
        if len(kinds) != 1:
            raise ValueError(f"一步须恰好写一件事，可写：{'、'.join(CHECKED)}")
        (kind,) = kinds
        expected = set(self.expect.keys())
        unseen = sorted(expected - CHECKED[kind])
        if unseen:
            raise ValueError(f"{kind} 一步没有 {'、'.join(unseen)} 可核对")
        if self.each is not None and self.bind is None:
            raise ValueError("each 只用于 bind")
        if self.each is not None and self.bind is not None:
            # Tried while the file is read, so that a wrong word is found here.
            list(self.each.of(self.bind))
        if self.clock is not None:
            words.instant(self.clock)

    def _kinds(self) -> list[str]:
        return [name for name in CHECKED if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """The kind of action, a key of CHECKED."""
        return self._kinds()[0]

    @property
    def action(self) -> Any:
        """The action itself."""
        return getattr(self, self.kind)

    def variants(self) -> Iterator[CaseStep]:
        """Yield the step itself, or one for each of its variations."""
        if self.each is None or self.bind is None:
            yield self
            return
        for bind in self.each.of(self.bind):
            yield replace(self, bind=bind)

    def names(self) -> Iterator[str]:
        """Yield the names of people the step speaks of."""
        action = self.action
        for key in ("holder", "member", "patient", "person"):
            if hasattr(action, key):
                yield getattr(action, key)
        yield from getattr(action, "givers", ())
        if of := getattr(action, "of", ""):
            yield of
        if not isinstance(self.expect.balance, UnsetType):
            yield from self.expect.balance


class CityCase(StrictTable, frozen=True, kw_only=True):
    """A sentence a clerk can check, its clauses, the people, what happens to them."""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]+(-[A-Z0-9]+)+$")]
    says: Annotated[str, msgspec.Meta(min_length=8)]
    clauses: Annotated[Words, msgspec.Meta(min_length=1)]
    now: str
    people: tuple[PersonDescription, ...] = ()
    steps: Annotated[tuple[CaseStep, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """ValueError for a wrong instant or name, or a case that checks nothing."""
        words.instant(self.now)
        people = {person.name for person in self.people}
        strangers = sorted(set(self._names()) - people)
        if strangers:
            raise ValueError(f"steps 中的 {'、'.join(strangers)} 不在 people 中")
        if not any(step.expect.keys() for step in self.steps):
            raise ValueError("没有一步写了 expect，这个案例什么也没有核对")

    def _names(self) -> Iterator[str]:
        for person in self.people:
            yield from person.kin
        for step in self.steps:
            yield from step.names()
