"""`gongji statement`: one family's month as the counter hands it over."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from gongji.client import statement
from gongji.rules.codes import SHANGHAI
from gongji.v1 import account_pb2, registry_pb2, settlement_pb2, types_pb2
from google.protobuf.message import Message

from tests.cli.command import StartSandbox, gongji
from tests.cli.family import HOLDER, PARENT, PARTIES, WIFE, family_service, texts_of

Answer = Callable[[Any], Message]

HOLDERS_SEPTEMBER = """\
时间,机构,使用人编号,共济支付（元）,说明
2025-09-30 10:00:00,安庆示例社区卫生服务中心,AQ003,280.00,有效
2025-09-30 23:59:59,安庆示例大药房,AQ003,1234.50,2025-10-01 撤销
合计,,,1514.50,
"""
HOLDERS_OCTOBER = """\
时间,机构,使用人编号,共济支付（元）,说明
2025-10-01 00:00:00,安庆示例大药房,AQ003,66.00,有效
2025-10-01 00:00:00,安庆示例大药房,AQ003,-1234.50,退回 2025-09-30 的结算
合计,,,-1168.50,
"""
PARENTS_OWN = """\
时间,机构,费用总额（元）,统筹基金（元）,本人账户（元）,共济账户（元）,现金（元）,说明
2025-09-30 10:00:00,安庆示例社区卫生服务中心,295.00,0.00,0.00,280.00,15.00,有效
2025-09-30 23:59:59,安庆示例大药房,1234.50,0.00,0.00,1234.50,0.00,2025-10-01 撤销
2025-10-01 00:00:00,安庆示例大药房,66.00,0.00,0.00,66.00,0.00,有效
2025-10-01 00:00:00,安庆示例大药房,-1234.50,0.00,0.00,-1234.50,0.00,退回 2025-09-30 的结算
合计,,361.00,0.00,0.00,346.00,15.00,
"""
SEPTEMBERS_ACCOUNT = """\
序号,时间,事由,金额（元）,余额（元）
,,期初余额,,0.00
1,2025-09-30 10:00:00,结转转入,3600.00,3600.00
2,2025-09-30 10:00:00,共济支付,-280.00,3320.00
3,2025-09-30 23:59:59,共济支付,-1234.50,2085.50
,,期末余额,,2085.50
"""
OCTOBERS_ACCOUNT = """\
序号,时间,事由,金额（元）,余额（元）
,,期初余额,,2085.50
4,2025-10-01 00:00:00,共济支付,-66.00,2019.50
5,2025-10-01 00:00:00,撤销退回,1234.50,3254.00
,,期末余额,,3254.00
"""
NOTHING = "时间,机构,使用人编号,共济支付（元）,说明\n合计,,,0.00,\n"

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


def _run(*arguments: str | Path) -> Result:
    return gongji("statement", *arguments)


@pytest.fixture
def target(serving: StartSandbox) -> str:
    """The address of a service that knows the family's days."""
    return family_service(serving)


class TestCsv:
    """The file a spreadsheet opens."""

    def test_the_familys_figures(self, target: str) -> None:
        """Each side's CSV has exactly its columns, the rows of its days, and their sum
        or the balances."""
        # One service for all cases: bringing one up takes longer than they do.
        for name, (arguments, text) in CSVS.items():
            result = _run(*arguments, "--format", "csv", "--target", target)

            expected = f"\ufeff{text}".replace("\n", "\r\n")
            assert expected == result.stdout_bytes.decode(), name

    def test_a_file_is_named_after_its_shape(self, target: str, tmp_path: Path) -> None:
        """`--out x.csv` writes CSV there and prints nothing."""
        path = tmp_path / "x.csv"

        result = _run(HOLDER, "--month", "2025-10", "--out", path, "--target", target)

        assert (0, "") == (result.exit_code, result.output)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        assert HOLDERS_OCTOBER.splitlines() == lines


def _rows_of(output: str) -> list[str]:
    """Return the rows of a table, without its heading and what is said below."""
    return [line for line in output.splitlines()[2:] if "\t" in line]


