"""The suite as its users have it: a command, a server in another process, exit codes and the files it leaves."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.reports import page, report
from gongji_conformance.reports.report import Report
from gongji_conformance.verdicts.verdict import Verdict
from seeded.faults import SERVERS
from seeded.meddler import Meddler

BIN = Path(sys.executable).parent
SERVED = re.compile(r"正在 (127\.0\.0\.1:\d+) 服务")
PATIENCE_S = 120
IDENTITY = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9X](?![0-9A-Za-z])")
PHONE = re.compile(r"(?<![0-9A-Za-z])1[0-9]{10}(?![0-9A-Za-z])")
KNOWN = """
[[known-fail]]
id = "CORE-SETTLE-001"
city = "huangshan"
reason = "等核心修复"
owner = "王工"
expires = 2026-12-31
"""


def _judge(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`gongji conformance` in a process of its own, in that folder."""
    command = [str(BIN / "gongji"), "conformance", *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox server in a process of its own; its address."""
    data = tmp_path_factory.mktemp("data")
    command = [
        str(BIN / "gongji"),
        "serve",
        "--sandbox",
        "--address",
        "127.0.0.1:0",
        "--data",
        str(data),
    ]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=data,
        env={"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    said = next(
        (found for line in process.stdout if (found := SERVED.search(line))), None
    )
    assert said, "the server said nothing of its address"
    yield said[1]
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def judged(elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a whole run over the wire leaves behind."""
    folder = tmp_path_factory.mktemp("judged")
    told = _judge(
        "huangshan",
        "--target",
        elsewhere,
        "--report",
        "out",
        "--today",
        "2026-11-22",
        folder=folder,
    )
    assert 0 == told.returncode, told.stdout + told.stderr
    return folder / "out"


def test_files(judged: Path) -> None:
    """A run leaves four files behind."""
    assert ["badge.svg", "junit.xml", "report.html", "report.json"] == sorted(
        path.name for path in judged.iterdir()
    )


def test_report_is_of_its_schema(judged: Path) -> None:
    """report.json reads as report.v1 and says what was judged, by what, with which digest, and how to do it again."""
    made = msgspec.json.decode(
        (judged / "report.json").read_bytes(), type=Report, strict=True
    )
    (city,) = made.cities
    assert made.green
    assert ("huangshan", "gongji-huangshan") == (city.pinyin, city.plugin.name)
    assert made.target in made.reproduce.command
    assert f"--gongji-seed {made.seed}" in made.reproduce.command
    assert f"gongji-conformance=={made.suite.version}" in made.reproduce.requirements
    assert (64, 64, "") == (
        len(made.suite.digest),
        len(city.plugin.digest),
        made.core.digest,
    )
    assert made.core.version
    assert {"X14", "X13"} <= {contradiction.id for contradiction in city.contradictions}
    assert [] == city.uncovered_hooks


def test_tier_is_computed(judged: Path) -> None:
    """A whole run of a shipped city reaches gold, and says until when and what is missing for more."""
    tier = (
        msgspec.json.decode((judged / "report.json").read_bytes(), type=Report)
        .cities[0]
        .tier
    )
    assert ("gold", "2027-05-21") == (tier.tier, str(tier.until))
    assert ["figures-pinned"] == [
        finding.id for finding in tier.findings if not finding.met
    ]


def test_nothing_tells_who_somebody_is(judged: Path) -> None:
    """No file holds an identity or phone number, nor the name of anybody invented."""
    for path in judged.iterdir():
        text = path.read_text(encoding="utf-8")
        assert [] == IDENTITY.findall(text)
        assert [] == PHONE.findall(text)
        assert "测试在职" not in text


def test_page_needs_nothing_else(judged: Path) -> None:
    """report.html refers to no other file and runs no script."""
    text = (judged / "report.html").read_text(encoding="utf-8")
    assert [] == re.findall(r"<script|<link|<img|src=|url\(|@import", text)
    assert "A13" in text
    assert 'lang="zh-CN"' in text


def test_junit_has_ids_and_verdicts(judged: Path) -> None:
    """junit.xml names each id with its verdict; what does not apply is skipped with its capability."""
    cases = list(ET.parse(judged / "junit.xml").iter("testcase"))  # noqa: S314 - written by our own run
    told = {
        property_.get("value"): case
        for case in cases
        for property_ in case.iter("property")
        if property_.get("name") == "gongji_id"
    }
    skipped = told["CORE-PREMIUM-001"].find("skipped")
    assert len(cases) == sum(
        1
        for case in cases
        for p in case.iter("property")
        if p.get("name") == "gongji_verdict"
    )
    assert skipped is not None
    assert "resident-premium" in (skipped.get("message") or "")


def test_schema_is_current() -> None:
    """The committed schema is that of the reports the suite writes."""
    committed = Path(report.__file__).with_name("report.v1.schema.json").read_bytes()
    assert report.schema() == committed


@pytest.fixture(scope="module")
def lying() -> Iterator[str]:
    """A server whose lines are a fen above the bill."""
    server = ServerUnderTest()
    with Meddler(
        server.stubs.target, SERVERS["lines a fen above the bill"].meddling
    ) as meddler:
        yield meddler.address
    server.close()


RUNS = {
    "a failure nobody knows": ("", "2026-11-22", 1, "不合 3", "应为: 168000"),
    "a known failure": (
        KNOWN,
        "2026-11-22",
        0,
        "已知不合 3",
        "等核心修复 (负责: 王工, 至 2026-12-31)",
    ),
    "a known failure that has expired": (
        KNOWN,
        "2027-01-01",
        1,
        "不合 3",
        "已于 2026-12-31 到期",
    ),
    "a known failure of something that holds": (
        KNOWN.replace("CORE-SETTLE-001", "CORE-SETTLE-006"),
        "2026-11-22",
        1,
        "不合 4",
        "现已通过",
    ),
    "a known failure of nothing there is": (
        KNOWN.replace("CORE-SETTLE-001", "CORE-SETLE-001"),
        "2026-11-22",
        4,
        "",
        "CORE-SETLE-001",
    ),
}


@pytest.mark.parametrize("what", RUNS)
def test_exit_codes(lying: str, tmp_path: Path, what: str) -> None:
    """A run ends well only where everything holds, or is known to fail and its day has not come."""
    known, today, code, counted, said = RUNS[what]
    (tmp_path / "known.toml").write_text(known, encoding="utf-8")
    given = ["--known-fail", "known.toml"] if known else []
    told = _judge(
        "huangshan",
        "--target",
        lying,
        "--only",
        "CORE-SETTLE-001 or CORE-SETTLE-006",
        "--today",
        today,
        *given,
        folder=tmp_path,
    )
    assert (code, True) == (told.returncode, counted in told.stdout), (
        told.stdout + told.stderr
    )
    assert said in told.stdout + told.stderr


WRONG = {
    "a city there is none of": (["atlantis"], "没有城市 atlantis"),
    "a profile there is none of": (["--profile", "core@1.1"], "没有规范 core@1.1"),
    "a known-fail file that is not there": (
        ["--known-fail", "nowhere.toml"],
        "nowhere.toml",
    ),
    "a day that is none": (["--today", "2026-02-30"], "2026-02-30"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_options(tmp_path: Path, what: str) -> None:
    """An option that cannot be met is told in one line, before anything is judged."""
    arguments, said = WRONG[what]
    told = _judge(*arguments, folder=tmp_path)
    assert 4 == told.returncode
    assert said in told.stderr


def test_failures_come_first_and_escaped(judged: Path) -> None:
    """A failure stands before what passed, opened, its text escaped."""
    made = msgspec.json.decode((judged / "report.json").read_bytes(), type=Report)
    (city,) = made.cities
    bad = msgspec.structs.replace(
        city.results[-1], verdict=Verdict.FAIL, failure="应为 <b>1</b>"
    )
    spoilt = msgspec.structs.replace(
        city,
        results=[*city.results[:-1], bad],
        counts={**city.counts, "fail": 1, "pass": city.counts["pass"] - 1},
    )
    text = page.html(msgspec.structs.replace(made, cities=[spoilt]))
    assert "有不合之处" in text
    assert "&lt;b&gt;1&lt;/b&gt;" in text
    assert text.index("<summary>不合 1") < text.index("<summary>通过")
