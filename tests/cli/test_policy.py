"""`gongji policy`: what is wrong on which line, what a caller may do, and the kept table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from gongji.access.callers import Kind
from gongji.access.lines import line_of
from gongji.access.rights import RIGHTS

from tests.access.policies import POLICY
from tests.cli.command import gongji, tables

ROOT = Path(__file__).resolve().parents[2]

FAULTY = """version = 1
revision = "r"

[limits]
calls = 0

[callers.a]
kind = "app"
cities = [
  "3408", # = 1
  "x",
]
channels = ["w"]
limits = { calls = 0 }

[callers."b.c"]
certificates = ["CN=b"]
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Return a file with the sample policy."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def test_a_problem_is_told_with_its_line(tmp_path: Path) -> None:
    """Each problem of a policy comes with the line of its key, or of its table."""
    path = tmp_path / "policy.toml"
    path.write_text(FAULTY, encoding="utf-8")
    result = gongji("--json", "policy", "check", path)
    assert 1 == result.exit_code
    found = [(row["row"], row["field"]) for row in tables(result)["problems"]]
    expected = [
        ("5", "limits.calls"),
        ("9", "callers.a.cities"),
        ("14", "callers.a.limits.calls"),
        ("16", "callers.b.c.kind"),
    ]
    assert expected == sorted(found, key=lambda one: int(one[0]))


def test_a_key_that_is_nowhere_has_no_line() -> None:
    """A path of which not even the table is written has no line."""
    assert line_of(FAULTY, ("guessing", "wrong")) is None
    assert line_of("", ("version",)) is None


def test_a_policy_without_problems_is_summed_up(policy: Path) -> None:
    """A usable policy is told by its revision, with what has no effect."""
    text = POLICY.replace('kind = "city_team"', 'kind = "city_team"\nchannels = ["w"]')
    policy.write_text(text, encoding="utf-8")
    result = gongji("policy", "check", policy)
    assert 0 == result.exit_code
    assert "策略 2026-11-30 可用：13 个调用方" in result.stdout
    assert "callers.rules.channels：city_team 类调用方用不到" in result.stdout
    assert "callers.rules：既没有证书也没有令牌" in result.stdout
    assert "callers.hospital：" not in result.stdout


def test_what_a_caller_may_do_is_explained(policy: Path) -> None:
    """A caller's right to a method is told with its limits, its lack with who has it."""
    methods = ("gongji.v1.BindingService/SubmitBinding", "Credit", "GetCity")
    result = gongji("--json", "policy", "explain", policy, "wanshitong", *methods)
    submit, credit, city = tables(result)["rights"]
    assert ("SubmitBinding", "可以") == (submit["method"], submit["may"])
    for part in ("渠道（wanshitong）", "x-gongji-subject-bin", "城市（3408）"):
        assert part in submit["reason"]
    assert "不可以" == credit["may"]
    assert "app 类没有这项权利，有的是 operator" == credit["reason"]
    assert ("可以", "不受限制") == (city["may"], city["reason"])


def test_every_method_is_explained_unless_some_are_named(policy: Path) -> None:
    """Without methods all of them are explained, to a tester as a sandbox's."""
    result = gongji("--json", "policy", "explain", policy, "trial")
    rows = tables(result)["rights"]
    assert list(RIGHTS) == [row["method"] for row in rows]
    assert {"仅沙盒"} == {row["may"] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "策略中没有调用方 nobody"),
        (["audit", "Pay"], "没有方法 Pay，有的是"),
    ],
)
def test_what_is_not_there_is_told(
    policy: Path, arguments: list[str], sentence: str
) -> None:
    """An unknown caller or method is refused with those there are."""
    result = gongji("policy", "explain", policy, *arguments)
    assert 1 == result.exit_code
    assert sentence in result.stderr


def test_the_kept_table_is_current() -> None:
    """The reviewed table in docs is what `gongji policy table` writes."""
    kept = (ROOT / "docs" / "access-table.csv").read_text("utf-8")
    assert kept == gongji("policy", "table").stdout
    rows = list(csv.DictReader(io.StringIO(kept)))
    assert len(RIGHTS) * len(Kind) == len(rows)


def test_a_policys_own_table_has_its_callers(policy: Path) -> None:
    """Of a policy the table names callers; who has all is bound by nothing."""
    rows = list(csv.DictReader(io.StringIO(gongji("policy", "table", policy).stdout)))
    of_credit = {row["caller"]: row for row in rows if row["method"] == "Credit"}
    assert ("yes", "any") == (
        of_credit["operations"]["may"],
        of_credit["operations"]["city"],
    )
    assert "no" == of_credit["audit"]["may"]
