"""AccountService: balances, entries, credits and premiums of personal accounts (个人账户)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from gongji.account.correction import CorrectCredit
from gongji.account.credit import CreditAccount, TakeBackCredit
from gongji.account.forward import BringForward
from gongji.account.ledger import ledger_account_of
from gongji.account.premium import PayPremium
from gongji.account.refund import RefundPremium
from gongji.cities.city import Cities
from gongji.model.account import Account, AccountKey, Entry, has_purse
from gongji.model.commands import Listing
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.refusals import MalformedField, NoAccount
from gongji.model.wallet import WalletAccount
from gongji.rpc.calls import command_request
from gongji.rpc.convert.spans import span_of
from gongji.rpc.convert.values import (
    Sources,
    decided_by_to,
    instant_from,
    instant_to,
    receipt_to,
)
from gongji.rpc.services.balances import hidden_in_refusal, hide_balance
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.store import Store
from gongji.v1 import account_pb2 as pb
from gongji.v1 import types_pb2
from gongji.v1.account_pb2_grpc import AccountServiceServicer
from gongji.wallet.opening import wallet_not_found

# Bounds of a listing are exclusive: the instant itself counts.
_MOMENT: Final = timedelta(microseconds=1)


class AccountService(AccountServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(self, store: Store, cities: Cities) -> None:
        self._store = store
        self._cities = cities
        self._people = People(store)
        self._sources = Sources(cities)

    async def GetAccount(
        self, request: pb.GetAccountRequest, context: object
    ) -> pb.GetAccountResponse:
        """Return balance and version of an account, now or at an instant. NoAccount."""
        account = await self._account(request.person)
        if request.HasField("at"):
            account = await self._before(
                (Account, account.person_no),
                {"at": instant_from(request.at) + _MOMENT},
            )
        return pb.GetAccountResponse(
            person_no=account.person_no,
            balance_fen=account.balance_fen,
            version=account.version,
        )

    async def ListEntries(
        self, request: pb.ListEntriesRequest, context: object
    ) -> pb.ListEntriesResponse:
        """Return entries of an account, oldest first, and the balances around them."""
        key = await self._listed(request)
        span = span_of(request.from_day, request.to_day)
        listing = Listing(
            kind=Entry,
            equals=_entered(key),
            at_least=span.at_least("at"),
            below=span.below("at"),
            order="version",
        )
        filters = {"account": ledger_account_of(key), "span": span}
        entries = await page(self._store, request.page, filters, listing)
        # Before the first entry there was nothing; a balance of 0 is a balance.
        opening = Account(key[1])
        if span.first:
            opening = await self._before(key, span.at_least("at"))
        closing = await self._before(key, span.below("at"))
        rows, next_token = entries.fitting(map(_entry_to, entries.rows))
        return pb.ListEntriesResponse(
            entries=rows,
            opening_balance_fen=opening.balance_fen,
            closing_balance_fen=closing.balance_fen,
            next_page_token=next_token,
        )

    async def Credit(
        self, request: pb.CreditRequest, context: object
    ) -> pb.CreditResponse:
        """Credit an account (划入)."""
        person_no = await self._people.own(request.person, "person")
        command = self._credit_command(request, person_no)
        answer = await self._store.commit(command)
        credited = answer.value
        decided = credited.decided_by
        return pb.CreditResponse(
            fen=credited.fen,
            balance_after_fen=credited.movement.balance_after_fen,
            version_after=credited.movement.version_after,
            rule=self._rule_to(credited.rule, decided),
            decided_by=decided_by_to(decided) if decided else None,
            receipt=receipt_to(command.request, answer),
        )

    def _credit_command(
        self, request: pb.CreditRequest, person_no: str
    ) -> CreditAccount | BringForward:
        """Return what is credited. MalformedField."""
        asked = command_request(request.request_id)
        if request.WhichOneof("what") == "brought_forward_fen":
            fen, batch = request.brought_forward_fen, request.batch
            return BringForward(asked, person_no, fen, batch, int(request.year or 0))
        for name in ("batch", "year"):
            if getattr(request, name):
                raise MalformedField("按月划入没有批次与年度", field=name)
        return CreditAccount(asked, person_no, request.month, self._cities)

    def _rule_to(
        self, rule: RuleRef | None, decided: DecidedBy | None
    ) -> types_pb2.RuleRef | None:
        if rule is None:
            return None
        # A stored answer of version 2 does not say which city decided.
        area_code = decided.area_code if decided else ""
        return self._sources.rule_to(area_code, rule)

    async def CorrectCredit(
        self, request: pb.CorrectCreditRequest, context: object
    ) -> pb.CorrectCreditResponse:
        """Bring a month's credit to what is due now (补差)."""
        person_no = await self._people.own(request.person, "person")
        asked = command_request(request.request_id)
        command = CorrectCredit(
            asked, person_no, request.month, request.why, self._cities
        )
        answer = await self._store.commit(command)
        corrected = answer.value
        decided = corrected.decided_by
        return pb.CorrectCreditResponse(
            fen=corrected.movement.fen,
            before_fen=corrected.before_fen,
            due_fen=corrected.due_fen,
            owed_fen=corrected.owed_fen,
            balance_after_fen=corrected.movement.balance_after_fen,
            version_after=corrected.movement.version_after,
            rule=self._rule_to(corrected.rule, decided),
            decided_by=decided_by_to(decided) if decided else None,
            receipt=receipt_to(command.request, answer),
        )

    async def TakeBackCredit(
        self, request: pb.TakeBackCreditRequest, context: object
    ) -> pb.TakeBackCreditResponse:
        """Take a month's credit back."""
        person_no = await self._people.own(request.person, "person")
        command = TakeBackCredit(
            command_request(request.request_id), person_no, request.month, request.why
        )
        answer = await self._store.commit(command)
        return pb.TakeBackCreditResponse(
            fen=answer.value.fen,
            balance_after_fen=answer.value.balance_after_fen,
            version_after=answer.value.version_after,
            receipt=receipt_to(command.request, answer),
        )

    async def PayPremium(
        self, request: pb.PayPremiumRequest, context: object
    ) -> pb.PayPremiumResponse:
        """Pay a relative's premium from the holder's account (代缴)."""
        # It is paid into the member's city; the purse may be of another one.
        member = await self._people.own(request.member, "member")
        holder = await self._people.number(request.holder, "holder")
        command = PayPremium(
            request=command_request(request.request_id),
            holder=holder,
            member=member,
            year=int(request.year),
            fen=request.fen,
            cities=self._cities,
        )
        with hidden_in_refusal(holder):
            answer = await self._store.commit(command)
        premium, movement = answer.value.premium, answer.value.movement
        area_code = premium.decided_by.area_code
        reply = pb.PayPremiumResponse(
            premium_id=premium.premium_id,
            fen=movement.fen,
            balance_after_fen=movement.balance_after_fen,
            version_after=movement.version_after,
            rules=[self._sources.rule_to(area_code, rule) for rule in premium.rules],
            decided_by=decided_by_to(premium.decided_by),
            receipt=receipt_to(command.request, answer),
        )
        hide_balance(reply, premium.holder)
        return reply

    async def RefundPremium(
        self, request: pb.RefundPremiumRequest, context: object
    ) -> pb.RefundPremiumResponse:
        """Refund a relative's premium to the account that paid it (退费)."""
        member = await self._people.own(request.member, "member")
        command = RefundPremium(
            request=command_request(request.request_id),
            premium_id=request.premium_id,
            member=member,
            year=int(request.year),
            why=request.why,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        refunded = answer.value
        reply = pb.RefundPremiumResponse(
            premium_id=refunded.premium.premium_id,
            holder=refunded.premium.holder,
            fen=refunded.movement.fen,
            balance_after_fen=refunded.movement.balance_after_fen,
            version_after=refunded.movement.version_after,
            rule=self._rule_to(refunded.rule, refunded.decided_by),
            decided_by=decided_by_to(refunded.decided_by),
            receipt=receipt_to(command.request, answer),
        )
        hide_balance(reply, reply.holder)
        return reply

    async def _account(self, ref: types_pb2.PersonRef) -> Account:
        """Return an account as of now, empty if never credited.

        NoAccount, PersonNotFound; Denied.
        """
        person = await self._people.known(ref, "person")
        account = await self._store.get(Account, person.person_no)
        if not has_purse(person, account):
            raise NoAccount(
                f"person：{person.person_no} 从未参加职工医保，没有个人账户",
                field="person",
            )
        return account or Account(person.person_no)

    async def _listed(self, request: pb.ListEntriesRequest) -> AccountKey:
        """Return the account, or wallet, whose entries are asked for.

        NoAccount, PersonNotFound, WalletNotFound; Denied.
        """
        if not request.wallet:
            return Account, (await self._account(request.person)).person_no
        person = await self._people.known(request.person, "person")
        wallet = await self._store.get(WalletAccount, person.person_no)
        if wallet is None:
            raise wallet_not_found("person")
        return WalletAccount, wallet.person_no

    async def _before(self, key: AccountKey, below: Mapping[str, datetime]) -> Account:
        """Return what an account or wallet held, as the last entry below a bound left it."""
        last = Listing(
            kind=Entry,
            equals=_entered(key),
            below=below,
            order="version",
            descending=True,
            limit=1,
        )
        for entry in await self._store.page(last):
            return Account(key[1], entry.balance_after_fen, entry.version_after)
        return Account(key[1])


def _entered(key: AccountKey) -> dict[str, str | int]:
    return {"ledger_account": ledger_account_of(key)}


def _entry_to(entry: Entry) -> pb.Entry:
    return pb.Entry(
        version=entry.version_after,
        at=instant_to(entry.at),
        kind=pb.EntryKind.ValueType(entry.kind or 0),
        fen=entry.fen,
        balance_after_fen=entry.balance_after_fen,
        reference=entry.reference,
    )
