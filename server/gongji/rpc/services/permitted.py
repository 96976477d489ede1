"""Records and imports, as far as the caller may ask for them."""

from __future__ import annotations

from gongji.access.callers import Kind
from gongji.access.rights import AccessScope
from gongji.model.refusals import ImportNotFound, SettlementNotFound
from gongji.model.settlement import Settlement
from gongji.model.staging import AppliedImport
from gongji.rpc.calls import current_call, current_permit
from gongji.rpc.services.parties import show_party
from gongji.rpc.services.people import PlaceOf
from gongji.store import Store


async def permitted(store: Store, settlement_id: str) -> Settlement:
    """Return a settlement that the caller may ask for. SettlementNotFound; Denied."""
    settlement = await store.get(Settlement, settlement_id)
    if settlement is None:
        raise SettlementNotFound(
            f"没有编号为 {settlement_id} 的结算", field="settlement_id"
        )
    # Noted here, since what refuses the call later may tell of it too.
    current_call().accesses.note(settlement.bill.patient)
    # Not to a holder: what ails a relative is not the holder's business.
    await show_party(store, settlement.bill.patient)
    # What a claim was paid by is not the institution's: it settled nothing.
    current_permit().institution(settlement.bill.settled_at_institution)
    await show_city(store, settlement.area_code)
    return settlement


async def show_city(store: Store, *decided_in: str) -> None:
    """Show that a record is of the caller's cities. Denied.

    It is if it was decided in one of them; to a person for whom the caller acts, also if that
    person is insured there now, wherever the record was made.
    """
    permit = current_permit()
    areas = [*decided_in]
    if permit.bound_by(AccessScope.CITY) and permit.bound_by(AccessScope.SUBJECT):
        place = PlaceOf(permit.subject.person_no, None)
        areas.append(await store.ask(place))
    permit.city(*areas)


async def require_permitted(store: Store, settlement_id: str) -> None:
    """Stop whoever may not ask for a settlement. Denied."""
    try:
        await permitted(store, settlement_id)
    except SettlementNotFound:
        # To whom nothing is denied the command says itself that there is none.
        if current_permit().pending:
            raise


def covered(applied: AppliedImport) -> bool:
    """Return whether the caller may ask for an import: into one of its cities.

    A feeder may for its own only. Of imports before callers were known neither is said.
    """
    permit = current_permit()
    caller = permit.caller
    if caller.kind is Kind.FEEDER:
        return applied.caller == caller.name
    if not permit.bound_by(AccessScope.CITY):
        return True
    return any(area in caller.cities for area in applied.areas)


async def require_covered(store: Store, import_id: str) -> None:
    """Stop whoever may not ask for an import. Denied."""
    # Of others the review says itself that there is none.
    if current_permit().pending:
        applied = await store.get(AppliedImport, import_id)
        if applied is None or not covered(applied):
            raise ImportNotFound(
                f"没有编号为 {import_id} 的已完成的导入", field="import_id"
            )
