"""For whom a caller acts, and whether that person has a part in what it asks for."""

from __future__ import annotations

from gongji.access.rights import AccessScope
from gongji.binding.guardians import IsParty
from gongji.rpc.calls import current_permit
from gongji.store import Store


async def show_party(store: Store, *people: str) -> None:
    """Show that the caller acts for one of these people, or for a guardian of one. Denied.

    Who need not act for anybody shows nothing.
    """
    permit = current_permit()
    if permit.bound_by(AccessScope.SUBJECT):
        subject = permit.subject.person_no
        permit.party(holds=await store.ask(IsParty(subject, people)))
