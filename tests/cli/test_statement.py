"""`gongji statement`: one family's month as the counter hands it over, from a service
that was told their days."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pypdfium2 as pdfium
import pytest
from click.testing import CliRunner, Result
from gongji.cli import main
from gongji.cli.demo.day import DemoDay
from gongji.cli.terminal import Terminal
from gongji.client import imports, statement
from gongji.client.connection import connect
from gongji.rules.codes import SHANGHAI
from gongji.v1 import account_pb2, binding_pb2, registry_pb2, settlement_pb2, types_pb2

CLINIC, DRUGSTORE = "H34080000003", "P34080000001"
HOLDER, PARENT, WIFE = "AQ001", "AQ003", "AQ002"
COUNTER = [
    binding_pb2.Material(kind=kind, original=True, reference="x")
    for kind in (
        "holder_id_card",
        "holder_social_security_card",
        "member_identity",
        "household_register",
    )
]

HOLDERS_SEPTEMBER = """\
时间,机构,使用人编号,共济支付(元),状态
2025-09-30 10:00:00,安庆示例社区卫生服务中心,AQ003,280.00,有效
2025-09-30 23:59:59,安庆示例大药房,AQ003,1234.50,已撤销
合计(不含已撤销),,,280.00,
"""
HOLDERS_OCTOBER = """\
时间,机构,使用人编号,共济支付(元),状态
2025-10-01 00:00:00,安庆示例大药房,AQ003,66.00,有效
合计(不含已撤销),,,66.00,
"""
PARENTS_OWN = """\
时间,机构,费用总额(元),统筹基金(元),本人账户(元),共济账户(元),现金(元),状态
2025-09-30 10:00:00,安庆示例社区卫生服务中心,295.00,0.00,0.00,280.00,15.00,有效
2025-09-30 23:59:59,安庆示例大药房,1234.50,0.00,0.00,1234.50,0.00,已撤销
2025-10-01 00:00:00,安庆示例大药房,66.00,0.00,0.00,66.00,0.00,有效
合计(不含已撤销),,361.00,0.00,0.00,346.00,15.00,
"""
SEPTEMBERS_ACCOUNT = """\
序号,时间,事由,金额(元),余额(元)
,,期初余额,,0.00
1,2025-09-30 10:00:00,结转转入,3600.00,3600.00
2,2025-09-30 10:00:00,共济支付,-280.00,3320.00
3,2025-09-30 23:59:59,共济支付,-1234.50,2085.50
,,期末余额,,2085.50
"""
OCTOBERS_ACCOUNT = """\
序号,时间,事由,金额(元),余额(元)
,,期初余额,,2085.50
4,2025-10-01 00:00:00,共济支付,-66.00,2019.50
5,2025-10-01 00:00:00,撤销退回,1234.50,3254.00
,,期末余额,,3254.00
"""
NOTHING = "时间,机构,使用人编号,共济支付(元),状态\n合计(不含已撤销),,,0.00,\n"

CSVS = {
    "a holder's month to its last second": (
        [HOLDER, "--month", "2025-09"],
        HOLDERS_SEPTEMBER,
    ),
    "a holder's month from its first second": (
        [HOLDER, "--month", "2025-10"],
        HOLDERS_OCTOBER,
    ),
    "a holder's dates": (
        [HOLDER, "--from", "2025-10-01", "--to", "2025-10-01"],
        HOLDERS_OCTOBER,
    ),
    "a month without charges": ([HOLDER, "--month", "2025-08"], NOTHING),
    "a holder whose purse nobody used": ([WIFE], NOTHING),
    "a patient's own settlements": ([PARENT, "--side", "member"], PARENTS_OWN),
    "an account's month": (
        [HOLDER, "--side", "account", "--month", "2025-09"],
        SEPTEMBERS_ACCOUNT,
    ),
    "an account's next month": (
        [HOLDER, "--side", "account", "--from", "2025-10-01"],
        OCTOBERS_ACCOUNT,
    ),
}


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["statement", *arguments], catch_exceptions=False)


def _texts(pdf: bytes) -> list[str]:
    """The text of each page, without spaces and line ends."""
    return [
        re.sub(r"\s", "", p.get_textpage().get_text_range())
        for p in pdfium.PdfDocument(pdf)
    ]


def _live(day: DemoDay) -> None:
    """A holder's parent uses his purse at the clinic, at a month's last second and at
    the next one's first."""
    city, use = settlement_pb2.ACCOUNT_USE_CITY_ORDER, DRUGSTORE
    assert day.bind(HOLDER, PARENT, "52", "window", COUNTER, consent=True)
    day.settle(
        PARENT,
        CLINIC,
        "260",
        use=city,
        first_selfpay_fen=2000,
        out_of_catalogue_fen=1500,
    )
    day.clock("2025-09-30 23:59:59")
    wrong = day.settle(PARENT, use, "1234.50", use=city)
    day.clock("2025-10-01 00:00:00")
    day.settle(PARENT, use, "66", use=city)
    day.reverse(wrong.settlement_id)


