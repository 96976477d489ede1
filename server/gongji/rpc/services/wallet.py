"""WalletService: wallets (医保钱包) and transfers into them."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gongji.cities.city import Cities
from gongji.model.commands import Listing
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rpc.calls import command_request
from gongji.rpc.convert.spans import span_of
from gongji.rpc.convert.values import Sources, decided_by_to, receipt_to
from gongji.rpc.convert.wallet import transfer_to, wallet_to
from gongji.rpc.services.holds import Holds
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.store import Store
from gongji.v1 import wallet_pb2 as pb
from gongji.v1.wallet_pb2_grpc import WalletServiceServicer
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer
from gongji.wallet.opening import ChangeWalletPlace, OpenWallet, wallet_not_found
from gongji.wallet.sending import SendTransfer


class WalletService(WalletServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(
        self, store: Store, cities: Cities, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._cities = cities
        self._people = People(store)
        self._sources = Sources(cities)
        self._holds = Holds(store, clock)

    async def OpenWallet(
        self, request: pb.OpenWalletRequest, context: object
    ) -> pb.OpenWalletResponse:
        """Open a person's wallet."""
        person_no = await self._people.own(request.person, "person")
        command = OpenWallet(
            request=command_request(request.request_id),
            person_no=person_no,
            use_place=request.use_place,
            phone=request.phone,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        wallet, rule = answer.value.wallet, answer.value.rule
        decided = wallet.decided_by
        return pb.OpenWalletResponse(
            wallet=wallet_to(wallet),
            rule=self._sources.rule_to(decided.area_code, rule),
            decided_by=decided_by_to(decided),
            receipt=receipt_to(command.request, answer),
        )

    async def GetWallet(
        self, request: pb.GetWalletRequest, context: object
    ) -> pb.GetWalletResponse:
        """Return a wallet as of now. WalletNotFound, PersonNotFound; Denied."""
        person = await self._people.known(request.person, "person")
        await self._holds.end_due_of(person.person_no)
        wallet = await self._store.get(WalletAccount, person.person_no)
        if wallet is None:
            raise wallet_not_found("person")
        return pb.GetWalletResponse(wallet=wallet_to(wallet))

    async def ChangeWalletPlace(
        self, request: pb.ChangeWalletPlaceRequest, context: object
    ) -> pb.ChangeWalletPlaceResponse:
        """Have a wallet be used elsewhere."""
        person_no = await self._people.own(request.person, "person")
        command = ChangeWalletPlace(
            request=command_request(request.request_id),
            person_no=person_no,
            use_place=request.use_place,
        )
        answer = await self._store.commit(command)
        return pb.ChangeWalletPlaceResponse(
            wallet=wallet_to(answer.value),
            receipt=receipt_to(command.request, answer),
        )

    async def Transfer(
        self, request: pb.TransferRequest, context: object
    ) -> pb.TransferResponse:
        """Transfer money from the sender's account to a relative's wallet."""
        sender = await self._people.own(request.sender, "sender")
        await self._holds.end_due_of(sender)
        receiver = await self._people.number(request.receiver, "receiver")
        command = SendTransfer(
            request=command_request(request.request_id),
            sender=sender,
            receiver=receiver,
            relation=request.relation,
            fen=request.fen,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        movement = answer.value.movement
        return pb.TransferResponse(
            transfer=transfer_to(answer.value.transfer, self._sources),
            balance_after_fen=movement.balance_after_fen,
            version_after=movement.version_after,
            receipt=receipt_to(command.request, answer),
        )

    async def AcceptTransfer(
        self, request: pb.AcceptTransferRequest, context: object
    ) -> pb.AcceptTransferResponse:
        """Accept a transfer into the receiver's wallet."""
        receiver = await self._people.own(request.receiver, "receiver")
        command = AcceptTransfer(
            request=command_request(request.request_id),
            transfer_id=request.transfer_id,
            receiver=receiver,
        )
        answer = await self._store.commit(command)
        movement = answer.value.movement
        return pb.AcceptTransferResponse(
            transfer=transfer_to(answer.value.transfer, self._sources),
            balance_after_fen=movement.balance_after_fen,
            version_after=movement.version_after,
            receipt=receipt_to(command.request, answer),
        )

    async def DeclineTransfer(
        self, request: pb.DeclineTransferRequest, context: object
    ) -> pb.DeclineTransferResponse:
        """Decline a transfer."""
        receiver = await self._people.own(request.receiver, "receiver")
        command = DeclineTransfer(
            request=command_request(request.request_id),
            transfer_id=request.transfer_id,
            receiver=receiver,
        )
        answer = await self._store.commit(command)
        return pb.DeclineTransferResponse(
            transfer=transfer_to(answer.value, self._sources),
            receipt=receipt_to(command.request, answer),
        )

    async def ListTransfers(
        self, request: pb.ListTransfersRequest, context: object
    ) -> pb.ListTransfersResponse:
        """Return the transfers a person has sent or received, oldest first."""
        person_no = (await self._people.known(request.person, "person")).person_no
        await self._holds.end_due_of(person_no)
        span = span_of(request.from_day, request.to_day)
        listings = [
            Listing(
                kind=WalletTransfer,
                equals={side: person_no},
                at_least=span.at_least("sent_at"),
                below=span.below("sent_at"),
                order="sent_at",
            )
            for side in ("sender", "receiver")
        ]
        filters = {"person_no": person_no, "span": span}
        transfers = await page(self._store, request.page, filters, *listings)
        rows, next_token = transfers.fitting(
            transfer_to(transfer, self._sources) for transfer in transfers.rows
        )
        return pb.ListTransfersResponse(transfers=rows, next_page_token=next_token)
