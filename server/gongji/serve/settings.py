"""Settings with which an operator starts the service."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

from gongji.audit.hashing import Hasher, default_hasher
from gongji.binding.workdays import Workdays
from gongji.cities.adoption import Adoption, RetiredCredit, SchemeRefusal
from gongji.cities.city import Cities, RefusedPlugin
from gongji.cities.loading import load_cities
from gongji.rules import money
from gongji.rules.clauses import Clause, Grade
from gongji.rules.days import day_of
from gongji.store.databases import database_at
from gongji.store.keys.pkcs11 import Pkcs11Source
from gongji.store.keys.source import CommandSource, EitherSource, Keys, source_of
from gongji.store.keys.suite import SUITES, Suite, checked_suite

DATABASE, KEY_FILE = "gongji.sqlite3", "gongji.key"
"""Names in the data folder; the key file lies there unless another source is named."""

SIGNING_KEY: Final = "checkpoint.key"
"""Name in it of the key that signs checkpoints."""

SANDBOX_MARK: Final = "SANDBOX"
"""Name in it of the file that says that it is a sandbox's, and no other's."""

_AREA_DIGITS: Final = 6

PLUGINS = "plugins"
"""The folder in it in which the answers of plugins are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service is to be started."""

    address: str
    data: Path
    database: str = ""
    # The name of a suite; "" for the one that is recorded.
    crypto: str = ""
    origin: str = ""
    sample: bool = False
    sandbox: bool = False
    workers: int = 1
    gateway: bool = False
    access_before_answer: bool = False
    adopt: tuple[Adoption, ...] = ()
    retired_credits: tuple[RetiredCredit, ...] = ()
    refusals: tuple[SchemeRefusal, ...] = ()
    # Names of the authorities that issue statements, by area code.
    authorities: Mapping[str, str] = field(default_factory=dict)
    calendar: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    policy: Path | None = None
    deny: Path | None = None
    token_keys: Path | None = None
    token_issuer: str = ""
    token_audience: str = ""
    token_address: str = ""
    metrics_address: str = ""
    trace_ratio: float = 0.0
    reflection: bool | None = None
    accept_clock: date | None = None
    key_file: Path | None = None
    key_command: str = ""
    key_pkcs11: str = ""
    # Digests by plugin; if there are any, no other plugin serves.
    pins: Mapping[str, str] = field(default_factory=dict)
    # What `gongji check` finds wrong in plugins that load.
    unfit: tuple[RefusedPlugin, ...] = ()
    # What a worker must serve, by area code, if its parent has loaded it before.
    rules: Mapping[str, str] | None = None

    @classmethod
    def parse(
        cls,
        *,
        adopt: Iterable[str],
        retired_credit: Iterable[str],
        refuse_without_table: Iterable[str] = (),
        authority: Iterable[str] = (),
        **plain: object,
    ) -> Settings:
        """Return settings from the command line. ValueError names the option at fault."""
        return cls(
            adopt=tuple(Adoption.parse(text) for text in adopt),
            retired_credits=tuple(_retired_credit(text) for text in retired_credit),
            refusals=tuple(map(_refusal, dict.fromkeys(refuse_without_table))),
            authorities=dict(map(_authority, authority)),
            **plain,  # type: ignore[arg-type] # click has typed them
        )

    @property
    def database_address(self) -> str | Path:
        """The database named, or the file in the data folder."""
        return self.database or self.data / DATABASE

    @property
    def key(self) -> Keys:
        """Where the master key comes from. ValueError."""
        return keys_of(self.data, self.key_file, self.key_command, self.key_pkcs11)

    @property
    def suite(self) -> Suite | None:
        """The algorithms its database must have, None for those that are recorded."""
        return SUITES[self.crypto] if self.crypto else None

    @property
    def hasher(self) -> Hasher:
        """The hash function of its database, as far as is known."""
        return self.suite.hasher if self.suite else default_hasher()

    def with_recorded_suite(self) -> Settings:
        """Return the same with the suite of the database, if there is one.

        CryptoMismatchError if another is stated.
        """
        try:
            recorded = database_at(self.database_address).suite()
        # What is wrong with it is said when it is opened, after all that is wrong with
        # the settings themselves.
        except (OSError, ValueError):
            return self
        if recorded is None:
            return self
        return replace(self, crypto=checked_suite(recorded, self.suite).name)

    @property
    def kept_plugins(self) -> Path:
        """The folder in which the answers of plugins are kept."""
        return self.data / PLUGINS

    def cities(self) -> Cities:
        """Load the cities. ValueError if they are not those the settings were made with."""
        if self.rules == {}:
            return Cities((), self.unfit)
        cities = load_cities(
            self.adopt,
            self.retired_credits,
            self.refusals,
            pins=self.pins,
            kept_in=self.kept_plugins,
            hasher=self.hasher,
        )
        if self.rules is None:
            cities = cities.without(self.unfit)
            self._require_authorities_of(cities)
            return cities
        if self.rules != rules_of(cities):
            raise ValueError("城市插件在服务启动之后被改动：请停下服务，再启动")
        # Those that did not serve were not asked again: why is known.
        return Cities(cities.all, self.unfit)

    def _require_authorities_of(self, cities: Cities) -> None:
        """Stop at an authority of a city that there is not. ValueError."""
        served = {city.area_code for city in cities.all}
        refused = {plugin.area_code for plugin in cities.refused}
        unknown = set(self.authorities) - served - refused
        for area_code in sorted(unknown):
            raise ValueError(f"出具单位：没有接入医保区划为 {area_code} 的城市")

    def for_workers(self, cities: Cities) -> Settings:
        """Return the same for processes that must serve these very cities, and no others."""
        return replace(
            self,
            pins={city.pinyin: city.plugin_digest for city in cities.all},
            unfit=cities.refused,
            rules=rules_of(cities),
        )

    def workdays(self) -> Workdays:
        """Return the calendar with the operator's additions. ValueError if it is malformed."""
        return Workdays.from_toml(self.calendar) if self.calendar else Workdays()


