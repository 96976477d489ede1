"""The entries of a purse as tests compare them."""

from __future__ import annotations

from gongji.v1 import account_pb2 as pb

from tests.scaffold.service import Service


async def kinds(
    service: Service, person_no: str, *, wallet: bool = False
) -> list[tuple[str, int, str]]:
    """Return kind, amount and reference of an account's, or a wallet's, entries."""
    request = pb.ListEntriesRequest(person=service.ref(person_no), wallet=wallet)
    entries = (await service.accounts.ListEntries(request)).entries
    names = [pb.EntryKind.Name(entry.kind) for entry in entries]
    return [
        (name.removeprefix("ENTRY_KIND_"), entry.fen, entry.reference)
        for name, entry in zip(names, entries, strict=True)
    ]
