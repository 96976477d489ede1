"""Cases as data: reads a city's cases.toml strictly, so that a misspelt key is an error, not an unchecked figure."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import metadata, util
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from gongji_conformance.city import words

FILE: Final = "cases.toml"
CITIES: Final = "gongji.cities"
"""Entry-point group under which a city's package is found; the package itself is not imported."""

Yuan = Decimal
Area = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]
Ratio = Annotated[str, msgspec.Meta(pattern=r"^[0-9.]+%$")]
Named = dict[str, Yuan]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table whose keys are all known."""


class Person(_Strict, frozen=True, kw_only=True):
    """Somebody in a case; `as` is his standing, `kin` what others are to him in the registry's records."""

    name: str
    insured: Area
    as_: words.Standing = msgspec.field(name="as")
    since: date = date(2015, 1, 1)
    until: date | None = None
    status: words.Status = "正常"
    base: Yuan = Decimal(0)
    balance: Yuan = Decimal(0)
    kin: dict[str, str] = {}
    born: date | None = None
    died: date | None = None

    def __post_init__(self) -> None:
        """ValueError for an unknown relation."""
        for relation in self.kin.values():
            words.relation(relation)


class Details(_Strict, frozen=True, kw_only=True):
    """What the applicant typed about the member where it is not what the registry holds; "" leaves it out."""

    name: str | UnsetType = UNSET
    certificate_number: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    insured_place: str | UnsetType = UNSET


class Bind(_Strict, frozen=True, kw_only=True):
    """An application: checks, agreement and details are those the rules ask for unless the case says otherwise."""

    holder: str
    member: str
    relation: str
    channel: str
    materials: tuple[str, ...] = ()
    consent: words.Consenting | UnsetType = UNSET
    checks: tuple[words.Check, ...] | UnsetType = UNSET
    purposes: tuple[words.Purpose, ...] = ("就医购药",)
    agreement: str | UnsetType = UNSET
    details: Details = Details()

    def __post_init__(self) -> None:
        """ValueError for an unknown relation or material."""
        words.relation(self.relation)
        for material in self.materials:
            words.material(material)


class Each(_Strict, frozen=True, kw_only=True):
    """Ways to apply that are tried one by one, every combination of them, without leaving a binding behind."""

    channel: tuple[str, ...] = ()
    relation: tuple[str, ...] = ()
    materials: tuple[tuple[str, ...], ...] = ()
    checks: tuple[tuple[words.Check, ...], ...] = ()
    details: tuple[Details, ...] = ()

    def ways(self) -> Iterator[dict[str, Any]]:
        """Each combination as the keys of an application it changes."""
        given = {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name)}
        for chosen in itertools.product(*given.values()):
            yield dict(zip(given, chosen, strict=True))


class Bill(_Strict, frozen=True, kw_only=True):
    """A bill to settle or quote, in yuan; `at` is the kind of institution, `day` the day of the visit."""

    patient: str
    at: words.Place
    in_scope: Yuan = Decimal(0)
    first_selfpay: Yuan = Decimal(0)
    above_limit: Yuan = Decimal(0)
    out_of_catalogue: Yuan = Decimal(0)
    kind: words.Kind | UnsetType = UNSET
    use: words.Use = "order"
    givers: tuple[str, ...] = ()
    inpatient: bool = False
    residue: bool = False
    day: date | UnsetType = UNSET
    spending: words.SpentOn = "医疗"
    filing: str = ""


class OfBinding(_Strict, frozen=True, kw_only=True):
    """Names a binding of the case by its member; the last one made where nobody is named."""

    of: str = ""


class Consent(OfBinding, frozen=True, kw_only=True):
    """The member's consent to a binding that waits for it."""

    by: words.Consenting = "本人"


class Review(OfBinding, frozen=True, kw_only=True):
    """A reviewer's decision: `approve = true`, or `refuse` with its reason code."""

    approve: bool = False
    refuse: str = ""

    def __post_init__(self) -> None:
        """ValueError unless it is exactly one of the two."""
        if self.approve == bool(self.refuse):
            raise ValueError('approve = true 与 refuse = "原因代码" 须恰好写一项')


class Unbind(OfBinding, frozen=True, kw_only=True):
    """The end of a binding; through the channel it was made by unless another is named."""

    channel: str = ""


class Reverse(_Strict, frozen=True, kw_only=True):
    """Takes a settlement back: the last one of the case, or the n-th counted from 1."""

    nth: int = 0


class Credit(_Strict, frozen=True, kw_only=True):
    """A month's credit of one account."""

    person: str
    month: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}$")]


class Guide(_Strict, frozen=True, kw_only=True):
    """A look into the city's guide of the day."""