def keys_of(
    data: Path, file: Path | None = None, command: str = "", pkcs11: str = ""
) -> Keys:
    """Return where the master key comes from: the data folder unless said. ValueError.

    Of several each is asked, as while one takes the place of another.
    """
    named: list[Keys] = [file] if file else []
    if command:
        named.append(_command(command))
    if pkcs11:
        named.append(Pkcs11Source.parse(pkcs11))
    if len(named) > 1:
        return EitherSource(*map(source_of, named))
    return named[0] if named else data / KEY_FILE


def _command(command: str) -> CommandSource:
    try:
        return CommandSource(shlex.split(command))
    except ValueError:
        raise ValueError("--key-command 的引号不成对") from None


def rules_of(cities: Cities) -> dict[str, str]:
    """Return the digests of the rules of all served cities, by area code."""
    return {city.area_code: city.rules_digest for city in cities.all}


def _retired_credit(text: str) -> RetiredCredit:
    """Parse `341100:70.00@2022-07-01`. ValueError if it is malformed."""
    area, _, amount_and_day = text.partition(":")
    amount, _, day = amount_and_day.partition("@")
    if not (area and amount and day):
        message = f"退休人员定额划入应写作 341100:70.00@2022-07-01，得到 {text!r}"
        raise ValueError(message)
    clause = Clause(
        "运营方设定",
        f"退休人员每月定额划入{amount}元，自 {day} 起",
        "启动参数 --retired-credit",
        Grade.OPERATOR,
    )
    try:
        return RetiredCredit(area, money.fen(amount), day_of(day), clause)
    except ValueError as fault:
        raise ValueError(f"退休人员定额划入 {text}：{fault}") from None


def _authority(text: str) -> tuple[str, str]:
    """Parse `340800=某市医疗保障局`. ValueError if it is malformed."""
    area, _, name = text.partition("=")
    name = name.strip()
    if not (area.isascii() and area.isdecimal() and len(area) == _AREA_DIGITS and name):
        message = f"出具单位应写作 340800=某市医疗保障局，得到 {text!r}"
        raise ValueError(message)
    return area, name


def _refusal(area_code: str) -> SchemeRefusal:
    clause = Clause(
        "运营方设定（无待遇表）",
        "没有写明门诊待遇的险种不在此结算，予以拒绝",
        "启动参数 --refuse-without-table",
        Grade.OPERATOR,
    )
    return SchemeRefusal(area_code, clause)


def gateway_is_worthwhile() -> bool:
    """Return whether a gateway is a gain: with a second core, and Unix sockets."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return cores > 1 and hasattr(socket, "AF_UNIX") and sys.platform != "win32"
