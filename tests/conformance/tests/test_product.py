"""The suite as users have it: a command, a server elsewhere, exit codes, files."""

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
from gongji_conformance.verdicts.results import Call
from gongji_conformance.verdicts.verdict import Verdict
from msgspec.structs import replace
from seeded.faults import SERVERS
from seeded.meddler import Meddler

BIN = Path(sys.executable).parent
SERVED = re.compile(r"正在 (127\.0\.0\.1:\d+) 服务")
LIMIT_S = 120
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
        timeout=LIMIT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox server in a process of its own; its address."""
    data = tmp_path_factory.mktemp("data")
    options = ["--sandbox", "--address", "127.0.0.1:0", "--data", str(data)]
    command = [str(BIN / "gongji"), "serve", *options]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=data,
        env={"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    served = filter(None, map(SERVED.search, process.stderr))
    line = next(served, None)
    assert line, "the server said nothing of its address"
    yield line[1]
    process.terminate()
    process.wait(LIMIT_S)


@pytest.fixture(scope="module")
def judged(elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a whole run over the wire leaves behind."""
    folder = tmp_path_factory.mktemp("judged")
    ended = _judge(
        "huangshan",
        *("--target", elsewhere),
        *("--report", "out"),
        *("--today", "2026-11-30"),
        folder=folder,
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return folder / "out"


def _report(judged: Path) -> Report:
    document = (judged / "report.json").read_bytes()
    return msgspec.json.decode(document, type=Report, strict=True)


def test_files(judged: Path) -> None:
    """A run leaves four files behind."""
    names = sorted(path.name for path in judged.iterdir())
    assert ["badge.svg", "junit.xml", "report.html", "report.json"] == names


def test_report_is_of_its_schema(judged: Path) -> None:
    """report.json reads as report.v1: what was judged, by what, and how to repeat it."""
    run_report = _report(judged)
    (city,) = run_report.cities
    assert run_report.green
    assert ("huangshan", "gongji-huangshan") == (city.pinyin, city.plugin.name)
    typed = f"gongji conformance huangshan --target {run_report.target} --report out"
    seed = f"--seed {run_report.seed} --today 2026-11-30"
    assert f"{typed} {seed}" == run_report.reproduce.command
    assert (
        f"gongji-conformance=={run_report.suite.version}"
        in run_report.reproduce.requirements
    )
    assert (64, 64) == (len(run_report.suite.digest), len(city.plugin.digest))
    assert not run_report.core.digest
    assert run_report.core.version
    assert {"X14", "X13"} <= {contradiction.id for contradiction in city.contradictions}
    assert [] == city.uncovered_hooks


def test_tier_is_computed(judged: Path) -> None:
    """A whole run of a shipped city reaches gold, and says what is missing for more."""
    (city,) = _report(judged).cities
    tier = city.tier
    unmet = [finding.id for finding in tier.findings if not finding.met]
    assert ("gold", "2027-05-29") == (tier.tier, str(tier.until))
    assert ["figures-pinned"] == unmet


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


def test_links_lead_somewhere(judged: Path) -> None:
    """Each link of report.html leads to a place on it, and no two places share a name."""
    text = (judged / "report.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="#([^"]*)"', text))
    places = re.findall(r' id="([^"]*)"', text)
    assert {"huangshan-pass", "huangshan-clause-A13", "reproduce"} <= links
    assert [] == sorted(links.difference(places))
    assert len(places) == len(set(places))


def test_a_message_stands_field_by_field(judged: Path) -> None:
    """Of a call each field stands on a line of its own, a refusal's under its name."""
    run_report = _report(judged)
    (city,) = run_report.cities
    result, *_ = city.results
    refused = {"code": "NOT_FOUND", "message": "没有 <此人>"}
    call = Call(method="A/B", requests=[{"a": 1, "b": {"c": 2}}], refused=refused)
    changed = replace(city, results=[replace(result, calls=[call])])
    text = page.html(replace(run_report, cities=[changed]))
    assert "{\n  &#34;a&#34;: 1,\n  &#34;b&#34;: {\n    &#34;c&#34;: 2\n  }\n}" in text
    assert "<dt>message</dt><dd>没有 &lt;此人&gt;</dd>" in text


def test_warnings_are_named(judged: Path) -> None:
    """What a run warned of stands on the page; if there was nothing, no head for it."""
    run_report = _report(judged)
    assert [] == run_report.warnings
    assert 'id="warnings"' not in page.html(run_report)
    text = page.html(replace(run_report, warnings=["UserWarning: <x> [a]"]))
    assert "<code>UserWarning: &lt;x&gt; [a]</code>" in text


def test_junit_has_ids_and_verdicts(judged: Path) -> None:
    """junit.xml names ids and verdicts; what does not apply is skipped with a reason."""
    document = ET.parse(judged / "junit.xml")  # noqa: S314 - of our own run
    cases = list(document.iter("testcase"))
    by_id = {_property(case, "gongji_id"): case for case in cases}
    verdicts = [_property(case, "gongji_verdict") for case in cases]
    skipped = by_id["CORE-PREMIUM-001"].find("skipped")
    assert all(verdicts)
    assert len(cases) == len(by_id)
    assert skipped is not None
    assert "resident-premium" in (skipped.get("message") or "")


def _property(case: ET.Element, name: str) -> str | None:
    values = [
        property_.get("value")
        for property_ in case.iter("property")
        if property_.get("name") == name
    ]
    (value,) = values
    return value


def test_schema_is_current() -> None:
    """The committed schema is that of the reports the suite writes."""
    committed = Path(report.__file__).with_name("report.v1.schema.json").read_bytes()
    assert report.schema() == committed


@pytest.fixture(scope="module")
def lying() -> Iterator[str]:
    """A server whose lines are a fen above the bill."""
    server = ServerUnderTest()
    bad = SERVERS["lines a fen above the bill"]
    with Meddler(server.stubs.target, bad.meddling) as meddler:
        yield meddler.address
    server.close()


RUNS = {
    "a failure nobody knows": ("", "2026-11-22", 1, "不合 3", "应为：168000"),
    "a known failure": (
        KNOWN,
        "2026-11-22",
        0,
        "已知不合 3",
        "等核心修复（负责：王工，至 2026-12-31）",
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
    """A run ends well only if everything holds, or is known to fail for now."""
    known, today, code, counted, words = RUNS[what]
    (tmp_path / "known.toml").write_text(known, encoding="utf-8")
    ended = _judge(
        "huangshan",
        *("--target", lying),
        *("--only", "CORE-SETTLE-001 or CORE-SETTLE-006"),
        *("--today", today),
        *(("--known-fail", "known.toml") if known else ()),
        folder=tmp_path,
    )
    output = ended.stdout + ended.stderr
    assert (code, True) == (ended.returncode, counted in ended.stdout), output
    assert words in output


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
    arguments, words = WRONG[what]
    ended = _judge(*arguments, folder=tmp_path)
    assert 4 == ended.returncode
    assert words in ended.stderr


def test_failures_come_first_and_escaped(judged: Path) -> None:
    """A failure stands before what passed, opened, its text escaped."""
    run_report = _report(judged)
    (city,) = run_report.cities
    *passed, last = city.results
    bad = replace(last, verdict=Verdict.FAIL, failure="应为 <b>1</b>")
    counts = {**city.counts, "fail": 1, "pass": city.counts["pass"] - 1}
    spoilt = replace(city, results=[*passed, bad], counts=counts)
    text = page.html(replace(run_report, cities=[spoilt]))
    assert "有不合之处" in text
    assert "&lt;b&gt;1&lt;/b&gt;" in text
    assert text.index("<summary>不合 1") < text.index("<summary>通过")