class Expect(_Strict, frozen=True, kw_only=True):
    """What must come of a step; amounts in yuan, clauses and sayings at least these, conditions exactly these."""

    refused: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    due: str | UnsetType = UNSET
    opens: str | UnsetType = UNSET
    conditions: tuple[str, ...] | UnsetType = UNSET
    clauses: tuple[str, ...] | UnsetType = UNSET
    deductible: Yuan | UnsetType = UNSET
    ratio: Ratio | UnsetType = UNSET
    fund: Yuan | UnsetType = UNSET
    own: Yuan | UnsetType = UNSET
    aid: Yuan | UnsetType = UNSET
    cash: Yuan | UnsetType = UNSET
    credited: Yuan | UnsetType = UNSET
    balance: Named | UnsetType = UNSET
    says: tuple[str, ...] | UnsetType = UNSET

    def keys(self) -> list[str]:
        """The keys that are written, in the order above."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]


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
    "clock": frozenset({"balance"}),
    "guide": frozenset({"says"}),
}
"""What can be expected of each kind of step."""


class Step(_Strict, frozen=True, kw_only=True):
    """One thing that happens, and what must come of it; without `expect` it need only not be refused."""

    bind: Bind | None = None
    look: OfBinding | None = None
    consent: Consent | None = None
    review: Review | None = None
    unbind: Unbind | None = None
    settle: Bill | None = None
    quote: Bill | None = None
    reverse: Reverse | None = None
    credit: Credit | None = None
    clock: str | None = None
    guide: Guide | None = None
    each: Each | None = None
    expect: Expect = Expect()

    def __post_init__(self) -> None:
        """ValueError unless it is one thing, with nothing expected that cannot be seen."""
        chosen = [name for name in CHECKED if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(f"一步须恰好写一件事, 可写: {'、'.join(CHECKED)}")
        if unseen := sorted(set(self.expect.keys()) - CHECKED[chosen[0]]):
            raise ValueError(f"{chosen[0]} 一步没有 {'、'.join(unseen)} 可核对")
        if self.each is not None and self.bind is None:
            raise ValueError("each 只用于 bind")
        if self.each is not None and self.bind is not None:
            for way in self.each.ways():
                replace(self.bind, **way)
        if self.clock is not None:
            words.instant(self.clock)

    @property
    def kind(self) -> str:
        """Which thing happens."""
        return next(name for name in CHECKED if getattr(self, name) is not None)

    @property
    def action(self) -> Any:
        """The thing itself."""
        return getattr(self, self.kind)

    def spelt_out(self) -> Iterator[Step]:
        """The step itself, or one for each of the ways that are tried."""
        if self.each is None or self.bind is None:
            yield self
            return
        for way in self.each.ways():
            yield replace(self, bind=replace(self.bind, **way))


class Case(_Strict, frozen=True, kw_only=True):
    """One case: a sentence a clerk can check, the clauses behind it, the people, and what happens to them."""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]+(-[A-Z0-9]+)+$")]
    says: Annotated[str, msgspec.Meta(min_length=8)]
    clauses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    now: str
    people: tuple[Person, ...] = ()
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """ValueError for an impossible instant, a stranger, or a case that checks nothing."""
        words.instant(self.now)
        known = {person.name for person in self.people}
        if strangers := sorted(set(self._named()) - known):
            raise ValueError(f"steps 中的 {'、'.join(strangers)} 不在 people 中")
        if not any(step.expect.keys() for step in self.steps):
            raise ValueError("没有一步写了 expect, 这个案例什么也没有核对")

    def _named(self) -> Iterator[str]:
        for person in self.people:
            yield from person.kin
        for step in self.steps:
            action = step.action
            yield from (
                getattr(action, key) for key in ("holder", "member", "patient", "person") if hasattr(action, key)
            )
            yield from getattr(action, "givers", ())
            yield from filter(None, [getattr(action, "of", "")])
            if not isinstance(step.expect.balance, UnsetType):
                yield from step.expect.balance


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a case file that is no case: where, and what is wrong."""

    id: str
    problem: str


def of_city(pinyin: str) -> list[Case | Fault]:
    """The cases of an installed city in the order of their file; a fault instead where one cannot be read."""
    path = file_of(pinyin)
    if path is None:
        return [Fault(f"{pinyin.upper()}-CASES", f"没有找到城市 {pinyin} 的 {FILE}: 请安装其插件, 并把文件放在包内")]
    return read(path.read_text(encoding="utf-8"), pinyin)


def file_of(pinyin: str) -> Path | None:
    """Where an installed city keeps its cases, found without importing it; None where it has none."""
    for entry in metadata.entry_points(group=CITIES, name=pinyin):
        spec = util.find_spec(entry.module.partition(".")[0])
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(folder) / FILE).is_file():
                return path
    return None


def read(text: str, pinyin: str) -> list[Case | Fault]:
    """The cases of a file's text. Each key that is unknown or wrong is a fault naming its case and key."""
    whole = f"{pinyin.upper()}-CASES"
    try:
        document = tomllib.loads(text, parse_float=_whole_fen)
    except ValueError as wrong:
        return [Fault(whole, f"{FILE} 无法读取: {wrong}")]
    faults = [Fault(whole, f"{FILE} 只写 [[case]], 不认识 {key!r}") for key in document.keys() - {"case"}]
    rows = document.get("case", [])
    if not rows:
        return [*faults, Fault(whole, f"{FILE} 中没有案例")]
    return [*faults, *_unique(_read(row, f"{whole}-{number}") for number, row in enumerate(rows, start=1))]


def _whole_fen(yuan: str) -> Decimal:
    """An amount as written. ValueError where it is not whole fen."""
    words.fen(Decimal(yuan))
    return Decimal(yuan)


def _read(row: dict[str, Any], number: str) -> Case | Fault:
    name = row.get("id", number)
    try:
        return msgspec.convert(row, Case)
    except msgspec.ValidationError as wrong:
        return Fault(str(name), f"案例 {name} 写得不对: {wrong}")


def _unique(cases: Iterable[Case | Fault]) -> Iterator[Case | Fault]:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            yield Fault(f"{case.id}-AGAIN", f"案例编号 {case.id} 用了两次")
        else:
            seen.add(case.id)
            yield case
