"""The register of laws: each has an id for ever and one test that holds it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

MARK: Final = "gongji_law"
"""The attribute of a test function that holds a law."""
CORE: Final = "core"
REGISTER: Final = Path(__file__).with_name("register.toml")
ID: Final = re.compile(r"[A-Z]+(-[A-Z]+)+-[0-9]{3}")

F = TypeVar("F", bound=Callable[..., Any])


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the register: its profile, basis, sentence and precondition."""

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


# Read once: every test names its law while modules are imported.
@cache
def register() -> dict[str, Law]:
    """Return every law there is or ever was, by id.

    msgspec.ValidationError for an entry that is not a law.
    """
    entries = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    return {
        number: msgspec.convert({**entry, "id": number}, Law)
        for number, entry in entries.items()
    }


def law(number: str) -> Callable[[F], F]:
    """Mark a test with the law it holds.

    ValueError for one the register does not have, or no longer.
    """
    entry = register().get(number)
    if entry is None:
        raise ValueError(f"{number} 不在 {REGISTER.name} 中")
    if entry.retired:
        raise ValueError(f"{number} 已停用：{entry.retired}")

    def mark(test: F) -> F:
        # No marker of pytest's: the suite's own tests call laws without pytest.
        setattr(test, MARK, entry)
        return test

    return mark


def law_of(test: Any) -> Law | None:
    """Return the law a test function holds."""
    return getattr(test, MARK, None)


# --- profiles ---------------------------------------------------------------------


class UnknownProfile(ValueError):  # noqa: N818 - the caller's option
    """A profile, or a version of it, that does not exist."""


class _Profile(NamedTuple):
    """A profile such as `core@2025.1`."""

    name: str
    version: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> _Profile:
        name, _, version = text.partition("@")
        # Compared as numbers: 2025.10 comes after 2025.9.
        numbers = map(int, version.split("."))
        return cls(name, tuple(numbers))

    def includes(self, other: _Profile) -> bool:
        """Say whether it is the same profile in this or a later version."""
        return self.name == other.name and self.version >= other.version


def profiles() -> list[str]:
    """Return every profile with every version in which it grew, e.g. core@2025.1."""
    return sorted({entry.profile for entry in register().values()})


def chosen_profiles(text: str) -> list[str]:
    """Return the profiles of an option such as `core@2025.1,wallet@2025.1`.

    All if it is empty. UnknownProfile.
    """
    names = [part.strip() for part in text.split(",")]
    chosen = list(filter(None, names)) or profiles()
    strangers = sorted(set(chosen) - set(profiles()))
    if strangers:
        choices = "、".join(profiles())
        raise UnknownProfile(f"没有规范 {'、'.join(strangers)}；可写：{choices}")
    return chosen


def within(profile: str, chosen: Iterable[str]) -> bool:
    """Say whether a profile is part of those chosen.

    A later version includes all laws of the earlier ones.
    """
    part = _Profile.of(profile)
    return any(other.includes(part) for other in map(_Profile.of, chosen))
