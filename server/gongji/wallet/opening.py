"""Open a wallet (开通医保钱包, H2, H3) and change where it is used; it binds nobody (X14)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gongji.cities.city import Cities
from gongji.model.commands import Command, Decision
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Discreet, Person, alive_on
from gongji.model.refusals import PersonNotFound
from gongji.model.wallet import WalletAccount
from gongji.model.wallet_refusals import (
    PersonDeceased,
    WalletNotFound,
    WalletOpened,
)
from gongji.rules.hookspecs import CityRules


class OpenedWallet(Struct, frozen=True):
    """A wallet as opened, and the rule by which."""

    wallet: WalletAccount
    rule: RuleRef


class OpenWallet(Discreet, Command[OpenedWallet], frozen=True, kw_only=True):
    """Open a person's wallet, to be used in `use_place`."""

    hidden = frozenset({"phone"})

    answer_type = OpenedWallet

    wire = (("person_no", "person"),)

    person_no: str
    use_place: str
    phone: str
    cities: Cities

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person, and the wallet if there is one."""
        yield by_key(Person, self.person_no)
        yield by_key(WalletAccount, self.person_no)

    def decide(self, facts: Facts) -> Decision[OpenedWallet]:
        """Decide the wallet.

        PersonNotFound, CityNotServed, PersonDeceased, NotInForce, WalletOpened.
        """
        person = facts.get(Person, self.person_no)
        if person is None:
            raise PersonNotFound(f"没有编号为 {self.person_no} 的人员", field="person")
        city = self.cities.of(person.place_on(facts.today))
        if not alive_on(person, facts.today):
            raise person_deceased("person").within(city.area_code)
        rule = city.rules(facts.today).ref(CityRules.wallet)
        before = facts.get(WalletAccount, self.person_no)
        if before is not None:
            raise WalletOpened(
                f"医保钱包已于 {before.opened_at:%Y-%m-%d %H:%M} 开通",
                field="person",
            )
        wallet = WalletAccount(
            person_no=self.person_no,
            use_place=self.use_place,
            phone=self.phone,
            opened_at=facts.now,
            decided_by=city.decided_by,
        )
        return Decision(OpenedWallet(wallet, rule), creates=(wallet,))


class ChangeWalletPlace(Command[WalletAccount], frozen=True, kw_only=True):
    """Have a wallet be used elsewhere from now on (变更使用地)."""

    answer_type = WalletAccount

    wire = (("person_no", "person"),)

    person_no: str
    use_place: str

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the wallet."""
        yield by_key(WalletAccount, self.person_no)

    def decide(self, facts: Facts) -> Decision[WalletAccount]:
        """Decide the change. WalletNotFound."""
        wallet = replace(
            wallet_of(facts, self.person_no, "person"), use_place=self.use_place
        )
        return Decision(wallet, (wallet,))


def wallet_of(facts: Facts, person_no: str, field: str) -> WalletAccount:
    """Return an open wallet. WalletNotFound with that field."""
    wallet = facts.get(WalletAccount, person_no)
    if wallet is None:
        raise wallet_not_found(field)
    return wallet


def wallet_not_found(field: str) -> WalletNotFound:
    """Return the refusal of a person in that field who has no wallet open."""
    return WalletNotFound(f"{field}：未开通医保钱包", field=field)


def person_deceased(field: str) -> PersonDeceased:
    """Return the refusal of a person in that field whom the registry knows to be dead."""
    return PersonDeceased(f"{field}：已登记死亡，医保钱包不再使用", field=field)
