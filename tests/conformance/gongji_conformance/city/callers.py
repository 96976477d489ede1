"""Callers of each kind, whose rights are judged: what each shows, and what is its own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from gongji_conformance.city.access import SYSTEM, Access
from gongji_conformance.city.recorder import Recorder
from gongji_conformance.city.stubs import Stubs

Kind: TypeAlias = Literal[
    "app",
    "counter",
    "bank",
    "hospital",
    "pharmacy",
    "collector",
    "feeder",
    "reviewer",
    "auditor",
    "operator",
    "city_team",
]
"""The kinds of callers, but for testers, who may do everything on a sandbox."""

Scope: TypeAlias = Literal["cities", "channels", "institutions"]
"""What a caller's own is said in."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

EVERY: Final = "*"
"""Every city, channel or institution."""

_PATHS: Final = ("ca", "cert", "key", "token_file")


class NoSuchCaller(Exception):  # noqa: N818 - what is judged, not a fault
    """The run knows no caller of that kind for the city."""


class StatedCaller(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A caller as the file states it: kind, credentials, and what the policy gives it."""

    kind: Kind
    caller: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    token_file: str = ""
    cities: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()

    def fits(self, area_code: str) -> bool:
        """Return whether the caller's work lies in a city."""
        # H34110000001: a letter, then the area's code.
        stated = [code[1:] for code in self.institutions]
        areas = {code[:4] for code in stated or self.cities}
        return not areas or bool(areas & {area_code[:4], EVERY, ""})


@dataclass(
    frozen=True,
    slots=True,
)
class CallerUnderTest:
    """One caller, with stubs of its own."""

    name: str
    stated: StatedCaller
    stubs: Stubs

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return self.stated.kind


class CallersUnderTest:
    """The callers of one run; each is connected when it is first needed."""

    def __init__(
        self, stated: Mapping[str, StatedCaller], access: Access, recorder: Recorder
    ) -> None:
        self._stated = stated
        self._access = access
        self._recorder = recorder
        self._callers: dict[str, CallerUnderTest] = {}
        self._nobody: Stubs | None = None

    def all_of(self, kind: Kind, area_code: str) -> list[CallerUnderTest]:
        """Return the callers of a kind for a city. NoSuchCaller if there are none."""
        names = [
            name
            for name, stated in self._stated.items()
            if stated.kind == kind and stated.fits(area_code)
        ]
        if not names:
            raise NoSuchCaller(
                f"没有给出本市 {kind} 类调用方的凭据（--callers FILE），不能判断它可做什么"
            )
        return [self._caller(name) for name in names]

    def one(self, kind: Kind, area_code: str) -> CallerUnderTest:
        """Return a caller of a kind for a city. NoSuchCaller."""
        return self.all_of(kind, area_code)[0]

    def within(self, scope: Scope, kind: Kind, area_code: str) -> CallerUnderTest:
        """Return a caller whose cities, channels or institutions are not all there are.

        NoSuchCaller.
        """
        for caller in self.all_of(kind, area_code):
            if EVERY not in getattr(caller.stated, scope):
                return caller
        raise NoSuchCaller(f"给出的 {kind} 类调用方都不限于某些 {scope}")

    def nobody(self) -> Stubs:
        """Return stubs of somebody who shows nothing. NoSuchCaller if anybody may call."""
        if not self._stated:
            raise NoSuchCaller("没有给出各类调用方的凭据（--callers FILE）")
        if self._nobody is None:
            bare = Access(target=self._access.target, ca=self._access.ca, caller="")
            self._nobody = Stubs(bare, self._recorder)
        return self._nobody

    def close(self) -> None:
        """Close the connections."""
        for caller in self._callers.values():
            caller.stubs.close()
        if self._nobody is not None:
            self._nobody.close()

    def _caller(self, name: str) -> CallerUnderTest:
        if name not in self._callers:
            stated = self._stated[name]
            access = replace(
                self._access,
                ca=stated.ca or self._access.ca,
                cert=stated.cert,
                key=stated.key,
                token_file=stated.token_file,
                caller=stated.caller or name,
                # Those of the suite's own caller are not the others'.
                metadata=(),
            )
            stubs = Stubs(access, self._recorder)
            self._callers[name] = CallerUnderTest(name, stated, stubs)
        return self._callers[name]


def read_callers(named: str | Path) -> dict[str, StatedCaller]:
    """Return the callers of a file (TOML, a table each), none of "". ValueError."""
    if not named:
        return {}
    path = Path(named)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        stated = msgspec.convert(tables, dict[str, StatedCaller])
    except OSError as fault:
        raise ValueError(
            f"--gongji-callers {path} 不能读取：请核对路径与权限"
        ) from fault
    except ValueError as fault:
        raise ValueError(
            f"--gongji-callers {path} 读不出：{fault}；每个调用方一节，"
            "写 kind、cert 与 key 或 token_file、cities、channels、institutions"
        ) from fault
    return {name: _resolved(caller, path.parent) for name, caller in stated.items()}


def _resolved(caller: StatedCaller, folder: Path) -> StatedCaller:
    """Return a caller whose paths lead on from the file's folder."""
    named: Iterable[tuple[str, str]] = (
        (key, getattr(caller, key)) for key in _PATHS if getattr(caller, key)
    )
    paths = {
        key: value if value == SYSTEM else str(folder / value) for key, value in named
    }
    return msgspec.structs.replace(caller, **paths)
