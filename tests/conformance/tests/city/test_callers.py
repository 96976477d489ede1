"""Callers whose rights are judged: the file that states them, and what is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji_conformance.city.access import Access
from gongji_conformance.city.callers import (
    CallersUnderTest,
    NoSuchCaller,
    StatedCaller,
    read_callers,
)
from gongji_conformance.city.recorder import Recorder
from gongji_conformance.laws.rights import PATHS, WORK
from gongji_conformance.laws.work import CALLS
from gongji_conformance.verdicts.verdict import Verdict, verdict_of

CHUZHOU, ANQING = "341100", "340800"


def test_a_file_states_callers(tmp_path: Path) -> None:
    """Each table is a caller; its paths lead on from the file's folder."""
    file = tmp_path / "callers.toml"
    file.write_text(
        '[hospital-a]\nkind = "hospital"\ncert = "a.pem"\nkey = "/k/a.key"\n'
        'institutions = ["H34110000001"]\n[app]\nkind = "app"\ntoken_file = "t"\n',
        encoding="utf-8",
    )
    read = read_callers(file)
    assert ["hospital-a", "app"] == list(read)
    hospital, app = read.values()
    assert (str(tmp_path / "a.pem"), "/k/a.key") == (hospital.cert, hospital.key)
    assert (str(tmp_path / "t"), ("H34110000001",)) == (
        app.token_file,
        hospital.institutions,
    )


@pytest.mark.parametrize(
    "text",
    ["[", "[a]\n", '[a]\nkind = "king"\n', '[a]\nkind = "app"\npassword = "x"\n'],
)
def test_a_file_at_fault_is_named(tmp_path: Path, text: str) -> None:
    """A file that states no callers is refused with how they are written."""
    file = tmp_path / "callers.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"--gongji-callers .*callers\.toml"):
        read_callers(file)
    with pytest.raises(ValueError, match=r"none\.toml 不能读取：请核对路径与权限$"):
        read_callers(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("own", "fits"),
    [
        ({}, {CHUZHOU, ANQING}),
        ({"cities": ("3411",)}, {CHUZHOU}),
        ({"cities": ("341102",)}, {CHUZHOU}),
        ({"cities": ("*",)}, {CHUZHOU, ANQING}),
        ({"institutions": ("H34080000001",)}, {ANQING}),
        ({"institutions": ("*",)}, {CHUZHOU, ANQING}),
    ],
)
def test_whose_city_it_is(own: dict[str, tuple[str, ...]], fits: set[str]) -> None:
    """A caller is judged in the cities in which its work lies."""
    stated = StatedCaller(kind="hospital", **own)  # type: ignore[arg-type] # tuples of texts
    assert fits == {area for area in (CHUZHOU, ANQING) if stated.fits(area)}


def test_without_a_caller_nothing_is_judged() -> None:
    """A law about a kind nobody has stated is not applicable, and says what to state."""
    callers = CallersUnderTest({}, Access(target="127.0.0.1:1"), Recorder())
    for asking in (lambda: callers.one("app", CHUZHOU), callers.nobody):
        with pytest.raises(NoSuchCaller, match="--callers") as caught:
            asking()
        assert Verdict.NOT_APPLICABLE is verdict_of(caught.value)


def test_every_method_is_somebodys_work() -> None:
    """Each method there is stands in the table of work and can be asked; none else does."""
    assert set(PATHS) == set().union(*WORK.values())
    assert set(PATHS) - {"Reset"} == set(CALLS) & set(PATHS)


def test_a_token_is_not_sent_in_the_clear() -> None:
    """A token goes to this machine, or over TLS."""
    Access(target="127.0.0.1:1", token_file="t")  # noqa: S106 - a file's name
    Access(target="gongji.invalid:1", ca="system", token_file="t")  # noqa: S106
    with pytest.raises(ValueError, match="--gongji-ca"):
        Access(target="gongji.invalid:1", token_file="t")  # noqa: S106