@pytest.fixture
def told(serving: Callable[..., str]) -> str:
    """The address of a service that was told the family's days."""
    address = serving(sample=False)
    with connect(address) as channel:
        day = DemoDay(channel, Terminal(as_json=True))
        day.clock("2025-09-30 10:00:00")
        imports.send_sample(channel)
        _live(day)
    return address


class TestCsv:
    """The file a spreadsheet opens."""

    def test_the_familys_figures(self, told: str) -> None:
        """Each side's CSV has exactly its columns, the rows of the days asked for, and
        their sum or the balances."""
        found = {
            name: _run(*asked, "--format", "csv", "--target", told)
            for name, (asked, _) in CSVS.items()
        }

        expected = {
            name: f"\ufeff{text}".replace("\n", "\r\n")
            for name, (_, text) in CSVS.items()
        }
        assert expected == {
            name: result.stdout_bytes.decode() for name, result in found.items()
        }

    def test_a_file_is_named_after_its_shape(self, told: str, tmp_path: Path) -> None:
        """`--out x.csv` writes CSV there and prints nothing."""
        path = tmp_path / "x.csv"

        result = _run(
            HOLDER, "--month", "2025-10", "--out", str(path), "--target", told
        )

        assert (0, "") == (result.exit_code, result.output)
        assert (
            HOLDERS_OCTOBER.splitlines()
            == path.read_text(encoding="utf-8-sig").splitlines()
        )