class TestPdf:
    """The page that is handed over."""

    @pytest.mark.parametrize("side", PARTIES)
    def test_the_familys_page(self, target: str, side: str, tmp_path: Path) -> None:
        """The page has what its check lists: every row, the masked name, the days, the
        authority, the time of issuing; and the check calls the file genuine."""
        person_no, name = PARTIES[side]
        path = tmp_path / "x.pdf"
        month = ("--side", side, "--month", "2025-09", "--target", target)
        assert 0 == _run(person_no, *month, "--out", path).exit_code

        checked = gongji("verify-statement", str(path), "--target", target)

        (text,) = texts_of(path.read_bytes())
        assert 0 == checked.exit_code
        assert "真：文件与存根逐字节相同" in checked.output
        rows = ["".join(line.split()) for line in _rows_of(checked.output)]
        assert rows
        assert [] == [row for row in rows if row not in text]
        assert name in text
        assert "2025-09-01至2025-09-30" in text
        assert "安庆市示例医疗保障局" in text
        assert "出具时间2025-10-0100:00:00" in text

    def test_a_holder_reads_nothing_medical(self, target: str) -> None:
        """A holder's page has no total, fund, cash or item, and says so."""
        result = _run(HOLDER, "--format", "pdf", "--target", target)

        (text,) = texts_of(result.stdout_bytes)

        assert "不显示诊断、项目与费用总额" in text
        for word in ("295.00", "260.00", "15.00", "统筹", "现金"):
            assert word not in text

    def test_a_missing_extra_is_a_sentence(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the extra the command says what to install, and exits with 1."""
        monkeypatch.setitem(sys.modules, "typst", None)

        result = _run(HOLDER, "--format", "pdf", "--target", target)

        assert 1 == result.exit_code
        assert "pip install 'gongji[pdf]'" in result.output


class TestPrograms:
    """What other programs read."""

    @pytest.mark.parametrize(
        "arguments", [["--json", "statement"], ["statement", "--format", "json"]]
    )
    def test_json(self, target: str, arguments: list[str]) -> None:
        """`--json` and `--format json` print one document, amounts in fen."""
        month = ("--month", "2025-10", "--target", target)
        result = gongji(*arguments, HOLDER, *month)

        document = json.loads(result.output)["statement"]

        row = {
            "at": "2025-10-01T00:00:00+08:00",
            "institution_name": "安庆示例大药房",
            "member": PARENT,
            "charged_fen": 6600,
            "status": "有效",
        }
        refund = {
            **row,
            "charged_fen": -123_450,
            "status": "退回 2025-09-30 的结算",
        }
        assert [row, refund] == document["rows"]
        assert {"charged_fen": 6600 - 123_450} == document["closing"]


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


class TestStatementMistakes:
    """Usual mistakes end with a sentence."""

    def test_a_sentence_and_no_traceback(
        self, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error names what is wrong; nothing is written."""
        monkeypatch.chdir(tmp_path)
        for name, (arguments, code, message) in MISTAKES.items():
            result = _run(*arguments, "--target", target)

            assert code == result.exit_code, name
            assert message in result.output, name
        assert [] == list(tmp_path.glob("*.txt"))


class FakeChannel:
    """A channel that answers each method with the next of its replies."""

    def __init__(self, **replies: Sequence[Message]) -> None:
        self._replies = {method: list(queue) for method, queue in replies.items()}
        self.requests: list[Any] = []

    def unary_unary(self, method: str, *_: object, **__: object) -> Answer:
        def call(request: Message) -> Message:
            # A copy: the caller writes the next page's token into the same request.
            self.requests.append(type(request).FromString(request.SerializeToString()))
            return self._replies[method.rpartition("/")[2]].pop(0)

        return call

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return any other kind of call, which nobody makes."""
        return lambda *_, **__: None


PERSON = registry_pb2.GetPersonResponse(
    person=types_pb2.Person(person_no="P1", name="赵*")
)


def _entries(
    fens: Sequence[int], opening: int, closing: int, following: str = ""
) -> account_pb2.ListEntriesResponse:
    entries = [
        account_pb2.Entry(version=version, kind=account_pb2.ENTRY_KIND_CREDIT, fen=fen)
        for version, fen in enumerate(fens, 1)
    ]
    return account_pb2.ListEntriesResponse(
        entries=entries,
        opening_balance_fen=opening,
        closing_balance_fen=closing,
        next_page_token=following,
    )


def _fetch(channel: FakeChannel, side: str) -> statement.Sheet:
    fake: Any = channel  # as much of a channel as stubs use
    return statement.fetch(fake, "P1", side, statement.StatementPeriod())


class TestFetch:
    """How a statement is put together of pages."""

    def test_every_page_is_asked_for(self) -> None:
        """Pages are requested one after the other by their tokens, until there is none."""
        pages = [_entries([5, 6], 0, 18, following="t"), _entries([7], 0, 18)]
        channel = FakeChannel(GetPerson=[PERSON], ListEntries=pages)

        sheet = _fetch(channel, "account")

        assert [5, 6, 7] == [row[3] for row in sheet.rows]
        assert ["", "t"] == [request.page.token for request in channel.requests[1:]]

    @pytest.mark.parametrize(
        ("again", "told"), [(14, "请重新查询"), (13, "gongji verify")]
    )
    def test_an_account_that_does_not_add_up(self, again: int, told: str) -> None:
        """Nothing is printed; what is the same at a second look has not moved."""
        pages = [_entries([5, 6], 1, closing) for closing in (13, again)]
        channel = FakeChannel(GetPerson=[PERSON], ListEntries=pages)

        with pytest.raises(statement.UnsettledError, match=told):
            _fetch(channel, "account")

    def test_an_account_that_moved_once(self) -> None:
        """A second look that adds up is printed."""
        pages = [_entries([5, 6], 1, 13), _entries([5, 6], 1, 12)]
        channel = FakeChannel(GetPerson=[PERSON], ListEntries=pages)

        assert 2 == len(_fetch(channel, "account").rows)

    def test_a_service_that_lists_no_refunds(self) -> None:
        """If a reversed settlement has no instant of that, the service is too old for
        the totals, and nothing is printed."""
        row = settlement_pb2.SettlementRow(charged_fen=1, reversed=True)
        page = settlement_pb2.ListSettlementsResponse(rows=[row])
        channel = FakeChannel(GetPerson=[PERSON], ListSettlements=[page])

        with pytest.raises(statement.EarlierServiceError, match="请先升级服务"):
            _fetch(channel, "holder")

    def test_every_kind_of_entry_has_its_word(self) -> None:
        """Each reason for which money moves has its own words on an account's statement."""
        kinds = [kind for kind in account_pb2.EntryKind.values() if kind]
        moved = [account_pb2.Entry(kind=kind) for kind in kinds]
        page = account_pb2.ListEntriesResponse(entries=moved)

        sheet = _fetch(FakeChannel(GetPerson=[PERSON], ListEntries=[page]), "account")

        assert len(kinds) == len({row[2] for row in sheet.rows})

    def test_a_wallet_is_listed_like_an_account(self) -> None:
        """Its entries are asked for as the wallet's, and stand under its own title."""
        channel = FakeChannel(GetPerson=[PERSON], ListEntries=[_entries([5], 1, 6)])

        sheet = _fetch(channel, "wallet")

        assert channel.requests[-1].wallet
        assert "医保钱包明细单" == sheet.title
        assert [5] == [row[3] for row in sheet.rows]

    @pytest.mark.parametrize("paid", [0, 30])
    def test_what_a_wallet_paid_has_a_column(self, paid: int) -> None:
        """Only if it paid something; the payers add up to the total, in the note too."""
        row = settlement_pb2.SettlementRow(
            total_fen=150, fund_fen=100, wallet_fen=paid, cash_fen=50 - paid
        )
        page = settlement_pb2.ListSettlementsResponse(rows=[row, row])
        channel = FakeChannel(GetPerson=[PERSON], ListSettlements=[page])

        sheet = _fetch(channel, "member")

        columns = [column.head for column in sheet.columns]
        assert ("医保钱包（元）" in columns) is ("医保钱包" in sheet.note) is bool(paid)
        for amounts in (*sheet.rows, sheet.closing):
            total, *payers = [cell for cell in amounts if isinstance(cell, int)]
            assert total == sum(payers)

    def test_an_institution_without_a_name(self) -> None:
        """The code stands for a name the registry does not have; the time is Shanghai's."""
        row = settlement_pb2.SettlementRow(
            institution_code="H34080000009", patient="P2", charged_fen=1
        )
        row.settled_at.FromJsonString("2025-09-30T16:00:00Z")
        page = settlement_pb2.ListSettlementsResponse(rows=[row])

        sheet = _fetch(
            FakeChannel(GetPerson=[PERSON], ListSettlements=[page]), "holder"
        )

        shown, _closing = sheet.shown()
        assert ("H34080000009", "2025-10-01 00:00:00") == (shown["机构"], shown["时间"])
        settled_at = sheet.rows[0][0]
        assert isinstance(settled_at, datetime)
        assert SHANGHAI == settled_at.tzinfo
