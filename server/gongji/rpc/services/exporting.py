"""Everything held about a person (查阅、复制), kind by kind, in bounded parts.

His own data are in clear; the numbers of other people are masked wherever they stand, and
what their purses still hold is left out.
"""

from __future__ import annotations

import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gongji.access.rights import AccessScope
from gongji.account.ledger import purse_account, wallet_account
from gongji.model.access import PersonAccess
from gongji.model.account import Account, BroughtForward, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim
from gongji.model.commands import Listing, Request, RequestRecord
from gongji.model.facts import Need
from gongji.model.filing import Filing
from gongji.model.guessing import Guesses
from gongji.model.people import Person
from gongji.model.revisions import OWNER, PersonRevision
from gongji.model.settlement import Accumulator, MeterReading, Settlement
from gongji.model.staging import (
    AppliedImport,
    StagedPerson,
    StagedSet,
    staged_key,
)
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rpc.calls import current_permit, own_request_id
from gongji.rpc.convert import mask
from gongji.store import Store
from gongji.store.reader import Find

Held = tuple[str, dict[str, Any]]
"""A record's kind, and what it says."""

_PAGE: Final = 100

_OF_PEOPLE: Final = frozenset(
    {"holder", "member", "patient", "purse", "givers", "person_no", "subject", "who"}
    | {"sender", "receiver"}
)
"""Fields, at any depth, that hold numbers of people, the person's own among them."""


