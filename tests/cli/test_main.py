"""The command as people type it, and what they read if they type it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.client import imports
from gongji.client.connection import connect
from gongji.v1 import account_pb2, account_pb2_grpc, types_pb2

from tests.cli.command import StartSandbox, gongji, tables

HEADERS = {kind: ",".join(columns) for kind, columns in imports.COLUMNS.items()}


class TestReading:
    """Commands that only read the installed cities."""

    def test_cities_lists_all_three(self) -> None:
        """`gongji --json cities` lists every installed city with its plugin's version."""
        rows = tables(gongji("--json", "cities"))["cities"]

        assert ["340800", "341000", "341100"] == [row["area_code"] for row in rows]
        assert all(row["version"] for row in rows)

    def test_labels_change_language(self) -> None:
        """`--lang en` turns the labels and leaves values alone."""
        english = gongji("--lang", "en", "check", "chuzhou").output

        assert english.splitlines()[2].startswith("rule\tsince\tvalue")
        assert "最多7人（含授权人本人）" in english

    @pytest.mark.parametrize("name", ["chuzhou", "滁州", "滁州市", "341100", "341122"])
    def test_guide_takes_any_name(self, name: str) -> None:
        """A city is called by pinyin, Chinese name or any area code within it."""
        assert "最多7人（含授权人本人）" in gongji("guide", name).output

    def test_guide_as_page(self) -> None:
        """`--html` prints one page that needs nothing from elsewhere."""
        page = gongji("guide", "anqing", "--html").stdout

        assert page.startswith("<!DOCTYPE html>")
        assert "src=" not in page

    def test_check_lists_every_value(self) -> None:
        """`gongji check` lists each value with day and clauses, then what order and
        splitting can do."""
        printed = tables(gongji("--json", "check", "anqing"))

        for row in printed["rules"]:
            assert all((row["clauses"], row["in_words"], row["since"]))
        assert all(row["declared"] != "—" for row in printed["extremes"])


MISTAKES = {
    "an unknown city": (["guide", "wuhu"], "没有城市 wuhu；已接入"),
    "a day before the first rule": (
        ["guide", "chuzhou", "--day", "2022-06-30"],
        "尚无有效规则",
    ),
    "an adoption written wrongly": (
        ["serve", "--adopt", "V2"],
        "应写作 341100:V2@2025-01-01",
    ),
    "a candidate nobody knows": (
        ["serve", "--adopt", "341100:V9@2025-01-01"],
        "没有名为 V9 的候选修订；已有",
    ),
    "an adoption in a city not served": (
        ["serve", "--adopt", "340100:V2@2025-01-01"],
        "没有接入医保区划为 340100",
    ),
    "a retired credit written wrongly": (
        ["serve", "--retired-credit", "70"],
        "应写作 341100:70.00@2022-07-01",
    ),
    "no service at the address": (
        ["statement", "CZ001", "--target", "127.0.0.1:1"],
        "服务没有应答（UNAVAILABLE）",
    ),
    "an address that others reach": (
        ["serve", "--address", "203.0.113.1:1"],
        "203.0.113.1:1 不是本机回环地址",
    ),
    "a folder that cannot be made": (
        ["dev-certs", f"{__file__}/certs"],
        "certs：路径中有一段不是目录",
    ),
}


class TestCommandMistakes:
    """Usual mistakes end with one sentence and exit code 1."""

    @pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
    def test_a_sentence_and_no_traceback(
        self, arguments: list[str], message: str, tmp_path: Path
    ) -> None:
        """The error names what is wrong and how it is written."""
        data = ["--data", str(tmp_path)] if arguments[0] == "serve" else []
        result = gongji(*arguments, *data)

        assert 1 == result.exit_code
        assert message in result.output
        assert "Traceback" not in result.output


BALANCES = f"{HEADERS['balances']}\n"

PERSON = "N3,01,341199196304120110,甲,,341102,0,{},,"

GOOD = {
    "balances": ("CZ001,10.00", "CZ003,30.00"),
    "persons": (
        "N1,08,X1234,新一,,341102,100.00,310/11/1/2020-01-01/,,",
        "N2,08,X1235,新二,,341102,100.00,310/11/1/2020-01-01/,,",
    ),
}
"""Rows that are written, before and after the one at fault."""

FILES = {
    "an unknown header": (b"a,b\n1,2\n", "x.csv：表头 a,b 不是已知的文件"),
    "no text": (BALANCES.encode() + b"CZ001,\xff\xff\n", "x.csv 第 2 行不是 UTF-8"),
    "nothing": (b"", "x.csv 是空文件"),
}

AT_FAULT = {
    "an amount in thirds of a fen": ("balances", "CZ002,1.005", "brought_forward_yuan"),
    "an amount by thousands": ("balances", "CZ002,1,234.50", "brought_forward_yuan"),
    "an amount below nothing": ("balances", "CZ002,-1.00", "brought_forward_fen"),
    "a person nobody knows": ("balances", "XX999,10.00", "person"),
    "a number with a blank": ("balances", "CZ002 ,10.00", "person_no"),
    "a row cut short": ("balances", "CZ002", "brought_forward_yuan"),
    "an enrolment written wrongly": ("persons", PERSON.format("310-11"), ""),
    "a person cut short": ("persons", "N3,01,341199196304120110,甲", "phone"),
}


