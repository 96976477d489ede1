"""The command that judges clients: what it runs, what it prints, how it ends."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gongji_conformance.client import report
from gongji_conformance.client.command import client_command
from gongji_conformance.client.process import ClientOutput
from gongji_conformance.client.verdicts import IDS, judge

HERE = Path(__file__).parents[2]
REFERENCE = [sys.executable, str(HERE.parents[1] / "examples" / "python" / "client.py")]
BAD = [sys.executable, str(HERE / "clients" / "bad.py")]


def run(*args: str) -> Result:
    """The command in this process; the client has its own."""
    return CliRunner().invoke(client_command, args)


def only(verdict: str, *code: str) -> str:
    """What is said of a client that is a line of Python."""
    ended = run("--only", verdict, "--limit", "1.5", "--", sys.executable, "-c", *code)
    assert 1 == ended.exit_code
    return ended.stdout


def test_the_reference_passes_as_a_command() -> None:
    """The Python reference, a process for each scenario, passes everything."""
    ended = run("--", *REFERENCE)
    last = ended.stdout.splitlines()[-1]
    assert (0, f"pass {len(IDS)}") == (ended.exit_code, last), ended.stdout


def test_a_failure_can_be_mended_and_repeated() -> None:
    """A failure says what was expected, what came, why it matters, how to repeat it."""
    ended = run("--only", "CLIENT-RETRY-001", "--", *BAD, "new-id-after-unavailable")
    lines = ended.stdout.splitlines()
    assert 1 == ended.exit_code
    says = "服务答 UNAVAILABLE 之后，用同一个 request_id 原样重发"
    assert f"CLIENT-RETRY-001 {says}" == lines[0]
    assert "  应为：每次重发都用第一次的 request_id" == lines[1]
    assert lines[2].startswith("  实为：用了 3 个编号：")
    assert lines[3].startswith("  为什么要紧：UNAVAILABLE 不说明请求有没有执行")
    assert re.fullmatch(
        r"  服务看到：.* 秒 Settle request_id=.*，拒绝 UNAVAILABLE STORE_UNAVAILABLE",
        lines[4],
    )
    assert lines[7].startswith('  客户端说：{"outcome": "done"')
    command = "python -m gongji_conformance.client --only CLIENT-RETRY-001"
    assert lines[8].startswith(f"  重做：{command} -- ")
    assert "fail 1" == lines[-1]


def test_json_has_everything_a_program_needs() -> None:
    """As JSON each verdict has id, misses and calls; no metadata, no content."""
    ended = run("--json", "--only", "CLIENT-MONEY-001", "--", *BAD, "counts-in-doubles")
    document = json.loads(ended.stdout)
    (verdict,) = document["verdicts"]
    assert report.FORMAT == document["format"]
    assert {
        "pass": 0,
        "fail": 1,
        "not-applicable": 0,
        "suite-error": 0,
    } == document["counts"]
    assert ("CLIENT-MONEY-001", "fail") == (verdict["id"], verdict["verdict"])
    assert "fund_fen = 9007199254740992" in verdict["misses"][0]["got"]
    assert [{"method", "at_s", "deadline_s", "request_id", "ending"}] == [
        set(call) for call in verdict["calls"]
    ]


PROTOCOL = {
    "a client that hangs is stopped": (
        "import time; time.sleep(60)",
        "没有退出，到时限被停止",
    ),
    "a client that falls": (
        "raise SystemExit('没有这个模块')",
        "退出码 1；标准错误末尾：没有这个模块",
    ),
    "a client that logs where results belong": (
        "print('connected')",
        "实为：connected",
    ),
    "a client that tells too little": ("", "标准输出 1 行，每件任务一个 JSON 对象"),
    "a client that tells no object": (
        "print(1)",
        "标准输出 1 行，每件任务一个 JSON 对象",
    ),
}


@pytest.mark.parametrize("sentence", PROTOCOL)
def test_clients_keep_to_the_protocol(sentence: str) -> None:
    """One JSON object a task on standard output, exit code 0, within the time."""
    code, problem = PROTOCOL[sentence]
    assert problem in only("CLIENT-RETRY-001", code)


def test_a_law_needs_calls() -> None:
    """A client that never calls is no example of good manners."""
    assert "实为：一次调用也没有" in only("CLIENT-PRIVACY-001", "")


def test_an_unknown_command_is_the_callers_mistake() -> None:
    """A command that cannot be found is told at once; nothing is judged."""
    ended = run("--", "no-such-client")
    assert (2, True) == (ended.exit_code, "找不到命令 no-such-client" in ended.stderr)


def test_what_a_client_does_not_do_is_not_applicable() -> None:
    """A client that only quotes is judged by that; the remainder is not applicable."""
    ended = run(
        "--task",
        "quote",
        "--only",
        "CLIENT-PLAIN-001",
        "--only",
        "CLIENT-PAGE-001",
        "--",
        *REFERENCE,
    )
    lines = ended.stdout.splitlines()
    assert 0 == ended.exit_code
    assert lines[0].startswith("not-applicable  CLIENT-PAGE-001")
    assert lines[0].endswith("（客户端不做 list）")
    assert lines[1].startswith("pass            CLIENT-PLAIN-001")


async def test_the_suites_own_faults_are_no_failures() -> None:
    """What breaks in the suite is told as such, never as the client's failure; exit code 2."""

    async def breaks(variables: Mapping[str, str]) -> ClientOutput:
        raise OSError(f"no more processes for {variables['GONGJI_SCENARIO']}")

    verdicts = await judge(breaks, only=["CLIENT-PLAIN-001"])
    problems = [(verdict.word, verdict.problem) for verdict in verdicts]
    problem = "OSError: no more processes for CLIENT-PLAIN-001"
    assert [("suite-error", problem)] == problems
    assert 2 == report.exit_code(verdicts)


def test_the_manual_lists_every_verdict() -> None:
    """README.md has each scenario and law once, in the words of the report."""
    manual = (HERE / "README.md").read_text(encoding="utf-8")
    assert list(IDS) == re.findall(
        r"^\| `(CLIENT-[A-Z]+-\d{3})` \|", manual, re.MULTILINE
    )
