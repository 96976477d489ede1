"""Crediting an account: amounts, each refusal by name, one net credit a month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from gongji.account.credit import CreditAccount, Credited, TakeBackCredit
from gongji.cities.anhui import account_crediting
from gongji.model import refusals
from gongji.model.account import Account, Credit, Entry, PurseMovement
from gongji.model.people import BaseSince, Enrolment, Person
from gongji.rules.benefits import CreditDay
from gongji.rules.codes import SHANGHAI, EnrolmentStatus, EntryKind, Scheme
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as revised

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
EMPLOYEE = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1))


def credit(world: World, person_no: str, month: str) -> Credited:
    request = world.request("Credit")
    return world.do(CreditAccount(request, person_no, month, world.cities))


def take_back(world: World, person_no: str, month: str = "2025-09") -> PurseMovement:
    request = world.request("TakeBackCredit")
    return world.do(TakeBackCredit(request, person_no, month, "重复登记"))


BASE = 5000_00
"""The contribution base of whoever has one."""

ENROLLED = {
    "active": [EMPLOYEE],
    "retired": [revised(EMPLOYEE, psn_type="12")],
    "no base": [EMPLOYEE],
    "resident": [revised(EMPLOYEE, scheme=Scheme.RESIDENT, psn_type="15")],
    "paused": [revised(EMPLOYEE, status=EnrolmentStatus.PAUSED)],
    "left on the 29th": [revised(EMPLOYEE, until=date(2025, 9, 29))],
    "left in August": [revised(EMPLOYEE, until=date(2025, 8, 31))],
    "joined on the 30th": [revised(EMPLOYEE, since=date(2025, 9, 30))],
    "retiring": [
        revised(EMPLOYEE, until=date(2025, 8, 30)),
        revised(EMPLOYEE, psn_type="12", since=date(2025, 8, 31)),
    ],
}


@pytest.fixture
def payroll(new_world: NewWorld) -> World:
    """A city where the operator set 75 yuan for retired people; people of every kind."""
    terms = replace(account_crediting()[0].value, retired_fen=75_00)
    world = new_world(account_crediting=terms)
    for name, enrolments in ENROLLED.items():
        world.person(
            name,
            enrolments=tuple(enrolments),
            first_base_fen=0 if name == "no base" else BASE,
        )
    world.person("odd", first_base_fen=33_25)
    world.person("unserved", place="349901", first_base_fen=BASE)
    return world


AMOUNTS = {
    "2 % of an active person's base": ("active", "2025-09", 100_00, "premium:3411"),
    "half a fen counts as one": ("odd", "2025-09", 67, "premium:3411"),
    "retired people the operator's figure, from the pooled fund": (
        "retired",
        "2025-09",
        75_00,
        "fund:3411:310",
    ),
    "a past month by its last day": (
        "left in August",
        "2025-08",
        100_00,
        "premium:3411",
    ),
    "the month that lasts by its last day": (
        "joined on the 30th",
        "2025-09",
        100_00,
        "premium:3411",
    ),
    "retired on the last day of the month": (
        "retiring",
        "2025-08",
        75_00,
        "fund:3411:310",
    ),
    "active until the month before": ("retiring", "2025-07", 100_00, "premium:3411"),
}


@pytest.mark.parametrize(
    ("person_no", "month", "fen", "source"), AMOUNTS.values(), ids=AMOUNTS
)
def test_amounts(
    payroll: World, person_no: str, month: str, fen: int, source: str
) -> None:
    """A month's credit follows the rule, standing and base of its last day, and balances;
    it cites the clause of its standing alone."""
    answer = credit(payroll, person_no, month)
    assert PurseMovement(person_no, fen, fen, 1) == answer.movement
    assert fen == answer.fen
    assert answer.rule is not None
    mine = "C55" if source.startswith("premium") else "C56"
    assert {"C55", "C56", "C57"} & set(answer.rule.clauses) == {mine}
    decided_by = payroll.cities.of("341100").decided_by
    assert decided_by == answer.decided_by
    stored = Credit(
        f"{person_no}/{month}",
        person_no,
        month,
        fen,
        source,
        NOW,
        rules_digest=decided_by.rules_digest,
    )
    assert [stored] == payroll.all(Credit)
    expected = [
        (source, -fen, None),
        (f"purse:{person_no}", fen, EntryKind.CREDIT),
    ]
    assert expected == payroll.posted()


def test_the_day_the_job_runs_decides_nothing(new_world: NewWorld) -> None:
    """A month is credited by the day of it that the city names, also while it lasts:
    whoever is known to leave before its last day has it only if the first day decides."""
    on_the_15th = datetime(2025, 9, 15, 10, 0, tzinfo=SHANGHAI)
    leaving = revised(EMPLOYEE, until=date(2025, 9, 20))
    bases = (BaseSince(9000_00, date(2025, 9, 2)),)
    world = new_world(now=on_the_15th)
    first_day = new_world(now=on_the_15th, credit_day=CreditDay.FIRST)
    for either in (world, first_day):
        either.person(
            "leaving", enrolments=(leaving,), first_base_fen=5000_00, bases=bases
        )
    with pytest.raises(refusals.NotEnrolled):
        credit(world, "leaving", "2025-09")
    assert 100_00 == credit(first_day, "leaving", "2025-09").fen


REFUSED: dict[str, tuple[type[refusals.Refusal], str, str]] = {
    "an empty month": (refusals.MalformedField, "active", ""),
    "no month": (refusals.MalformedField, "active", "2025-13"),
    "no year": (refusals.MalformedField, "active", "0000-01"),
    "an unknown person": (refusals.PersonNotFound, "P404", "2025-09"),
    "a resident's month": (refusals.NoAccount, "resident", "2025-09"),
    "a month that has not begun": (refusals.FutureMonth, "active", "2025-10"),
    "a city without a plugin": (refusals.CityNotServed, "unserved", "2025-09"),
    "a month before the first rule": (refusals.NotInForce, "active", "2022-06"),
    "paused": (refusals.NotEnrolled, "paused", "2025-09"),
    "left before the month's last day": (
        refusals.NotEnrolled,
        "left on the 29th",
        "2025-09",
    ),
    "no contribution base": (refusals.NoContributionBase, "no base", "2025-09"),
}


@pytest.mark.parametrize(
    ("refusal", "person_no", "month"), REFUSED.values(), ids=REFUSED
)
def test_refusals(
    payroll: World, refusal: type[refusals.Refusal], person_no: str, month: str
) -> None:
    """What cannot be credited is refused by its name, and nothing is written."""
    before = dict(payroll.records)
    with pytest.raises(refusal) as refused:
        credit(payroll, person_no, month)
    assert refusal is type(refused.value)
    assert before == payroll.records


def test_a_figure_no_document_gives_is_never_zero(new_world: NewWorld) -> None:
    """Without the operator's figure a retired person's credit is an error that says how
    to set it."""
    world = new_world()
    world.person("retired", "12")
    with pytest.raises(
        refusals.ParameterNotSet, match="--retired-credit 341100:"
    ) as refused:
        credit(world, "retired", "2025-09")
    parameter = {"city": "341100", "parameter": "account_crediting.retired_fen"}
    assert parameter == refused.value.metadata


def test_once_a_month(payroll: World) -> None:
    """A month is credited once a person, whatever the request; other months and people
    are not touched."""
    credit(payroll, "active", "2025-09")
    with pytest.raises(refusals.AlreadyCredited):
        credit(payroll, "active", "2025-09")
    credit(payroll, "active", "2025-08")
    credit(payroll, "retired", "2025-09")
    balances = {a.person_no: (a.balance_fen, a.version) for a in payroll.all(Account)}
    assert {"active": (200_00, 2), "retired": (75_00, 1)} == balances


def test_the_dead_are_not_credited(payroll: World) -> None:
    """A month after the death gets nothing; the month it fell in, if it outlasted it, neither."""
    person = payroll.record(Person, "active")
    payroll.add(revised(person, died_on=NOW.date() - timedelta(1)))
    with pytest.raises(refusals.NotEnrolled):
        credit(payroll, "active", "2025-09")
    assert 100_00 == credit(payroll, "active", "2025-08").fen


@pytest.mark.parametrize(
    ("person_no", "source"), [("active", "premium:3411"), ("retired", "fund:3411:310")]
)
def test_a_credit_goes_back_where_it_came_from(
    payroll: World, person_no: str, source: str
) -> None:
    """A month's credit is taken back whole, out of the purse into the account it came
    from, with its reason kept."""
    fen = credit(payroll, person_no, "2025-09").fen
    assert PurseMovement(person_no, -fen, 0, 2) == take_back(payroll, person_no)
    *_, entry = payroll.all(Entry)
    expected = [
        (source, fen, None),
        (f"purse:{person_no}", -fen, EntryKind.CREDIT_TAKEN_BACK),
    ]
    assert expected == payroll.posted(entry.transaction_id)
    assert {f"{person_no}/2025-09"} == {e.reference for e in payroll.all(Entry)}
    (stored,) = payroll.all(Credit)
    assert NOW == stored.taken_back_at
    assert "重复登记" == stored.taken_back_why


def test_whoever_retired_since_pays_back_the_amount_given(payroll: World) -> None:
    """What is taken back is what was given, from where it was given, whatever the
    person is today."""
    credit(payroll, "retiring", "2025-07")
    assert -100_00 == take_back(payroll, "retiring", "2025-07").fen
    own_premium = [fen for name, fen, _ in payroll.posted() if name == "premium:3411"]
    assert [-100_00, 100_00] == own_premium


def test_a_credit_already_spent_is_not_taken_back(payroll: World) -> None:
    """If the purse no longer holds the credit, nothing of it is taken back."""
    credit(payroll, "active", "2025-09")
    payroll.add(Account("active", 99_99, 2))
    before = dict(payroll.records)
    with pytest.raises(refusals.BalanceSpent) as refused:
        take_back(payroll, "active")
    figures = {"credited_fen": "10000", "balance_fen": "9999"}
    assert figures == refused.value.metadata
    assert before == payroll.records
    payroll.add(Account("active", 100_00, 3))
    assert 0 == take_back(payroll, "active").balance_after_fen


NOT_TAKEN_BACK: dict[str, tuple[type[refusals.Refusal], str, str]] = {
    "a month never credited": (refusals.CreditNotFound, "active", "2025-08"),
    "a month taken back before": (refusals.CreditNotFound, "active", "2025-07"),
    "another person's month": (refusals.CreditNotFound, "retired", "2025-09"),
    "an unknown person": (refusals.PersonNotFound, "P404", "2025-09"),
    "no month": (refusals.MalformedField, "active", "2025-13"),
    "an empty month": (refusals.MalformedField, "active", ""),
}


@pytest.mark.parametrize(
    ("refusal", "person_no", "month"), NOT_TAKEN_BACK.values(), ids=NOT_TAKEN_BACK
)
def test_what_is_not_there_is_not_taken_back(
    payroll: World, refusal: type[refusals.Refusal], person_no: str, month: str
) -> None:
    """Only a credit that stands is taken back; everything else is refused by its name,
    and nothing is written."""
    credit(payroll, "active", "2025-09")
    credit(payroll, "active", "2025-07")
    take_back(payroll, "active", "2025-07")
    before = dict(payroll.records)
    with pytest.raises(refusal) as refused:
        take_back(payroll, person_no, month)
    assert refusal is type(refused.value)
    assert before == payroll.records


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["credit", "take back", "spend"]),
        st.sampled_from(["2025-08", "2025-09"]),
    )
)
IMPOSSIBLE = (
    refusals.AlreadyCredited,
    refusals.CreditNotFound,
    refusals.BalanceSpent,
)


class Months:
    """The model beside the world: months whose credit stands, and a balance."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.standing: set[str] = set()
        self.balance = 0
        world.person("active", first_base_fen=BASE)

    def step(self, step: str, month: str) -> None:
        """Take a step in both, or see the world refuse what the model cannot do."""
        if step == "spend":
            self.balance -= min(self.balance, 30_00)
            self.world.add(Account("active", self.balance, 99))
        elif self._possible(step, month):
            self.standing ^= {month}
            self.balance += 100_00 if step == "credit" else -100_00
            assert self.balance == self._in_world(step, month).balance_after_fen
        else:
            with pytest.raises(IMPOSSIBLE):
                self._in_world(step, month)

    def _possible(self, step: str, month: str) -> bool:
        if step == "credit":
            return month not in self.standing
        return month in self.standing and self.balance >= 100_00

    def _in_world(self, step: str, month: str) -> PurseMovement:
        if step == "credit":
            return credit(self.world, "active", month).movement
        return take_back(self.world, "active", month)


@given(steps=STEPS)
def test_one_net_credit_a_month(
    new_world: NewWorld, steps: list[tuple[str, str]]
) -> None:
    """Whatever is credited, taken back and spent: none or one credit a month stands.

    No fen is lost on the way.
    """
    model = Months(new_world())
    for step, month in steps:
        model.step(step, month)
        stored = model.world.all(Credit)
        assert model.standing == {c.month for c in stored if c.taken_back_at is None}
    posted = model.world.posted()
    assert 0 == sum(fen for _, fen, _ in posted)
    purse = [fen for name, fen, _ in posted if name == "purse:active"]
    assert 100_00 * len(model.standing) == sum(purse)