FILES_OF_BALANCES: list[tuple[str, str, tuple[str, ...]]] = [
    (HEADERS["balances"], "100.00", ()),
    (HEADERS["balances"], "120.00", ()),
    (HEADERS["balances"], "120.00", ("--year", "2024")),
    (HEADERS["balances"], "0.00", ("--year", "2024")),
    (f"{HEADERS['balances']},batch", "1.00,second", ()),
    (f"{HEADERS['balances']},year,batch", "2.00,2023,", ("--batch", "x")),
]
"""Header, cells and options of files sent one after another."""


class TestImport:
    """CSV files sent to a running service."""

    @pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
    def test_an_unreadable_file(
        self, content: bytes, message: str, tmp_path: Path
    ) -> None:
        """A file that cannot be read is refused before anything is sent."""
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        result = gongji("import", path, "--target", "127.0.0.1:1")

        assert 1 == result.exit_code
        assert message in result.output

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        """A folder is no file, and says so."""
        result = gongji("import", tmp_path)

        assert (1, True) == (result.exit_code, "是目录，不是文件" in result.output)

    @pytest.mark.parametrize(("kind", "row", "field"), AT_FAULT.values(), ids=AT_FAULT)
    def test_a_row_stops_nothing(
        self,
        serving: StartSandbox,
        tmp_path: Path,
        kind: str,
        row: str,
        field: str,
    ) -> None:
        """Whoever finds a row at fault, the rows before and after it are written, it is
        listed by its row and column, both counts are told, and the exit code is 1."""
        first, last = GOOD[kind]
        path = tmp_path / "x.csv"
        path.write_text(f"{HEADERS[kind]}\n{first}\n{row}\n{last}\n", "gbk")
        result = gongji("--json", "import", path, "--target", serving())

        printed = tables(result)
        counts = {"received": 3, "written": 2, "unchanged": 0, "refused": 1}
        (told,) = printed[kind]
        # An import has a number by which its consequences are asked for.
        assert bool(told.pop("import_id", "")) is (kind != "balances")
        assert counts == told
        (refused,) = printed["refused"]
        assert (3, field) == (refused["row"], refused["field"])
        assert 1 == result.exit_code

    def test_bad_rows_are_listed_and_good_ones_written(
        self, serving: StartSandbox, tmp_path: Path
    ) -> None:
        """A row with a wrong check digit is named by number and field, without its
        certificate's number; the other is written."""
        path = tmp_path / "persons.csv"
        rows = [
            "N1,01,341199196304120110,新一,,341102,100.00,310/11/1/2020-01-01/,,",
            "N2,01,341199196304120111,新二,,341102,100.00,310/11/1/2020-01-01/,,",
        ]
        path.write_text("\n".join([HEADERS["persons"], *rows]), encoding="utf-8")
        result = gongji("--json", "import", path, "--target", serving(sample=False))

        printed = tables(result)
        counts = {"received": 2, "written": 1, "unchanged": 0, "refused": 1}
        (told,) = printed["persons"]
        assert told.pop("import_id")
        assert counts == told
        (refused,) = printed["refused"]
        assert (3, "certificate.number") == (refused["row"], refused["field"])
        assert "341199196304120111" not in result.output
        assert 1 == result.exit_code

    def test_a_corrected_file_corrects_and_another_year_counts(
        self, serving: StartSandbox, tmp_path: Path
    ) -> None:
        """Of one batch and year the last file holds; another batch or year adds."""
        path, address = tmp_path / "balances.csv", serving()
        for header, cells, options in FILES_OF_BALANCES:
            path.write_text(f"{header}\nCZ007,{cells}\n", encoding="utf-8")
            result = gongji("import", path, *options, "--target", address)
            assert 0 == result.exit_code, result.output
        assert (123_00, 6) == self._purse(address)

    @staticmethod
    def _purse(address: str) -> tuple[int, int]:
        """Return balance and version of CZ007's account."""
        person = types_pb2.PersonRef(person_no="CZ007")
        with connect(address) as channel:
            account = account_pb2_grpc.AccountServiceStub(channel).GetAccount(
                account_pb2.GetAccountRequest(person=person)
            )
        return account.balance_fen, account.version

    def test_only_balances_have_a_batch(
        self, serving: StartSandbox, tmp_path: Path
    ) -> None:
        """A batch named for people or institutions is refused before anything is sent."""
        path = tmp_path / "persons.csv"
        path.write_text(HEADERS["persons"], encoding="utf-8")
        result = gongji("import", path, "--batch", "x", "--target", serving())
        assert 2 == result.exit_code
        assert "结转余额" in result.output

    def test_balances_are_brought_forward_once(
        self, serving: StartSandbox, tmp_path: Path
    ) -> None:
        """The same file of balances again credits nothing."""
        path = tmp_path / "balances.csv"
        path.write_text(f"{HEADERS['balances']}\nCZ001,6000.00\n", encoding="utf-8")
        result = gongji("--json", "import", path, "--target", serving())

        counts = {"received": 1, "written": 0, "unchanged": 1, "refused": 0}
        assert {"balances": [counts]} == tables(result)
