"""Messages of institutions (msgid 发送方报文ID): a caller's message settles once, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gongji.account.ledger import Inconsistent
from gongji.model.commands import Request
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import MessageIdReused
from gongji.model.settlement import Bill, SettledMessage, Settlement


def message_needs(bill: Bill, request: Request, facts: Facts) -> Iterator[Need]:
    """Yield where a bill's message may be found, then what it settled and what replaced that."""
    keys = _keys(bill, request)
    messages = [by_key(SettledMessage, key) for key in keys]
    yield from messages
    if not all(map(facts.has, messages)):
        return
    message = _message(keys, request, facts)
    settlement_id = message.settlement_id if message else ""
    while settlement_id:
        settled = by_key(Settlement, settlement_id)
        yield settled
        known = facts.get(Settlement, settlement_id) if facts.has(settled) else None
        settlement_id = known.replaced_by if known else ""


def settled_before(bill: Bill, request: Request, facts: Facts) -> Settlement | None:
    """Return what stands for a bill's message, None if it was never settled.

    MessageIdReused if that was another bill.
    """
    if not bill.msgid:
        return None
    message = _message(_keys(bill, request), request, facts)
    if message is None:
        return None
    settlement = _stored(message.settlement_id, facts)
    if settlement.bill != bill:
        raise _reused(settlement, bill)
    # What was settled again is answered as it stands now.
    while settlement.replaced_by:
        settlement = _stored(settlement.replaced_by, facts)
    return settlement


def _keys(bill: Bill, request: Request) -> list[str]:
    """Return the keys under which a caller's message may have been settled."""
    keys = [SettledMessage.key_of(bill, caller) for caller in request.callers]
    if request.former:
        keys.append(SettledMessage.former_key_of(bill))
    return keys


def _message(
    keys: Iterable[str], request: Request, facts: Facts
) -> SettledMessage | None:
    """Return the caller's own message; None if it has not been settled."""
    own, *former = [facts.get(SettledMessage, key) for key in keys]
    if own is not None:
        return own
    inherited = (m for m in former if m is not None and request.inherits(m.caller))
    return next(inherited, None)


def _stored(settlement_id: str, facts: Facts) -> Settlement:
    settlement = facts.get(Settlement, settlement_id)
    if settlement is None:
        msg = f"settlement {settlement_id} of a message is missing"
        raise Inconsistent(msg)
    return settlement


def _reused(first: Settlement, bill: Bill) -> MessageIdReused:
    names = [
        f"bill.{name}"
        for name in Bill.__struct_fields__
        if getattr(bill, name) != getattr(first.bill, name)
    ]
    return MessageIdReused(
        f"机构 {bill.institution_code} 的报文 {bill.msgid} 已结算为 "
        f"{first.settlement_id}，内容与本次不同（不同之处：{'、'.join(names)}）；"
        "另一笔业务请用新的 msgid",
        field="bill.msgid",
        settlement_id=first.settlement_id,
        differing=",".join(names),
    )
