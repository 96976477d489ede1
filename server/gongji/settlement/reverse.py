"""Taking a settlement back."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.model.account import Account, PurseMovement
from gongji.model.commands import Command, Decision, RequestRecord
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.refusals import (
    AlreadyReversed,
    MalformedField,
    NotLastSettlement,
    SettlementNotFound,
)
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.hookspecs import CityRules
from gongji.settlement.settle import SETTLE, settlement_id_of


class Reversed(Struct, frozen=True):
    """A settlement as it stands reversed, and what came back to each purse."""

    settlement: Settlement
    refunds: tuple[PurseMovement, ...]


class Reverse(Command[Reversed], frozen=True):
    """Takes a settlement back: by its id (2208 撤销), or by the request id of the
    Settle whose reply was lost (2601).

    MalformedField where both or none is given, or the request id is no UUID.
    """

    answer_type = Reversed

    settlement_id: str
    settle_request_id: str
    why: str
    cities: Cities
    patient: str = ""

    def __post_init__(self) -> None:
        if bool(self.settlement_id) == bool(self.settle_request_id):
            raise MalformedField(
                "请以结算编号或原请求编号之一指明要撤销的结算", field="settlement_id"
            )
        try:
            _ = self.original_id
        except ValueError:
            raise MalformedField(
                "原请求编号不是 UUID", field="settle_request_id"
            ) from None

    @property
    def original_id(self) -> str:
        """The id of the settlement meant."""
        return self.settlement_id or settlement_id_of(self.settle_request_id)

    def needs(self, facts: Facts) -> Iterator[Need]:
        """The settlement, its request; then the accumulator, the purses that paid, and
        where it counts the others."""
        original = by_key(Settlement, self.original_id)
        yield original
        if self.settle_request_id:
            yield by_key(RequestRecord, self.settle_request_id)
        if (
            not facts.has(original)
            or (settlement := facts.get(Settlement, self.original_id)) is None
        ):
            return
        if _last_first(settlement, facts, self.cities):
            yield Need(Settlement, "patient", settlement.bill.patient)
        yield by_key(Accumulator, settlement.accumulator_key)
        for movement in settlement.movements:
            yield by_key(Account, movement.purse)

    def decide(self, facts: Facts) -> Decision[Reversed]:
        """The mirror image of the settlement. SettlementNotFound, AlreadyReversed,
        NotLastSettlement."""
        settlement = facts.get(Settlement, self.original_id)
        if settlement is None:
            raise self._not_found(facts)
        if self.patient not in {"", settlement.bill.patient}:
            raise SettlementNotFound(
                f"结算 {settlement.settlement_id} 不是该患者的", field="patient"
            )
        if settlement.reversed_at is not None:
            raise AlreadyReversed(
                f"结算 {settlement.settlement_id} 已于 "
                f"{settlement.reversed_at:%Y-%m-%d %H:%M} 撤销",
                settlement_id=settlement.settlement_id,
            )
        _refuse_unless_last(settlement, facts, self.cities)
        after, refunds = ledger.move_all(
            facts, [(m.purse, -m.fen) for m in settlement.movements]
        )
        taken_back = replace(settlement, reversed_at=facts.now, reversed_why=self.why)
        transaction_id = derived_id("R", self.request.request_id)
        entries = ledger.reversal_entries(
            transaction_id, settlement, refunds, facts.now
        )
        writes = (taken_back, *after, *_less(settlement, facts), *entries)
        return Decision(Reversed(taken_back, refunds), writes)

    def _not_found(self, facts: Facts) -> SettlementNotFound:
        """An original that never arrived is kept from being settled late: the refusal
        leaves a tombstone."""
        original = self.settle_request_id
        if not original:
            return SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        refusal = SettlementNotFound(
            f"请求 {original} 没有产生结算", field="settle_request_id"
        )
        if facts.get(RequestRecord, original) is not None:
            return refusal
        return refusal.leaving(
            RequestRecord(original, "", SETTLE, {}, facts.now, tombstone=True)
        )


def _less(settlement: Settlement, facts: Facts) -> Iterator[Accumulator]:
    """The accumulator without what this settlement added, where it added anything."""
    if not (settlement.deductible_fen or settlement.fund_fen):
        return
    before = facts.get(Accumulator, settlement.accumulator_key)
    deductible = (
        before.deductible_used_fen if before else 0
    ) - settlement.deductible_fen
    fund = (before.fund_paid_fen if before else 0) - settlement.fund_fen
    if before is None or deductible < 0 or fund < 0:
        msg = (
            f"accumulator of settlement {settlement.settlement_id} holds less than the "
            "settlement added"
        )
        raise Inconsistent(msg)
    yield replace(before, deductible_used_fen=deductible, fund_paid_fen=fund)


def of_same_year(settlement: Settlement, facts: Facts) -> list[Settlement]:
    """The settlements that share its accumulator, itself among them."""
    key = settlement.accumulator_key
    return [
        s
        for s in facts.where(Settlement, "patient", settlement.bill.patient)
        if s.accumulator_key == key
    ]


def _last_first(settlement: Settlement, facts: Facts, cities: Cities) -> bool:
    """Whether the city lets only the last be reversed."""
    rules = cities.of(settlement.area_code).rules(facts.today)
    return rules.value(CityRules.reversal) is Reversal.LAST_FIRST


def _refuse_unless_last(settlement: Settlement, facts: Facts, cities: Cities) -> None:
    """Where the city lets only the last be reversed: NotLastSettlement. Settlements of
    one instant count as equal."""
    if not _last_first(settlement, facts, cities) or settlement.settled_at is None:
        return
    standing = [s for s in of_same_year(settlement, facts) if s.reversed_at is None]
    later = [
        s
        for s in standing
        if s.settled_at is not None and s.settled_at > settlement.settled_at
    ]
    if later:
        raise NotLastSettlement(
            f"须先撤销其后的 {len(later)} 笔结算, 再撤销 {settlement.settlement_id}",
            clauses=cities.of(settlement.area_code)
            .rules(facts.today)
            .answer(CityRules.reversal)
            .clauses,
            settlement_id=settlement.settlement_id,
            last=max(
                later, key=lambda s: (s.settled_at, s.settlement_id)
            ).settlement_id,
        )
