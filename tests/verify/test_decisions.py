"""Every settlement is decided again: a log that agrees with what was altered does not help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.binding import life
from gongji.model.account import Premium
from gongji.model.binding import Binding
from gongji.model.decided import KeptRules
from gongji.rules.codes import BindingState
from gongji.verify.run import Verification, verify
from msgspec.structs import replace

from tests.verify.conftest import FindAll
from tests.verify.insider import (
    Insider,
    all_decided,
    clause_swapped,
    credit_raised,
    decided,
    fen_moved,
    names_rules,
    opened,
)


def found(data: Path, find: FindAll) -> list[tuple[str, str]]:
    """Return phase and sentence of each finding."""
    findings = find(data / "gongji.sqlite3", data / "gongji.key")
    return [(finding.phase, finding.sentence) for finding in findings]


def test_a_fen_moved_with_its_entries_and_its_log(data: Path, find: FindAll) -> None:
    """Whoever makes books and log agree with another decision is found by the decision."""
    with opened(data) as insider:
        changed = fen_moved(insider)
        insider.write_with_log(changed)
    every = found(data, find)
    assert {"decisions"} == {phase for phase, _ in every}
    # Who has a fen more in his purse pays otherwise later on, too.
    key = changed[0].settlement_id
    (sentence,) = [sentence for _, sentence in every if key in sentence]
    assert "按当时重算与所存不同" in sentence
    assert f"cash_fen 应为 {changed[0].cash_fen - 1} 分" in sentence


def test_a_clause_swapped(data: Path, find: FindAll) -> None:
    """The log finds it; with another log, the decision."""
    with opened(data) as insider:
        swapped = clause_swapped(insider)
        insider.write(swapped)
    phases = [phase for phase, _ in found(data, find)]
    assert ["rows", "decisions"] == phases
    with opened(data) as insider:
        insider.write_with_log(swapped)
    ((phase, sentence),) = found(data, find)
    assert "decisions" == phase
    assert "lines" in sentence


def test_a_credit_raised_with_its_entries_and_its_log(
    data: Path, find: FindAll
) -> None:
    """What a month's credit was is decided again, by base and rules of then."""
    with opened(data) as insider:
        (credit, *others) = credit_raised(insider)
        insider.write_with_log([credit, *others])
    decisions = [told for phase, told in found(data, find) if phase == "decisions"]
    (sentence,) = [told for told in decisions if "表 credit" in told]
    assert f"应为 {credit.fen - 1} 分，所存 {credit.fen} 分" in sentence
    assert credit.person_no not in sentence.replace(credit.month, "")


def premium_of(insider: Insider) -> Premium:
    """Return a premium that names the rules it was paid by."""
    premium: Premium = next(filter(names_rules, insider.all(Premium)))
    return premium


def other_rules(insider: Insider) -> list[Any]:
    """Return a premium whose rules have changed their places."""
    premium = premium_of(insider)
    return [replace(premium, rules=premium.rules[::-1])]


def not_bound(insider: Insider) -> list[Any]:
    """Return the bindings of a premium as if each had ended before it was paid."""
    premium = premium_of(insider)
    before = premium.paid_at - timedelta(seconds=1)
    return [
        life.moved(binding, BindingState.ENDED, before, who="x", why="")
        for binding in insider.all(Binding)
        if binding.member == premium.member
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [(other_rules, "所依的规则与当时不同"), (not_bound, "当时应予拒绝")],
)
def test_a_premium_paid_otherwise(
    data: Path, find: FindAll, change: Callable[[Insider], list[Any]], told: str
) -> None:
    """A premium was to be paid by the rules it names, and by bindings of then."""
    with opened(data) as insider:
        insider.write_with_log(change(insider))
    sentences = [s for phase, s in found(data, find) if phase == "decisions"]
    assert any("表 premium" in one and told in one for one in sentences), sentences


def test_rules_named_and_not_there(data: Path, find: FindAll) -> None:
    """A settlement that names rules which nobody has is no settlement of before rules."""
    with opened(data) as insider:
        (settlement, *_) = decided(insider)
        (kept, *_) = insider.all(KeptRules)
        another = replace(settlement.decided_by, rules_digest="0" * len(kept.digest))
        insider.write_with_log([replace(settlement, decided_by=another)])
    assert [("decisions", True)] == [
        (phase, "没有摘要为" in told) for phase, told in found(data, find)
    ]


def without_rules(data: Path) -> None:
    """Have a settlement name no rules, as one of before they were kept."""
    with opened(data) as insider:
        (first, *_) = decided(insider)
        earlier = replace(first.decided_by, rules_digest="", other_digests=())
        insider.write_with_log([replace(first, decided_by=earlier)])


def test_a_settlement_that_names_no_rules(data: Path, find: FindAll) -> None:
    """Whatever was settled since rules are kept names them."""
    without_rules(data)
    ((phase, sentence),) = found(data, find)
    assert "decisions" == phase
    assert "规则摘要" in sentence


def test_what_is_of_before_rules_were_kept_is_counted(data: Path) -> None:
    """They cannot be decided again, and are said not to have been."""
    without_rules(data)
    with opened(data) as insider:
        after = timedelta(days=1000)
        kept = insider.all(KeptRules)
        later = [replace(k, first_used_at=k.first_used_at + after) for k in kept]
        insider.write_with_log(later)
        named = all_decided(insider)
    asked = Verification(
        address=str(data / "gongji.sqlite3"),
        key_file=data / "gongji.key",
        folder=data / "work",
    )
    *_, last = verify(asked)
    assert ("decisions", ()) == (last.phase, last.findings)
    assert (named.count(False), named.count(True)) == (last.undecided, last.count)