class TestPdf:
    """The page that is handed over."""

    @pytest.mark.parametrize("side", statement.SIDES)
    def test_the_familys_page(self, told: str, side: str, tmp_path: Path) -> None:
        """What the table shows is on the page, with the masked name, the days and the
        time of printing."""
        path = tmp_path / "x.pdf"
        asked = [
            PARENT if side == "member" else HOLDER,
            "--side",
            side,
            "--month",
            "2025-09",
            "--target",
            told,
        ]
        _run(*asked, "--out", str(path), "--printed-at", "2025-10-09 09:30")

        (text,) = _texts(path.read_bytes())

        shown = _run(*asked, "--format", "table").output.splitlines()[1:]
        assert ["".join(line.split()) in text for line in shown] == [True] * len(shown)
        assert ("汪**" if side == "member" else "方**") in text
        assert "2025-09-01至2025-09-30" in text
        assert "打印时间2025-10-0909:30" in text

    def test_a_holder_reads_nothing_medical(self, told: str) -> None:
        """A holder's page has no total, fund, cash or item, and says so."""
        result = _run(
            HOLDER,
            "--format",
            "pdf",
            "--printed-at",
            "2025-10-09 09:30",
            "--target",
            told,
        )

        (text,) = _texts(result.stdout_bytes)

        assert "不显示诊断、项目与费用总额" in text
        assert [] == [
            word
            for word in ("295.00", "260.00", "15.00", "统筹", "现金", "汪")
            if word in text
        ]

    def test_a_missing_extra_is_a_sentence(
        self, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the extra the command says what to install, and exits with 1."""
        monkeypatch.setitem(sys.modules, "typst", None)

        result = _run(HOLDER, "--format", "pdf", "--target", told)

        assert 1 == result.exit_code
        assert "pip install 'gongji[pdf]'" in result.output


class TestPrograms:
    """What other programs read."""

    @pytest.mark.parametrize(
        "arguments", [["--json", "statement"], ["statement", "--format", "json"]]
    )
    def test_json(self, told: str, arguments: list[str]) -> None:
        """`--json` and `--format json` print one document, amounts in fen."""
        command = [*arguments, HOLDER, "--month", "2025-10", "--target", told]

        document = json.loads(
            CliRunner().invoke(main, command, catch_exceptions=False).output
        )["statement"]

        row = {
            "settled_at": "2025-10-01T00:00:00+08:00",
            "institution_name": "安庆示例大药房",
            "member": PARENT,
            "charged_fen": 6600,
            "status": "有效",
        }
        assert [row] == document["rows"]
        assert {"charged_fen": 6600} == document["closing"]


MISTAKES = {
    "a month and days": (
        ["X", "--month", "2025-09", "--to", "2025-09-30"],
        2,
        "--month 与 --from、--to 只能二选一",
    ),
    "a month that does not exist": (["X", "--month", "2025-13"], 2, "--month"),
    "a table into a file": (["X", "--out", "x.txt"], 2, "--out 只写 csv、json 或 pdf"),
    "days the wrong way round": (
        [HOLDER, "--from", "2025-10-02", "--to", "2025-10-01"],
        1,
        "早于起始日",
    ),
    "somebody nobody knows": (["NOBODY"], 1, "没有编号为 NOBODY 的人"),
    "somebody without an account": ([PARENT, "--side", "account"], 1, "没有个人账户"),
}


class TestMistakes:
    """What is asked wrongly ends with a sentence."""

    def test_a_sentence_and_no_traceback(
        self, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error names what is wrong; nothing is written."""
        monkeypatch.chdir(tmp_path)
        results = {
            name: _run(*asked, "--target", told)
            for name, (asked, _, _) in MISTAKES.items()
        }

        assert {name: code for name, (_, code, _) in MISTAKES.items()} == {
            n: r.exit_code for n, r in results.items()
        }
        assert [] == [
            name
            for name, (_, _, words) in MISTAKES.items()
            if words not in results[name].output
        ]
        assert [] == [p for p in tmp_path.iterdir() if p.suffix == ".txt"]


class Recorded:
    """A channel that answers each method with the next of its replies, and notes what was asked."""

    def __init__(self, **replies: Sequence[Any]) -> None:
        self._replies = {method: list(all_of) for method, all_of in replies.items()}
        self.asked: list[Any] = []

    def unary_unary(self, method: str, *_: Any, **__: Any) -> Callable[[Any], Any]:
        def call(request: Any) -> Any:
            self.asked.append(type(request).FromString(request.SerializeToString()))
            return self._replies[method.rpartition("/")[2]].pop(0)

        return call

    def __getattr__(self, name: str) -> Any:
        """Every other kind of call, which nobody makes."""
        return lambda *_, **__: None


PERSON = registry_pb2.GetPersonResponse(
    person=types_pb2.Person(person_no="P1", name="赵*")
)


def _entries(
    fens: Sequence[int], opening: int, closing: int, following: str = ""
) -> account_pb2.ListEntriesResponse:
    entries = [
        account_pb2.Entry(version=n, kind=account_pb2.ENTRY_KIND_CREDIT, fen=f)
        for n, f in enumerate(fens, 1)
    ]
    return account_pb2.ListEntriesResponse(
        entries=entries,
        opening_balance_fen=opening,
        closing_balance_fen=closing,
        next_page_token=following,
    )


def _fetch(channel: Recorded, side: str) -> statement.Sheet:
    stands_in: grpc.Channel = channel  # type: ignore[assignment] # as much of a channel as stubs use
    return statement.fetch(stands_in, "P1", side, statement.StatementPeriod())


class TestFetch:
    """How a statement is put together of pages."""

    def test_every_page_is_asked_for(self) -> None:
        """Pages are asked for one after the other by their tokens, until there is none."""
        channel = Recorded(
            GetPerson=[PERSON],
            ListEntries=[_entries([5, 6], 0, 18, following="t"), _entries([7], 0, 18)],
        )

        sheet = _fetch(channel, "account")

        assert [5, 6, 7] == [row[3] for row in sheet.rows]
        assert ["", "t"] == [request.page.token for request in channel.asked[1:]]

    def test_an_account_that_moved_meanwhile(self) -> None:
        """Where opening, entries and closing do not add up nothing is printed."""
        channel = Recorded(GetPerson=[PERSON], ListEntries=[_entries([5, 6], 1, 13)])

        with pytest.raises(statement.UnsettledError, match="请重新查询"):
            _fetch(channel, "account")

    def test_every_kind_of_entry_has_its_word(self) -> None:
        """Each reason for which money moves has its own words on an account's statement."""
        kinds = [kind for kind in account_pb2.EntryKind.values() if kind]
        moved = [account_pb2.Entry(kind=kind) for kind in kinds]
        page = account_pb2.ListEntriesResponse(entries=moved)

        sheet = _fetch(Recorded(GetPerson=[PERSON], ListEntries=[page]), "account")

        assert len(kinds) == len({row[2] for row in sheet.rows})

    def test_an_institution_without_a_name(self) -> None:
        """Where the registry has no name the code stands for it; the time is Shanghai's."""
        row = settlement_pb2.SettlementRow(
            institution_code="H34080000009", patient="P2", charged_fen=1
        )
        row.settled_at.FromJsonString("2025-09-30T16:00:00Z")
        page = settlement_pb2.ListSettlementsResponse(rows=[row])

        sheet = _fetch(Recorded(GetPerson=[PERSON], ListSettlements=[page]), "holder")

        assert [("H34080000009", "2025-10-01 00:00:00")] == [
            (r["机构"], r["时间"]) for r in list(sheet.shown())[:-1]
        ]
        assert SHANGHAI == sheet.rows[0][0].tzinfo  # type: ignore[union-attr] # an instant
