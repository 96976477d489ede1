"""`gongji credit`: a month for everyone on a list, each on his own, safe to run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.cli import main
from gongji.client import credits as crediting
from gongji.client.connection import connect
from gongji.serve.settings import Settings
from gongji.v1 import account_pb2, account_pb2_grpc, types_pb2
from hypothesis import given
from hypothesis import strategies as st

MONTH = "2025-06"
UNREFUSED = ["CZ001", "CZ002"]


def run(
    address: str, persons: str, *options: str, **context: Any
) -> tuple[int, list[dict[str, list[dict[str, Any]]]]]:
    """Exit code and tables of the command over a list of persons, given as a file's
    name or on standard input."""
    arguments = [
        "--json",
        "credit",
        MONTH,
        "--persons",
        persons,
        "--target",
        address,
        *options,
    ]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False, **context)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def listed(*persons: str) -> str:
    return "\n".join(["name,person_no", *(f"某某,{p}" for p in persons)])


@pytest.fixture
def persons(tmp_path: Path) -> Callable[..., str]:
    def written(*numbers: str) -> str:
        path = tmp_path / "persons.csv"
        path.write_text("\ufeff" + listed(*numbers), encoding="utf-8")
        return str(path)

    return written


def with_retired_credit(option: str) -> Cities:
    """The installed cities with --retired-credit as the operator writes it."""
    settings = Settings.parse(
        adopt=(), retired_credit=[option], address="", data=Path()
    )
    return load_cities(retired_credits=settings.retired_credits)


class TestCredit:
    """The command against a running service."""

    def test_a_repeat_is_a_replay(
        self, serving: Callable[..., str], persons: Callable[..., str]
    ) -> None:
        """The same list again credits nobody twice and refuses nobody."""
        address, file = serving(), persons(*UNREFUSED)

        expected = {"credited": 2, "replayed": 0, "refused": 0}
        assert (0, [{"credits": [expected]}]) == run(address, file)
        assert (0, [{"credits": [{**expected, "credited": 0, "replayed": 2}]}]) == run(
            address, file
        )

    def test_refusals_are_listed_and_the_others_credited(
        self, serving: Callable[..., str], persons: Callable[..., str]
    ) -> None:
        """Who is refused is named by row, number, reason and sentence; the others are
        credited; exit code 1."""
        exit_code, (counts, refused) = run(
            serving(), persons("CZ001", "AQ003", "P404", "", "CZ003", "CZ002")
        )

        assert 1 == exit_code
        assert {"credited": 2, "replayed": 0, "refused": 4} == counts["credits"][0]
        expected = [
            (2, "AQ003", "NO_ACCOUNT"),
            (3, "P404", "PERSON_NOT_FOUND"),
            (4, "", "MALFORMED_FIELD"),
            (5, "CZ003", "PARAMETER_NOT_SET"),
        ]
        assert expected == [
            (r["row"], r["person_no"], r["reason"]) for r in refused["refused"]
        ]
        assert all(r["message"] for r in refused["refused"])

    def test_a_list_from_standard_input(self, serving: Callable[..., str]) -> None:
        """Without a file the list is read from standard input."""
        assert 0 == run(serving(), "-", input=listed("CZ001"))[0]

    def test_a_final_refusal_is_asked_anew_by_another_attempt(
        self, serving: Callable[..., str], persons: Callable[..., str]
    ) -> None:
        """A person refused finally stays refused under the same id; once it is mended,
        another attempt credits him."""
        address, file = serving(), persons("CZ001")
        with connect(address) as channel:
            self._credit_at_once(channel)
            assert (
                "ALREADY_CREDITED" == run(address, file)[1][1]["refused"][0]["reason"]
            )
            request = account_pb2.TakeBackCreditRequest(
                request_id=crediting.request_id(MONTH, "back"),
                person=types_pb2.PersonRef(person_no="CZ001"),
                month=MONTH,
            )
            account_pb2_grpc.AccountServiceStub(channel).TakeBackCredit(request)

        assert "ALREADY_CREDITED" == run(address, file)[1][1]["refused"][0]["reason"]
        assert {"credited": 1, "replayed": 0, "refused": 0} == run(
            address, file, "--attempt", "2"
        )[1][0]["credits"][0]

    @staticmethod
    def _credit_at_once(channel: Any) -> None:
        person = types_pb2.PersonRef(person_no="CZ001")
        request = account_pb2.CreditRequest(
            request_id=crediting.request_id(MONTH, "x"), person=person, month=MONTH
        )
        account_pb2_grpc.AccountServiceStub(channel).Credit(request)

    def test_the_operators_figure_for_retired_people(
        self, serving: Callable[..., str]
    ) -> None:
        """With --retired-credit a retired person is credited that figure, under the
        operator's own clause (C56)."""
        address = serving(cities=with_retired_credit("341100:75.50@2025-01-01"))
        with connect(address) as channel:
            stub = account_pb2_grpc.AccountServiceStub(channel)
            person = types_pb2.PersonRef(person_no="CZ003")
            reply = stub.Credit(
                account_pb2.CreditRequest(
                    request_id=crediting.request_id(MONTH, "CZ003"),
                    person=person,
                    month=MONTH,
                )
            )

        assert 75_50 == reply.fen
        cited = {c.id: (c.text, c.grade) for c in reply.rule.clauses}
        assert "C56" in cited
        told = "退休人员每月定额划入75.50元, 自 2025-01-01 起"
        assert (told, types_pb2.CLAUSE_GRADE_OPERATOR) == cited["运营方设定"]

    def test_a_month_before_the_operators_figure(
        self, serving: Callable[..., str], persons: Callable[..., str]
    ) -> None:
        """Before the day the operator set there is no figure, and none is never 0."""
        address = serving(cities=with_retired_credit("341100:75.50@2025-07-01"))
        exit_code, (_, refused) = run(address, persons("CZ003"))

        assert (1, "PARAMETER_NOT_SET") == (exit_code, refused["refused"][0]["reason"])


MISTAKES = [
    (
        "a file without the column",
        "2025-06",
        "name,number\n某某,CZ001\n",
        "缺少 person_no 一列",
        1,
    ),
    ("an empty file", "2025-06", "", "缺少 person_no 一列", 1),
    ("no month", "2025-13", "person_no\nCZ001\n", "2025-13", 2),
    ("no service", "2025-06", "person_no\nCZ001\n", "", 1),
]


class TestMistakes:
    """Usual mistakes end with a sentence, and nothing is sent."""

    @pytest.mark.parametrize(
        ("month", "text", "told", "code"),
        [m[1:] for m in MISTAKES],
        ids=[m[0] for m in MISTAKES],
    )
    def test_a_sentence_and_no_traceback(
        self, month: str, text: str, told: str, code: int
    ) -> None:
        """The error names what is wrong."""
        arguments = ["credit", month, "--target", "127.0.0.1:1"]
        result = CliRunner().invoke(main, arguments, input=text, catch_exceptions=False)

        assert code == result.exit_code
        assert told in result.output
        assert "Traceback" not in result.output


@given(
    st.lists(
        st.tuples(
            st.text("PQ:12", max_size=3),
            st.sampled_from(["2025-06", "2025-07"]),
            st.integers(1, 3),
        )
    )
)
def test_ids_tell_people_months_and_attempts_apart(
    asked: list[tuple[str, str, int]],
) -> None:
    """Every person, month and attempt has a request id of its own, always the same."""
    assert len(set(asked)) == len(
        {
            crediting.request_id(month, person, attempt)
            for person, month, attempt in asked
        }
    )
