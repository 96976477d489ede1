"""A request of each method of the wallet, and for whom it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gongji.v1 import wallet_pb2
from google.protobuf.message import Message

from gongji_conformance.city import requests
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import new_id
from gongji_conformance.city.stubs import person as ref

WalletRequest: TypeAlias = Callable[
    [InventedPerson, InventedPerson], tuple[Message, InventedPerson]
]
"""Makes a request of a holder, or of the relative, and says which of both asks."""


def _of_holder(request: type[Any]) -> WalletRequest:
    return lambda holder, _: (request(person=ref(holder.person_no)), holder)


def _answer(request: type[Any]) -> WalletRequest:
    """Return what answers a transfer, one that nobody made."""
    return lambda _, member: (
        request(
            request_id=new_id(),
            receiver=ref(member.person_no),
            transfer_id="T0000000000",
        ),
        member,
    )


def _moved(holder: InventedPerson, _: InventedPerson) -> tuple[Message, InventedPerson]:
    request = wallet_pb2.ChangeWalletPlaceRequest(
        request_id=new_id(), person=ref(holder.person_no), use_place="320100"
    )
    return request, holder


WALLET_REQUESTS: Final[Mapping[str, WalletRequest]] = {
    "OpenWallet": lambda holder, _: (
        requests.wallet_opening(holder.person_no),
        holder,
    ),
    "GetWallet": _of_holder(wallet_pb2.GetWalletRequest),
    "ChangeWalletPlace": _moved,
    "Transfer": lambda holder, member: (
        requests.wallet_transfer(holder.person_no, member.person_no),
        holder,
    ),
    "AcceptTransfer": _answer(wallet_pb2.AcceptTransferRequest),
    "DeclineTransfer": _answer(wallet_pb2.DeclineTransferRequest),
    "ListTransfers": _of_holder(wallet_pb2.ListTransfersRequest),
}
"""By the name of the method."""
