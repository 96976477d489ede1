"""Phrases of rules about the medical insurance wallet (医保钱包)."""

from __future__ import annotations

from gongji.rules.benefits import ALL_PARTS, PurseKind
from gongji.rules.binding import NoLimit
from gongji.rules.phrases.base import phrase
from gongji.rules.phrases.benefits import money_in_words
from gongji.rules.wallet import Wallet, WalletTerms


@phrase.register
def _(value: Wallet) -> str:
    effect = "开通即绑定共济关系" if value.binds else "开通不绑定任何人"
    return f"{phrase(value.procedure)}；{effect}"


@phrase.register
def _(value: WalletTerms) -> str:
    times = value.transfers_a_day
    number = "次数不限" if isinstance(times, NoLimit) else f"每日不超过{times}次"
    most = (
        "金额不限" if isinstance(value.most_fen, NoLimit) else _at_most(value.most_fen)
    )
    waiting = "；前一笔未被接收之前不得再转" if value.one_at_a_time else ""
    return (
        f"{number}，{most}；{hours_in_words(value)}{waiting}；"
        f"{returning_in_words(value)}；{paying_in_words(value)}"
    )


def _at_most(fen: int) -> str:
    return f"每笔不超过{money_in_words(fen)}"


def paying_in_words(terms: WalletTerms) -> str:
    """Return after which accounts a wallet pays, and what of a bill."""
    before = [name for kind, name in _ACCOUNTS.items() if kind in terms.after]
    place = f"在{'、'.join(before)}之后" if before else "先于各账户"
    parts = "" if terms.pays == ALL_PARTS else f"中的{phrase(terms.pays)}"
    return f"患者要求使用医保钱包的，{place}支付个人账户可以支付的部分{parts}"


_ACCOUNTS = {
    PurseKind.OWN: "本人个人账户",
    PurseKind.GIVERS: "授权人个人账户",
}


def hours_in_words(terms: WalletTerms) -> str:
    """Return when no transfer is made: "22:00至次日06:00不得转账"."""
    first, last = terms.closed_from, terms.closed_until
    if first == last:
        return "全天可以转账"
    next_day = "次日" if last < first else ""
    return f"{first:%H:%M}至{next_day}{last:%H:%M}不得转账"


def returning_in_words(terms: WalletTerms) -> str:
    """Return when money that was not accepted goes back."""
    return f"未被接收或被拒收的，次日{terms.returns_at:%H:%M}退回原账户"
