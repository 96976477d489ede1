"""Profile wallet: the medical insurance wallet, another business than binding."""

from __future__ import annotations

from datetime import UTC

from gongji.v1 import account_pb2, settlement_pb2, wallet_pb2

from gongji_conformance.city import requests
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law


@law("WALLET-GUIDE-001")
def test_guide_tells_the_wallet(gongji_city: CityUnderTest) -> None:
    """The guide tells every step of opening the wallet."""
    guide = gongji_city.guide().text
    steps = gongji_city.requirements.rule("wallet")["procedure"]["steps"]
    assert [] == [step["text"] for step in steps if step["text"] not in guide]


@law("WALLET-BIND-001")
def test_the_wallet_binds_nobody(gongji_city: CityUnderTest) -> None:
    """Opening the wallet binds nobody: by rule, and no channel has its name."""
    assert gongji_city.requirements.rule("wallet")["binds"] is False
    holder, member = gongji_city.people.couple()
    application = gongji_city.application(holder, member)
    application.channel = "wallet"
    refused = ask(gongji_city.stubs.bindings.SubmitBinding, application)
    assert isinstance(refused, CallRefused)
    assert "UNKNOWN_CHANNEL" == refused.reason
    assert [] == gongji_city.bindings(holder)


@law("WALLET-TRANSFER-001")
def test_what_is_accepted_is_in_the_wallet(gongji_city: CityUnderTest) -> None:
    """What leaves the purse is in the receiver's wallet once it is accepted; nobody is bound."""
    holder, member, transfer = _sent(gongji_city)
    assert 0 == _purse(gongji_city, holder)
    assert 0 == _wallet(gongji_city, member)
    gongji_city.stubs.wallets.AcceptTransfer(_accepting(member, transfer))
    assert (0, 100_00) == (_purse(gongji_city, holder), _wallet(gongji_city, member))
    assert [] == gongji_city.bindings(holder)


@law("WALLET-RETURN-001")
def test_what_is_not_accepted_comes_back_once(gongji_city: CityUnderTest) -> None:
    """At the very instant it says nobody accepts any more, and the money is back."""
    holder, member, transfer = _sent(gongji_city)
    returns_at = transfer.returns_at.ToDatetime(tzinfo=UTC)
    gongji_city.stubs.set_clock(returns_at)
    accept = _accepting(member, transfer)
    late = ask(gongji_city.stubs.wallets.AcceptTransfer, accept)
    assert isinstance(late, CallRefused)
    assert "TRANSFER_ENDED" == late.reason
    for _ in range(2):
        assert 0 == _wallet(gongji_city, member)
        # Whoever looks at the sender's wallet has it booked.
        assert 0 == _wallet(gongji_city, holder)
        assert 100_00 == _purse(gongji_city, holder)


@law("WALLET-PAY-001")
def test_a_wallet_pays_if_it_is_asked(gongji_city: CityUnderTest) -> None:
    """Asked, it pays what it holds of what it may: a line of its own, the balance after;
    reversed, all is back."""
    member = _with_money(gongji_city)
    settled = _settled_with_wallet(gongji_city, member)
    line = _line_of_wallet(settled)
    needed = line.inputs["needed"]
    assert needed > 0
    assert line.fen == min(needed, 100_00)
    after = 100_00 - line.fen
    moved = [(m.fen, m.balance_after_fen) for m in settled.movements if m.wallet]
    assert moved == ([(-line.fen, after)] if line.fen else [])
    assert after == _wallet(gongji_city, member)
    back = settlement_pb2.ReverseRequest(
        request_id=new_id(), settlement_id=settled.settlement_id
    )
    gongji_city.stubs.settlements.Reverse(back)
    assert 100_00 == _wallet(gongji_city, member)


@law("WALLET-PAY-002")
def test_a_wallet_that_is_not_asked_pays_nothing(gongji_city: CityUnderTest) -> None:
    """A bill that does not ask for it has no line of a wallet, and takes nothing of it."""
    member = _with_money(gongji_city)
    settled = gongji_city.settle(member)
    payers = {line.payer for line in settled.lines}
    assert settlement_pb2.PAYER_WALLET not in payers
    assert (0, 100_00) == (settled.wallet_fen, _wallet(gongji_city, member))


def _line_of_wallet(settled: settlement_pb2.Settlement) -> settlement_pb2.Line:
    """Return the wallet's line, which says why and bears what the settlement says."""
    [line] = [one for one in settled.lines if one.payer == settlement_pb2.PAYER_WALLET]
    assert (line.fen, line.fen) == (settled.wallet_fen, settled.account_fen)
    assert line.rule.clauses
    assert line.in_words
    return line


def _with_money(city: CityUnderTest) -> InventedPerson:
    """Return a person in whose wallet 100 yuan are."""
    _, member, transfer = _sent(city)
    city.stubs.wallets.AcceptTransfer(_accepting(member, transfer))
    return member


def _settled_with_wallet(
    city: CityUnderTest, patient: InventedPerson
) -> settlement_pb2.Settlement:
    """Settle a bill with nothing but the wallet, used where the patient is treated."""
    request = city.settling(patient, use="none")
    request.bill.use_wallet = True
    place = wallet_pb2.ChangeWalletPlaceRequest(
        request_id=new_id(),
        person=ref(patient.person_no),
        use_place=request.bill.institution_code[1:7],
    )
    city.stubs.wallets.ChangeWalletPlace(place)
    return city.stubs.settlements.Settle(request).settlement


def _sent(
    city: CityUnderTest,
) -> tuple[InventedPerson, InventedPerson, wallet_pb2.WalletTransfer]:
    """Return two whose wallets are open, and a transfer of all that the first has."""
    holder, member = city.people.couple(giver=100)
    for person in (holder, member):
        city.stubs.wallets.OpenWallet(requests.wallet_opening(person.person_no))
    transfer = requests.wallet_transfer(holder.person_no, member.person_no)
    return holder, member, city.stubs.wallets.Transfer(transfer).transfer


def _accepting(
    receiver: InventedPerson, transfer: wallet_pb2.WalletTransfer
) -> wallet_pb2.AcceptTransferRequest:
    return wallet_pb2.AcceptTransferRequest(
        request_id=new_id(),
        receiver=ref(receiver.person_no),
        transfer_id=transfer.transfer_id,
    )


def _purse(city: CityUnderTest, person: InventedPerson) -> int:
    request = account_pb2.GetAccountRequest(person=ref(person.person_no))
    return city.stubs.accounts.GetAccount(request).balance_fen


def _wallet(city: CityUnderTest, person: InventedPerson) -> int:
    request = wallet_pb2.GetWalletRequest(person=ref(person.person_no))
    return city.stubs.wallets.GetWallet(request).wallet.balance_fen
