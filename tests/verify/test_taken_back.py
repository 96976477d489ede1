"""Whether what was reversed or refunded was to be is decided again, by the rules it names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace as changed
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.cities import kept
from gongji.model.account import Premium
from gongji.model.decided import KeptRules
from gongji.model.settlement import Settlement
from gongji.rules.benefits import Reversal
from msgspec.structs import replace

from tests.scaffold.cities import rule
from tests.verify.conftest import FindAll
from tests.verify.insider import Insider, opened
from tests.verify.insider import decided as settled


def decided(data: Path, find: FindAll) -> list[str]:
    """Return the sentences that say what was decided otherwise."""
    every = find(data / "gongji.sqlite3", data / "gongji.key")
    return [finding.sentence for finding in every if finding.phase == "decisions"]


def reversed_one(insider: Insider) -> Settlement:
    """Return the settlement that was reversed as a caller asked, others after it standing."""
    found: list[Settlement] = [s for s in insider.all(Settlement) if s.reversed_by]
    # Of the two the one that no wallet paid: after that of the wallet none was made.
    (one,) = [s for s in found if not s.wallet_fen]
    return one


def last_first(insider: Insider, settlement: Settlement) -> Settlement:
    """Return it as if its city had the last of a year reversed first."""
    by = settlement.reversed_by
    assert by
    rules = {one.digest: one for one in insider.all(KeptRules)}[by.rules_digest]
    city = kept.city_of(rules.digest, rules.document)
    own = {**city.timelines, "reversal": rule("reversal", Reversal.LAST_FIRST)}
    ordered = kept.with_digest(changed(city, timelines=own))
    document = kept.document_of(ordered)
    insider.write([KeptRules(ordered.rules_digest, document, rules.first_used_at)])
    other = replace(by, rules_digest=ordered.rules_digest)
    return replace(settlement, reversed_by=other)


def test_a_reversal_out_of_order(data: Path, find: FindAll) -> None:
    """One that was to come after later ones is named; so is nothing if there are none."""
    with opened(data) as insider:
        settlement = last_first(insider, reversed_one(insider))
        insider.write_with_log([settlement])
    key = settlement.settlement_id
    (sentence,) = [told for told in decided(data, find) if key in told]
    assert "撤销时其后还有 2 笔结算" in sentence
    assert "NOT_LAST_SETTLEMENT" in sentence
    first = settlement.settled_at
    assert first
    with opened(data) as insider:
        moment = timedelta(microseconds=1)
        insider.write_with_log([replace(settlement, reversed_at=first + moment)])
    assert not [told for told in decided(data, find) if "其后还有" in told]


def test_a_reversal_that_names_no_rules(data: Path, find: FindAll) -> None:
    """Since there is a log each names the rules of its day."""
    with opened(data) as insider:
        settlement = reversed_one(insider)
        insider.write_with_log([replace(settlement, reversed_by=None)])
    (sentence,) = decided(data, find)
    assert settlement.settlement_id in sentence
    assert "没有写明所依规则的摘要" in sentence


def much_later(premium: Premium) -> Premium:
    """Return a premium as if it had been refunded years later."""
    (former,) = premium.former
    after = former.refunded_at + timedelta(days=800)
    return replace(premium, former=(replace(former, refunded_at=after),))


def without_rules(premium: Premium) -> Premium:
    """Return a premium whose refund names no rules."""
    (former,) = premium.former
    return replace(premium, former=(replace(former, refunded_by=None),))


def not_due(premium: Premium) -> Premium:
    """Return a premium refunded years later because it had not been due."""
    (former,) = much_later(premium).former
    return replace(premium, former=(replace(former, not_due=True),))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (much_later, "应予拒绝（REFUND_TOO_LATE）"),
        (without_rules, "没有写明所依规则的摘要"),
        (not_due, ""),
    ],
)
def test_a_refund(
    data: Path, find: FindAll, change: Callable[[Premium], Premium], told: str
) -> None:
    """It was in time by the rules it names, unless what was paid had not been due."""
    with opened(data) as insider:
        (premium,) = [one for one in insider.all(Premium) if one.former]
        insider.write_with_log([change(premium)])
    sentences = decided(data, find)
    assert bool(told) == bool(sentences)
    assert all("表 premium" in one and told in one for one in sentences), sentences


def test_a_person_who_cannot_be_read(data: Path, find: FindAll) -> None:
    """Whatever needs that person is named; everything else is decided still."""
    with opened(data) as insider:
        settlements = settled(insider)
        patient = settlements[0].bill.patient
        needing = {s.settlement_id for s in settlements if patient in s.known}
        raised = next(s for s in settlements if s.settlement_id not in needing)
        insider.write_with_log([replace(raised, level=raised.level + 1)])
    break_seal(data, patient)
    sentences = decided(data, find)
    unread = [told for told in sentences if "表 person 中" in told]
    assert [] == [key for key in needing if not any(key in one for one in unread)]
    (wrong,) = [told for told in sentences if "按当时重算与所存不同" in told]
    assert raised.settlement_id in wrong
    assert patient not in "".join(sentences)


def break_seal(data: Path, person_no: str) -> None:
    """Change the last byte of what is sealed of a person."""
    with closing(sqlite3.connect(data / "gongji.sqlite3")) as connection:
        ((sealed,),) = connection.execute(
            "SELECT sealed FROM person WHERE person_no = ?", [person_no]
        )
        broken: Any = sealed[:-1] + bytes([sealed[-1] ^ 1])
        connection.execute(
            "UPDATE person SET sealed = ? WHERE person_no = ?", [broken, person_no]
        )
        connection.commit()
