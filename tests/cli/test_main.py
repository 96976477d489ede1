"""The command: what people type, and what they read when they type it wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gongji.cli import main
from gongji.client import imports

HEADERS = {kind: ",".join(columns) for kind, columns in imports.COLUMNS.items()}


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


class TestReading:
    """Commands that only read the installed cities."""

    def test_cities_lists_all_three(self) -> None:
        """`gongji --json cities` names every installed city with its plugin version."""
        rows = json.loads(_run("--json", "cities").output)["cities"]

        assert ["340800", "341000", "341100"] == [row["area_code"] for row in rows]
        assert all(row["version"] for row in rows)

    def test_labels_change_language(self) -> None:
        """`--lang en` turns the labels and leaves values alone."""
        english = _run("--lang", "en", "check", "chuzhou").output

        assert english.splitlines()[1].startswith("rule\tsince\tvalue")
        assert "最多7人(含授权人本人)" in english

    @pytest.mark.parametrize("name", ["chuzhou", "滁州", "滁州市", "341100", "341122"])
    def test_guide_takes_any_name(self, name: str) -> None:
        """A city is called by pinyin, Chinese name or any area code within it."""
        assert "最多7人(含授权人本人)" in _run("guide", name).output

    def test_guide_as_page(self) -> None:
        """`--html` prints one page that needs nothing from elsewhere."""
        page = _run("guide", "anqing", "--html").output

        assert page.startswith("<!DOCTYPE html>")
        assert "src=" not in page

    def test_check_lists_every_value(self) -> None:
        """`gongji check` lists each value with day and clauses, then what order and
        splitting can do."""
        rules, extremes, *_ = (
            json.loads(line)
            for line in _run("--json", "check", "anqing").output.splitlines()
        )
        rows = rules["rules"]

        assert all(row["clauses"] and row["in_words"] and row["since"] for row in rows)
        assert all(row["declared"] != "—" for row in extremes["extremes"])


MISTAKES = [
    ("an unknown city", ["guide", "wuhu"], "没有城市 wuhu; 已接入"),
    (
        "a day before the first rule",
        ["guide", "chuzhou", "--day", "2022-06-30"],
        "尚无有效规则",
    ),
    (
        "an adoption written wrongly",
        ["serve", "--adopt", "V2"],
        "应写作 341100:V2@2025-01-01",
    ),
    (
        "a candidate nobody knows",
        ["serve", "--adopt", "341100:V9@2025-01-01"],
        "没有名为 V9 的候选修订; 已有",
    ),
    (
        "an adoption in a city not served",
        ["serve", "--adopt", "340100:V2@2025-01-01"],
        "没有接入医保区划为 340100",
    ),
    (
        "a retired credit written wrongly",
        ["serve", "--retired-credit", "70"],
        "应写作 341100:70.00@2022-07-01",
    ),
    (
        "no service at the address",
        ["statement", "CZ001", "--target", "127.0.0.1:1"],
        "服务没有应答(UNAVAILABLE)",
    ),
    (
        "a port that is taken or not ours",
        ["serve", "--address", "203.0.113.1:1"],
        "无法监听 203.0.113.1:1",
    ),
]


class TestMistakes:
    """Usual mistakes end with one sentence and exit code 1."""

    @pytest.mark.parametrize(
        ("arguments", "told"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
    )
    def test_a_sentence_and_no_traceback(
        self, arguments: list[str], told: str, tmp_path: Path
    ) -> None:
        """The error names what is wrong and how it is written."""
        data = ["--data", str(tmp_path)] if arguments[0] == "serve" else []
        result = _run(*arguments, *data)

        assert 1 == result.exit_code
        assert told in result.output
        assert "Traceback" not in result.output


FILES = [
    ("an unknown header", "a,b\n1,2\n", "不是已知的文件"),
    (
        "an amount in thirds of a fen",
        f"{HEADERS['balances']}\nCZ001,1.005\n",
        "第 1 行",
    ),
    (
        "an enrolment written wrongly",
        f"{HEADERS['persons']}\nX1,01,1,甲,,341102,0,310-11,,\n",
        "第 1 行: enrolments",
    ),
]


class TestImport:
    """CSV files sent to a running service."""

    @pytest.mark.parametrize(
        ("text", "told"), [f[1:] for f in FILES], ids=[f[0] for f in FILES]
    )
    def test_an_unreadable_file(self, text: str, told: str, tmp_path: Path) -> None:
        """A file that cannot be read is refused before anything is sent."""
        path = tmp_path / "x.csv"
        path.write_text(text, encoding="utf-8")
        result = _run("import", str(path), "--target", "127.0.0.1:1")

        assert 1 == result.exit_code
        assert told in result.output

    def test_bad_rows_are_listed_and_good_ones_written(
        self, serving: Callable[..., str], tmp_path: Path
    ) -> None:
        """A row with a wrong check digit is named by number and field without its
        number; the other is written."""
        path = tmp_path / "persons.csv"
        rows = [
            "N1,01,341199196304120110,新一,,341102,100.00,310/11/1/2020-01-01/,,",
            "N2,01,341199196304120111,新二,,341102,100.00,310/11/1/2020-01-01/,,",
        ]
        path.write_text("\n".join([HEADERS["persons"], *rows]), encoding="utf-8")
        result = _run("--json", "import", str(path), "--target", serving(sample=False))

        counts, errors = (
            json.loads(line)
            for line in result.output.splitlines()
            if line.startswith("{")
        )
        assert {"received": 2, "written": 1, "unchanged": 0, "refused": 1} == counts[
            "persons"
        ][0]
        assert (2, "certificate.number") == (
            errors["refused"][0]["row"],
            errors["refused"][0]["field"],
        )
        assert "341199196304120111" not in result.output
        assert 1 == result.exit_code

    def test_balances_are_brought_forward_once(
        self, serving: Callable[..., str], tmp_path: Path
    ) -> None:
        """The same file of balances again credits nothing."""
        path = tmp_path / "balances.csv"
        path.write_text(f"{HEADERS['balances']}\nCZ001,6000.00\n", encoding="utf-8")
        result = _run("--json", "import", str(path), "--target", serving())

        assert {
            "received": 1,
            "written": 0,
            "unchanged": 1,
            "refused": 0,
        } == json.loads(result.output)["balances"][0]
