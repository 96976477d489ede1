"""What an operator sets when starting the service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gongji.binding.workdays import Workdays
from gongji.cities.adoption import Adoption, RetiredCredit
from gongji.rules import money
from gongji.rules.clauses import Clause, Grade

DATABASE, KEY_FILE = "gongji.sqlite3", "gongji.key"
"""Names in the data folder: the database, unless another is named, and the key file in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator asked for."""

    address: str
    data: Path
    database: str = ""
    sample: bool = False
    sandbox: bool = False
    workers: int = 1
    gateway: bool = False
    adopt: tuple[Adoption, ...] = ()
    retired_credits: tuple[RetiredCredit, ...] = ()
    calendar: Path | None = None

    @classmethod
    def parse(
        cls, *, adopt: Iterable[str], retired_credit: Iterable[str], **plain: object
    ) -> Settings:
        """Settings from the command line. ValueError names the option and how it is written."""
        return cls(
            adopt=tuple(Adoption.parse(text) for text in adopt),
            retired_credits=tuple(_retired_credit(text) for text in retired_credit),
            **plain,  # type: ignore[arg-type] # click has typed them
        )

    @property
    def database_address(self) -> str | Path:
        """The database named, or the file in the data folder."""
        return self.database or self.data / DATABASE

    def workdays(self) -> Workdays:
        """The calendar with what the operator adds. ValueError where the file is
        written otherwise."""
        return Workdays.from_toml(self.calendar) if self.calendar else Workdays()


def _retired_credit(text: str) -> RetiredCredit:
    """Reads `341100:70.00@2022-07-01`. ValueError where it is written otherwise."""
    area, _, rest = text.partition(":")
    amount, _, day = rest.partition("@")
    if not (area and amount and day):
        msg = f"退休人员定额划入应写作 341100:70.00@2022-07-01, 得到 {text!r}"
        raise ValueError(msg)
    clause = Clause(
        "运营方设定",
        f"退休人员每月定额划入{amount}元, 自 {day} 起",
        "启动参数 --retired-credit",
        Grade.OPERATOR,
    )
    return RetiredCredit(area, money.fen(amount), date.fromisoformat(day), clause)
