"""People and bills as a case describes them, in yuan and in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from gongji_conformance.city import words

Yuan = Decimal
Area = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]


class StrictTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A table of a case file whose keys are all known."""


class PersonDescription(StrictTable, frozen=True, kw_only=True):
    """Somebody in a case: `as` is the standing, `kin` the registered relatives."""

    name: str
    insured: Area
    as_: words.Standing = msgspec.field(name="as")
    since: date = date(2015, 1, 1)
    until: date | None = None
    status: words.Status = "正常"
    base: Yuan = Decimal(0)
    balance: Yuan = Decimal(0)
    kin: dict[str, str] = {}
    marks: list[words.Mark] = []
    born: date | None = None
    died: date | None = None

    def __post_init__(self) -> None:
        """ValueError for an unknown relation."""
        for relation in self.kin.values():
            words.relation(relation)


class EnteredDetails(StrictTable, frozen=True, kw_only=True):
    """What the applicant typed about the member if it differs from the registry.

    "" leaves a field out.
    """

    name: str | UnsetType = UNSET
    certificate_number: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    insured_place: str | UnsetType = UNSET


class BillDescription(StrictTable, frozen=True, kw_only=True):
    """A bill to settle or quote, in yuan.

    `at` is the kind of institution, `day` the day of the visit.
    """

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
    residue_of: words.ResidueOf = ""
    day: date | UnsetType = UNSET
    spending: words.SpentOn = "医疗"
    filing: str = ""

    @property
    def visit_kind(self) -> words.Kind:
        """The kind of visit: as written, else the usual one at that institution."""
        if not isinstance(self.kind, UnsetType):
            return self.kind
        if self.at == "药店":
            return "药店购药"
        return "普通门诊"
