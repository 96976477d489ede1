"""From an empty directory, with only what is installed: a fourth city is judged and
serves beside the three.

What CI does from an answers file, as `plugins/README.md` tells a city team to do it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.making import BIN, SECONDS, Kit, every_year

SERVED = re.compile(r"正在 (127\.0\.0\.1:\d+) 服务")
THREE = ["340800", "341000", "341100"]


@contextmanager
def _serving(kit: Kit) -> Iterator[str]:
    """`gongji serve` in a process of its own; its address."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [
            str(BIN / "gongji"),
            "serve",
            "--sandbox",
            "--address",
            "127.0.0.1:0",
            "--data",
            "var",
        ],
        cwd=kit.desk,
        env=kit.environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stderr
        matches = map(SERVED.search, process.stderr)
        served = next(filter(None, matches), None)
        assert served, "the server said nothing of its address"
        yield served[1]
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_wheel_has_its_cases(wuhu: Kit) -> None:
    """What is installed is the package with its cases and its entry point, and nothing
    of gongji's."""
    installed = {path.name for path in wuhu.site.iterdir()}

    assert {"gongji_wuhu", "gongji_wuhu-0.1.0.dist-info"} == installed
    assert (wuhu.site / "gongji_wuhu" / "cases.toml").exists()


def test_check(wuhu: Kit) -> None:
    """`gongji check --strict` finds nothing wrong and lists the city's own values under
    its own clauses."""
    ran = wuhu.run("gongji", "--json", "check", "wuhu", "--strict")
    rules = json.loads(ran.stdout.splitlines()[0])["rules"]
    own = {
        row["hook"].split()[0]: row["clauses"]
        for row in rules
        if row["layer"] == "芜湖市"
    }

    assert 0 == ran.returncode, ran.stdout
    assert "WH13" == own["family_limit"]
    assert {
        "relations",
        "scope",
        "channels",
        "identity_checks",
        "fields_asked",
        "materials",
    } < own.keys()
    assert "WH1、WH2、WH3、WH4、WH5、WH6" in own["reimbursement"]


def test_cities_and_doctor(wuhu: Kit, tmp_path: Path) -> None:
    """The city is listed beside the three, and the doctor finds nothing to do."""
    rows = json.loads(wuhu.run("gongji", "--json", "cities").stdout)["cities"]
    doctor = wuhu.run("gongji", "doctor", "--calendar", every_year(tmp_path))

    assert ["340200", *THREE] == [row["area_code"] for row in rows]
    assert 0 == doctor.returncode, doctor.stdout
    assert "芜湖市（gongji-wuhu 0.1.0）" in doctor.stdout


@pytest.mark.long
def test_conformance_in_process(wuhu: Kit) -> None:
    """The whole suite and every generated case pass."""
    ran = wuhu.conformance()

    assert 0 == ran.returncode, ran.stdout
    assert int(_passed(ran.stdout)) > 90


def test_conformance_over_the_wire_beside_the_three(wuhu: Kit) -> None:
    """A server in another process, which serves the three as well, answers each of their
    cases as before."""
    options = ("-k", "test_case", "--gongji-city", "huangshan")
    with _serving(wuhu) as address:
        ran = wuhu.conformance(*options, "--gongji-target", address)

    assert 0 == ran.returncode, ran.stdout
    assert "WUHU" not in ran.stdout


Wrong = tuple[str, str, str]
"""A figure, what is written in its place, and the case that must notice."""

WRONG: list[dict[str, Wrong]] = [
    {
        "a year's most deductible a fen higher": (
            "year_max_fen=600_00",
            "year_max_fen=600_01",
            "EMPLOYEE-TOP-UP",
        ),
        "a cap a visit a fen higher": ("3: 80_50", "3: 80_51", "RESIDENT-VISIT-CAP"),
        "one member more": ("people=5", "people=6", "BIND-FAMILY"),
        "the spouse alone": (
            "_wuhu(CLOSE",
            '_wuhu(RelationSet(name="-", codes=frozenset({"10"}))',
            "BIND-RELATIONS",
        ),
        "the whole province": (
            "_wuhu(Scope.POOLING_AREA",
            "_wuhu(Scope.PROVINCE",
            "BIND-SCOPE",
        ),
        "a check less": (
            "IdentityCheck.REAL_NAME, IdentityCheck.FACE",
            "IdentityCheck.FACE",
            "WUHU-MINIP-CHECKS",
        ),
        "a field less": (
            "CERTIFICATE_NUMBER, MemberField.PHONE",
            "CERTIFICATE_NUMBER",
            "WUHU-MINIP-FIELDS",
        ),
        "a review a day longer": ("working_days=2", "working_days=3", "BIND-WHOLE"),
        "a day later": ('since="2025-01-01"', 'since="2025-01-02"', "BIND-FIRST-DAY"),
    },
    {
        "a deductible a fen higher": (
            "1: 200_00, 2",
            "1: 200_01, 2",
            "EMPLOYEE-FIRST-ACTIVE",
        ),
        "residents' cap a fen lower": (
            "ACTIVE: 300_00",
            "ACTIVE: 299_99",
            "RESIDENT-CAP-ACTIVE",
        ),
        "the holder counted": (
            "counting_holder=False",
            "counting_holder=True",
            "BIND-FAMILY",
        ),
    },
    {
        "a ratio a hundredth of a point lower": (
            "2: 62_50",
            "2: 62_49",
            "EMPLOYEE-FIRST-ACTIVE",
        ),
        "a cap a fen lower": (
            "Standing.RETIRED: 3200_00",
            "Standing.RETIRED: 3199_99",
            "EMPLOYEE-CAP-RETIRED",
        ),
        "a proof not asked for": (
            "asked=Asked.RELATION_NOT_ON_RECORD,",
            "",
            "WUHU-MINIP-MATERIALS",
        ),
    },
]
"""Figures wrong by the least there is, in rounds whose cases do not meet."""


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "figures",
    WRONG,
    ids=["bindings, limits, days", "deductible and caps", "ratios and proofs"],
)
def test_a_wrong_figure_is_noticed(
    wuhu: Kit, tmp_path: Path, figures: dict[str, Wrong]
) -> None:
    """Each figure that is wrong makes a generated case fail that is about it."""
    kit = Kit(wuhu.project, tmp_path / "site", tmp_path / "desk")
    shutil.copytree(wuhu.site, kit.site)
    kit.desk.mkdir()
    module = kit.site / "gongji_wuhu" / "__init__.py"
    source = module.read_text(encoding="utf-8")
    for right, changed, _ in figures.values():
        assert right in source
        source = source.replace(right, changed, 1)
    module.write_text(source, encoding="utf-8")
    failed = set(
        re.findall(
            r"test_case\[WUHU-([A-Z-]+)\]",
            kit.conformance("-k", "test_case", "--tb=no").stdout,
        )
    )

    assert [] == [name for name, (_, _, case) in figures.items() if case not in failed]


def _passed(text: str) -> str:
    match = re.search(r"(\d+) passed", text)
    return match[1] if match else "0"