class PersonExport:
    """The export of one person."""

    def __init__(self, store: Store, person: Person) -> None:
        self._store = store
        self._person = person
        self._number = person.person_no

    async def parts(self) -> AsyncGenerator[list[tuple[str, str]]]:
        """Yield kind and JSON of records, some at a time."""
        sources = (
            *(self._registry, self._rights, self._money, self._wallet),
            *(self._papers, self._calls),
        )
        for source in sources:
            async for records in source():
                yield [(kind, self._told(content)) for kind, content in records]

    # --- what is held -----------------------------------------------------------------

    async def _registry(self) -> AsyncIterator[list[Held]]:
        yield [_held("person", self._person)]
        revisions = await self._found(PersonRevision, OWNER)
        yield [_held("person_revision", revision) for revision in revisions]
        sets: Listing[StagedSet] = Listing(kind=StagedSet, limit=1000)
        for staged_set in await self._store.page(sets):
            key = staged_key(staged_set.set_id, self._number)
            staged = await self._store.get(StagedPerson, key)
            if staged is not None:
                yield [_held("staged_person", staged)]
        for record in (*[revision.record for revision in revisions], self._person):
            applied = await self._store.get(AppliedImport, record.import_id)
            if applied is not None:
                yield [_held("import", applied)]

    async def _rights(self) -> AsyncIterator[list[Held]]:
        for side in ("holder", "member"):
            listing = Listing(
                kind=Binding, equals={side: self._number}, order="submitted_at"
            )
            async for bindings in self._pages(listing):
                yield [_held("binding", binding) for binding in bindings]

        claims = Listing(
            kind=Claim, equals={"patient": self._number}, order="submitted_at"
        )
        async for claimed in self._pages(claims):
            yield [_held("claim", claim) for claim in claimed]
        filings = Listing(
            kind=Filing, equals={"person_no": self._number}, order="filed_at"
        )
        async for filed in self._pages(filings):
            yield [_held("filing", filing) for filing in filed]

    async def _money(self) -> AsyncIterator[list[Held]]:
        of_patient = Listing(
            kind=Settlement, equals={"patient": self._number}, order="settled_at"
        )
        async for settlements in self._pages(of_patient):
            yield [_held("settlement", settlement) for settlement in settlements]
        account = await self._store.get(Account, self._number)
        if account is not None:
            yield [_held("account", account)]
        of_purse = Listing(
            kind=Entry,
            equals={"ledger_account": purse_account(self._number)},
            order="version",
        )
        async for entries in self._pages(of_purse):
            yield [_held("entry", entry) for entry in entries]
            yield [aid async for aid in self._aid(entries)]
        yield [
            _held("brought_forward", forward)
            for forward in await self._found(BroughtForward, "person_no")
        ]
        for kind, column, name in _KEYED:
            async for records in self._pages(self._of_key(kind, column)):
                yield [_held(name, record) for record in records]

    async def _papers(self) -> AsyncIterator[list[Held]]:
        of_person = Listing(
            kind=IssuedStatement,
            equals={"person_no": self._number},
            order="issued_at",
        )
        async for statements in self._pages(of_person):
            # What stands on it is in the records above, and its key is no data of his.
            yield [_held("statement", _bare(statement)) for statement in statements]

    async def _wallet(self) -> AsyncIterator[list[Held]]:
        wallet = await self._store.get(WalletAccount, self._number)
        if wallet is not None:
            yield [_held("wallet", wallet)]
        of_wallet = Listing(
            kind=Entry,
            equals={"ledger_account": wallet_account(self._number)},
            order="version",
        )
        async for entries in self._pages(of_wallet):
            yield [_held("entry", entry) for entry in entries]
        for side in ("sender", "receiver"):
            listing = Listing(
                kind=WalletTransfer, equals={side: self._number}, order="sent_at"
            )
            async for transfers in self._pages(listing):
                yield [_held("wallet_transfer", transfer) for transfer in transfers]

    async def _aid(self, entries: Iterable[Entry]) -> AsyncIterator[Held]:
        """Yield, of others' bills the purse was charged for, what concerns its owner."""
        for entry in entries:
            settlement = await self._store.get(Settlement, entry.reference)
            if settlement is not None and settlement.bill.patient != self._number:
                yield (
                    "aid_charge",
                    {
                        "settlement_id": settlement.settlement_id,
                        "patient": settlement.bill.patient,
                        "institution_code": settlement.bill.institution_code,
                        "service_day": settlement.bill.service_day.isoformat(),
                        "fen": entry.fen,
                    },
                )

    async def _calls(self) -> AsyncIterator[list[Held]]:
        listing = Listing(
            kind=PersonAccess, equals={"person_no": self._number}, order="at"
        )
        async for accesses in self._pages(listing):
            yield [_held("access", access) for access in accesses]
            yield [request async for request in self._requests(accesses)]

    async def _requests(self, accesses: Iterable[PersonAccess]) -> AsyncIterator[Held]:
        """Yield the rows of requests, without what was answered: that is in the records."""
        for access in accesses:
            if not access.request_id:
                continue
            key = Request(access.request_id, access.caller, access.method).key
            row = await self._store.get(RequestRecord, key)
            if row is not None:
                yield (
                    "request",
                    {
                        "request_id": access.request_id,
                        "caller": row.caller,
                        "method": row.method,
                        "at": row.at.isoformat(),
                        "refused": bool(row.refusal),
                    },
                )

    # --- how it is found --------------------------------------------------------------

    async def _found(self, kind: type[Any], index: str) -> list[Any]:
        return await self._store.ask(Find[Any]((Need(kind, index, self._number),)))

    def _of_key(self, kind: type[Any], column: str) -> Listing[Any]:
        """Return the listing of records whose key begins with the person's number."""
        # "0" follows "/", which ends the number in a key.
        return Listing(
            kind=kind,
            at_least={column: f"{self._number}/"},
            below={column: f"{self._number}0"},
        )

    async def _pages(self, listing: Listing[Any]) -> AsyncIterator[list[Any]]:
        listing = replace(listing, limit=_PAGE)
        while placed := await self._store.placed(listing):
            yield [record for record, _ in placed]
            if len(placed) < _PAGE:
                return
            _, after = placed[-1]
            listing = replace(listing, after=after)

    # --- how it is told ---------------------------------------------------------------

    def _told(self, content: dict[str, Any]) -> str:
        """Return a record as JSON, without what is others' alone."""
        _hide_request(content)
        for movement in content.get("movements", ()):
            if movement["purse"] != self._number:
                movement.pop("balance_after_fen", None)
                movement.pop("version_after", None)
        return self._masked(content)

    def _masked(self, content: dict[str, Any]) -> str:
        """Return a record as JSON, the numbers of others masked wherever they stand."""
        text = msgspec.json.encode(content).decode()
        institution = content.get("bill", {}).get("institution_code")
        clear = {"", self._number, institution}
        others = set(_numbers_in(content)) - clear
        for number in sorted(others, key=len, reverse=True):
            whole = rf"(?<![0-9A-Za-z_-]){re.escape(number)}(?![0-9A-Za-z_-])"
            text = re.sub(whole, mask.certificate(number), text)
        return text


_KEYED: Final = (
    (Credit, "credit_id", "credit"),
    (Premium, "member_year", "premium"),
    (Accumulator, "accumulator_id", "accumulator"),
    (MeterReading, "meter_id", "meter_reading"),
    (Guesses, "guesses_id", "guesses"),
)
"""Kinds whose key begins with the person's number."""


def _bare(statement: IssuedStatement) -> IssuedStatement:
    return replace(statement, content=b"", key=b"")


def _held(kind: str, record: Any) -> Held:
    return kind, msgspec.to_builtins(record, str_keys=True)


def _hide_request(content: dict[str, Any]) -> None:
    """Take another caller's request id out, as `ListAccesses` does."""
    permit = current_permit()
    if not content.get("request_id") or not permit.bound_by(AccessScope.SUBJECT):
        return
    key, caller = content["request_id"], content.get("caller")
    if caller is None:
        content["request_id"] = own_request_id(key)
    elif caller != permit.caller.name:
        content["request_id"] = ""


def _numbers_in(content: object, name: str = "") -> Iterator[str]:
    """Yield the numbers of people in a record, found by the names of its fields."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            # What a settlement was decided on: people and institutions by their keys.
            if name == "known":
                yield str(key)
            yield from _numbers_in(value, str(key))
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _numbers_in(value, name)
    elif name in _OF_PEOPLE and isinstance(content, str):
        yield content
