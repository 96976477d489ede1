"""The laws every city keeps: each has an id for ever, entered in register.toml, and one test that holds it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

MARK: Final = "gongji_law"
"""The attribute of a test function that holds a law."""
CORE: Final = "core"
REGISTER: Final = Path(__file__).with_name("register.toml")
ID: Final = re.compile(r"[A-Z]+(-[A-Z]+)+-[0-9]{3}")

F = TypeVar("F", bound=Callable[..., Any])


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the register: which profile asks it, what it rests on, the sentence, and what it presupposes."""

    id: str = ""
    profile: Annotated[str, msgspec.Meta(pattern=r"^[a-z-]+@[0-9]{4}\.[0-9]+$")]
    basis: Annotated[str, msgspec.Meta(min_length=1)]
    says: Annotated[str, msgspec.Meta(min_length=8)]
    needs: str = ""
    retired: str = ""

    @property
    def profile_name(self) -> str:
        """The profile without its version."""
        return self.profile.partition("@")[0]


@cache
def register() -> dict[str, Law]:
    """Every law there is or ever was, by id. msgspec.ValidationError for an entry that is none."""
    entries = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    return {number: msgspec.convert({**entry, "id": number}, Law) for number, entry in entries.items()}


def law(number: str) -> Callable[[F], F]:
    """Says which law a test holds. ValueError for one the register does not have, or no longer."""
    if number not in register():
        raise ValueError(f"{number} 不在 {REGISTER.name} 中")
    if register()[number].retired:
        raise ValueError(f"{number} 已停用: {register()[number].retired}")

    def held(test: F) -> F:
        setattr(test, MARK, register()[number])
        return test

    return held


def law_of(test: Any) -> Law | None:
    """The law a test function holds."""
    return getattr(test, MARK, None)


class UnknownProfile(ValueError):  # noqa: N818 - the caller's option
    """A profile, or a version of it, that there is not."""


def profiles() -> list[str]:
    """Every profile with every version in which it grew, e.g. core@2025.1."""
    return sorted({entry.profile for entry in register().values()})


def asked(text: str) -> list[str]:
    """The profiles of an option such as `core@2025.1,wallet@2025.1`; all where it is empty. UnknownProfile."""
    chosen = [part.strip() for part in text.split(",") if part.strip()] or profiles()
    if strangers := sorted(set(chosen) - set(profiles())):
        raise UnknownProfile(f"没有规范 {'、'.join(strangers)}; 可写: {'、'.join(profiles())}")
    return chosen


def within(profile: str, chosen: Iterable[str]) -> bool:
    """Whether a law of that profile and version is asked: a later version asks all that an earlier one did."""
    name, _, version = profile.partition("@")
    return any(
        name == other and _order(version) <= _order(most) for other, _, most in (p.partition("@") for p in chosen)
    )


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
