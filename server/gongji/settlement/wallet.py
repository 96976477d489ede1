"""What the patient's own wallet (医保钱包) may pay of a bill that asks for it.

It is asked like a purse, in the place of the order that the insured city's rule gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gongji.model.decided import RuleRef
from gongji.model.facts import Facts
from gongji.model.people import alive_on, area_of_institution
from gongji.model.settlement import Bill
from gongji.model.wallet import WalletAccount
from gongji.rules.benefits import PurseKind
from gongji.rules.codes import covers_area
from gongji.rules.hookspecs import CityRules
from gongji.settlement.admission import AdmittedBill
from gongji.settlement.entitlement import NO_PART, PurseTerms, spending_denied
from gongji.settlement.split import Purse


def with_wallet(
    purses: Sequence[PurseTerms], case: AdmittedBill, facts: Facts
) -> tuple[PurseTerms, ...]:
    """Return the purses with the patient's wallet among them, in the order of charging."""
    after = case.rules_now.value(CityRules.wallet_terms).after
    places = [
        place for place, terms in enumerate(purses, 1) if terms.purse.kind in after
    ]
    place = max(places, default=0)
    return (*purses[:place], _wallet(case, facts), *purses[place:])


def _wallet(case: AdmittedBill, facts: Facts) -> PurseTerms:
    """Return the wallet, unable to pay if there is none, or its rules say so."""
    person_no = case.patient.person_no
    wallet = facts.get(WalletAccount, person_no)
    rule, denied = _judged(wallet, case, facts)
    pays = NO_PART
    if not denied:
        uses = case.rules_now.value(CityRules.uses)
        pays = case.rules_now.value(CityRules.wallet_terms).pays & uses.own_pays
    balance_fen = wallet.balance_fen if wallet else 0
    purse = Purse(person_no, PurseKind.WALLET, balance_fen, pays)
    return PurseTerms(purse, rule, denied, use_place=wallet.use_place if wallet else "")


def _judged(
    wallet: WalletAccount | None, case: AdmittedBill, facts: Facts
) -> tuple[RuleRef, str]:
    """Return the rule on a wallet, and why it may pay nothing, if so."""
    rules = case.rules_now
    if wallet is None:
        return rules.ref(CityRules.wallet), "未开通医保钱包"
    cited = rules.value(CityRules.wallet_terms).clauses
    if not alive_on(case.patient, facts.today):
        rule = rules.ref(CityRules.wallet_terms, *cited.alive)
        return rule, "已登记死亡，医保钱包不再使用"
    elsewhere = _elsewhere(wallet, case.bill)
    if elsewhere:
        return rules.ref(CityRules.wallet_terms, *cited.place), elsewhere
    uses = rules.value(CityRules.uses)
    denied = spending_denied(uses, case.bill.spending)
    if denied:
        return rules.ref(CityRules.uses, *uses.clauses.never), denied
    return rules.ref(CityRules.wallet_terms, *cited.paying), ""


def _elsewhere(wallet: WalletAccount, bill: Bill) -> str:
    """Return that a bill is from where the wallet is not used, "" if it is not."""
    treated_in, used_in = area_of_institution(bill.institution_code), wallet.use_place
    if covers_area(used_in, treated_in):
        return ""
    return f"就医地（{treated_in}）不在医保钱包的使用地（{used_in}）之内"
