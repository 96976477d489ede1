"""What every refusal says, whichever it is (`model.refusals`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Self

from gongji.model.conditions import Condition, Way
from gongji.rules.clauses import Clause


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A command was refused, by name; `message` is Chinese, for citizen and channel.

    `field` is the path of the field at fault, `clauses` are those behind the refusal,
    `conditions` all that are not met, `ways` what was tried and is accepted, `metadata`
    names the figures. The name of a class is stored with the request id.
    """

    final: ClassVar[bool] = False
    """Whether the refusal is remembered with the request id."""

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        clauses: Iterable[Clause] = (),
        conditions: Iterable[Condition] = (),
        ways: Iterable[Way] = (),
        **metadata: str,
    ) -> None:
        super().__init__(message)
        self.message, self.field = message, field
        self.clauses = tuple(clauses)
        self.conditions, self.ways = tuple(conditions), tuple(ways)
        self.metadata = metadata
        self.area_code = ""
        """The city whose rules refused, for log and metrics; "" if that is not known."""
        self.leaves: tuple[object, ...] = ()
        """Records written although it is refused (a tombstone); `final` is unchanged."""

    def within(self, area_code: str) -> Self:
        """Return the refusal as one by the rules of a city."""
        self.area_code = area_code
        return self

    def leaving(self, *records: object) -> Self:
        """Return the refusal, leaving these records behind (a tombstone)."""
        self.leaves = records
        return self

    @classmethod
    def reason(cls) -> str:
        """Return the reason on the wire: PersonNotFound → PERSON_NOT_FOUND."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper()
