"""Settlements named by their id, as far as the caller may ask for them."""

from __future__ import annotations

from gongji.model.refusals import SettlementNotFound
from gongji.model.settlement import Settlement
from gongji.rpc.calls import current_permit
from gongji.store import Store


async def permitted(store: Store, settlement_id: str) -> Settlement:
    """Return a settlement that the caller may ask for. SettlementNotFound; Denied."""
    settlement = await store.get(Settlement, settlement_id)
    if settlement is None:
        raise SettlementNotFound(
            f"没有编号为 {settlement_id} 的结算", field="settlement_id"
        )
    permit = current_permit()
    permit.institution(settlement.bill.institution_code)
    permit.city(settlement.area_code)
    return settlement


async def require_permitted(store: Store, settlement_id: str) -> None:
    """Stop whoever may not ask for a settlement. Denied."""
    # Of others the command says itself that there is none.
    if current_permit().pending:
        await permitted(store, settlement_id)
