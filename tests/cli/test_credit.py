"""`gongji credit`: a month for each person on a list, safe to run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from click.testing import Result
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.client import credits as monthly_credits
from gongji.client.connection import connect
from gongji.serve.settings import Settings
from gongji.v1 import account_pb2, account_pb2_grpc, types_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.command import StartSandbox, gongji, tables

MONTH = "2025-06"
UNREFUSED = ["CZ001", "CZ002"]


WriteList = Callable[..., str]
"""Writes a list of these numbers; returns the file's name."""


def run(address: str, persons: str, *options: str, stdin: str | None = None) -> Result:
    """Credit the month to a list of persons, in a file or on standard input."""
    target = ("--persons", persons, "--target", address)
    return gongji("--json", "credit", MONTH, *target, *options, stdin=stdin)


def counts(result: Result) -> tuple[int, int, int]:
    """Return how many were credited, replayed and refused."""
    (row,) = tables(result)["credits"]
    return row["credited"], row["replayed"], row["refused"]


def reasons(result: Result) -> list[str]:
    """Return why persons were refused."""
    return [row["reason"] for row in tables(result)["refused"]]


def listed(*persons: str) -> str:
    return "\n".join(["name,person_no", *(f"某某,{person}" for person in persons)])


@pytest.fixture
def persons(tmp_path: Path) -> WriteList:
    def write(*numbers: str) -> str:
        path = tmp_path / "persons.csv"
        path.write_text("\ufeff" + listed(*numbers), encoding="utf-8")
        return str(path)

    return write


def with_retired_credit(option: str) -> Cities:
    """The installed cities with --retired-credit as the operator writes it."""
    settings = Settings.parse(
        adopt=(), retired_credit=[option], address="", data=Path()
    )
    return load_cities(retired_credits=settings.retired_credits)


class TestCredit:
    """The command against a running service."""

    def test_a_repeat_is_a_replay(
        self, serving: StartSandbox, persons: WriteList
    ) -> None:
        """The same list again credits nobody twice and refuses nobody."""
        address, file = serving(), persons(*UNREFUSED)

        first, again = run(address, file), run(address, file)

        assert (0, 0) == (first.exit_code, again.exit_code)
        assert (2, 0, 0) == counts(first)
        assert (0, 2, 0) == counts(again)
        assert ["credits"] == list(tables(again))

    def test_refusals_are_listed_and_the_others_credited(
        self, serving: StartSandbox, persons: WriteList
    ) -> None:
        """Each refused person is listed by row, number, reason and sentence; the others
        are credited; exit code 1."""
        file = persons("CZ001", "AQ003", "P404", "", "CZ003", "CZ002")
        result = run(serving(), file)

        assert 1 == result.exit_code
        assert (2, 0, 4) == counts(result)
        refused = tables(result)["refused"]
        assert [
            (3, "AQ003", "NO_ACCOUNT"),
            (4, "P404", "PERSON_NOT_FOUND"),
            (5, "", "MALFORMED_FIELD"),
            (6, "CZ003", "PARAMETER_NOT_SET"),
        ] == [(row["row"], row["person_no"], row["reason"]) for row in refused]
        assert all(row["message"] for row in refused)

    def test_a_list_from_standard_input(self, serving: StartSandbox) -> None:
        """Without a file the list is read from standard input."""
        assert 0 == run(serving(), "-", stdin=listed("CZ001")).exit_code

    def test_a_final_refusal_is_asked_anew_by_another_attempt(
        self, serving: StartSandbox, persons: WriteList
    ) -> None:
        """A person refused finally stays refused under the same id; once it is mended,
        another attempt credits them."""
        address, file = serving(), persons("CZ001")
        with connect(address) as channel:
            self._credit_at_once(channel)
            assert ["ALREADY_CREDITED"] == reasons(run(address, file))
            request = account_pb2.TakeBackCreditRequest(
                request_id=monthly_credits.request_id(MONTH, "back"),
                person=types_pb2.PersonRef(person_no="CZ001"),
                month=MONTH,
            )
            account_pb2_grpc.AccountServiceStub(channel).TakeBackCredit(request)

        assert ["ALREADY_CREDITED"] == reasons(run(address, file))
        assert (1, 0, 0) == counts(run(address, file, "--attempt", "2"))

    @staticmethod
    def _credit_at_once(channel: grpc.Channel) -> None:
        person = types_pb2.PersonRef(person_no="CZ001")
        request = account_pb2.CreditRequest(
            request_id=monthly_credits.request_id(MONTH, "x"),
            person=person,
            month=MONTH,
        )
        account_pb2_grpc.AccountServiceStub(channel).Credit(request)

    def test_the_operators_figure_for_retired_people(
        self, serving: StartSandbox
    ) -> None:
        """With --retired-credit a retired person is credited that figure, under the
        operator's own clause (C56)."""
        address = serving(cities=with_retired_credit("341100:75.50@2025-01-01"))
        request = account_pb2.CreditRequest(
            request_id=monthly_credits.request_id(MONTH, "CZ003"),
            person=types_pb2.PersonRef(person_no="CZ003"),
            month=MONTH,
        )
        with connect(address) as channel:
            reply = account_pb2_grpc.AccountServiceStub(channel).Credit(request)

        assert 75_50 == reply.fen
        cited = {clause.id: clause for clause in reply.rule.clauses}
        assert "C56" in cited
        operators = cited["运营方设定"]
        assert "退休人员每月定额划入75.50元，自 2025-01-01 起" == operators.text
        assert types_pb2.CLAUSE_GRADE_OPERATOR == operators.grade

    def test_a_month_before_the_operators_figure(
        self, serving: StartSandbox, persons: WriteList
    ) -> None:
        """Before the day the operator set there is no figure, and none is never 0."""
        address = serving(cities=with_retired_credit("341100:75.50@2025-07-01"))
        result = run(address, persons("CZ003"))

        assert 1 == result.exit_code
        assert ["PARAMETER_NOT_SET"] == reasons(result)


NO_COLUMN = "缺少 person_no 一列"
MISTAKES = {
    "a file without the column": (MONTH, "name,number\n某某,CZ001\n", NO_COLUMN, 1),
    "an empty file": (MONTH, "", "标准输入 是空文件", 1),
    "no month": ("2025-13", "person_no\nCZ001\n", "应写作 2025-09 的样子", 2),
    "no service": (MONTH, "person_no\nCZ001\n", "", 1),
}


class TestCreditMistakes:
    """Usual mistakes end with a sentence, and nothing is sent."""

    @pytest.mark.parametrize(
        ("month", "text", "message", "code"), MISTAKES.values(), ids=MISTAKES
    )
    def test_a_sentence_and_no_traceback(
        self, month: str, text: str, message: str, code: int
    ) -> None:
        """The error names what is wrong."""
        result = gongji("credit", month, "--target", "127.0.0.1:1", stdin=text)

        assert code == result.exit_code
        assert message in result.output
        assert "Traceback" not in result.output


CREDITS = st.tuples(
    st.text("PQ:12", max_size=3),
    st.sampled_from(["2025-06", "2025-07"]),
    st.integers(1, 3),
)
"""Person, month and attempt."""


@given(st.lists(CREDITS))
def test_ids_tell_people_months_and_attempts_apart(
    requested: list[tuple[str, str, int]],
) -> None:
    """Every person, month and attempt has a request id of its own, always the same."""
    ids = {
        monthly_credits.request_id(month, person, attempt)
        for person, month, attempt in requested
    }
    assert len(set(requested)) == len(ids)
