"""The register of laws: ids for ever, one test each, and profiles that only grow."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from gongji_conformance.laws import matrix
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import (
    ID,
    REGISTER,
    UnknownProfile,
    asked,
    law,
    law_of,
    profiles,
    register,
    within,
)

README = Path(__file__).parents[2] / "README.md"
NOT_LAWS = {"test_case"}
"""Tests that hold no law of all cities, but the cases of each."""


def test_ids_are_well_formed() -> None:
    """An id is its profile, its subject and three digits."""
    wrong = [number for number in register() if not ID.fullmatch(number)]
    assert [] == wrong
    assert [] == [law.id for law in register().values() if not law.id.startswith(law.profile_name.upper() + "-")]


def test_each_law_has_its_test() -> None:
    """Each law of the register that is not retired is held by exactly one test, and each test holds one."""
    held = [found.id for test in matrix.tests() if (found := law_of(test)) is not None]
    lawless = {test.__name__ for test in matrix.tests() if law_of(test) is None}
    assert sorted(n for n, entry in register().items() if not entry.retired) == sorted(held)
    assert NOT_LAWS == lawless


def test_the_register_only_grows() -> None:
    """What was committed once stays, in the profile it was in."""
    file = f"HEAD:./{REGISTER.name}"
    told = subprocess.run(["git", "show", file], cwd=REGISTER.parent, capture_output=True, check=False)  # noqa: S603, S607 - our own repository
    before = tomllib.loads(told.stdout.decode()) if told.returncode == 0 else {}
    assert {n: entry["profile"] for n, entry in before.items()} == {n: register()[n].profile for n in before}


def test_capabilities_are_laws_needs() -> None:
    """Every capability is presupposed by some law, and every law presupposes one there is."""
    assert set(CAPABILITIES) == {entry.needs for entry in register().values() if entry.needs}


def test_strangers_are_refused() -> None:
    """A test cannot hold a law that is not registered."""
    with pytest.raises(ValueError, match="CORE-NOTHING-001"):
        law("CORE-NOTHING-001")


def test_matrix_is_current() -> None:
    """The README shows the laws and tests there are."""
    readme = README.read_text(encoding="utf-8")
    assert matrix.renewed(readme) == readme


@pytest.mark.parametrize(
    ("profile", "chosen", "expected"),
    [
        ("core@2025.1", ["core@2025.1"], True),
        ("core@2025.1", ["core@2026.2"], True),
        ("core@2025.10", ["core@2025.2"], False),
        ("wallet@2025.1", ["core@2025.1"], False),
        ("wallet@2025.1", ["core@2025.1", "wallet@2025.1"], True),
    ],
)
def test_profiles_grow(profile: str, chosen: list[str], *, expected: bool) -> None:
    """A version asks everything an earlier version of its profile asked, and nothing of another profile."""
    assert expected == within(profile, chosen)


def test_profiles_asked() -> None:
    """Nothing said is everything; an unknown profile or version is refused with the list of those there are."""
    assert profiles() == asked("")
    assert ["core@2025.1"] == asked(" core@2025.1,")
    with pytest.raises(UnknownProfile, match=r"core@2025\.1"):
        asked("core@1999.1")
