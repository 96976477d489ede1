"""The identities I1–I5 between the amounts of a national message, and the clearing
classes, as one province has them.

Another province's interface counts the personal account into fund_pay_sumamt: its
identities are another `MessageDialect`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gongji.national.fields import Node
from gongji.national.forms import AMOUNT, NationalFault, amount
from gongji.rules.codes import VisitKind


@dataclass(frozen=True, slots=True)
class Sum:
    """total = the parts. Where one of `must` is missing, the message does not carry the
    identity; `may` count as 0."""

    name: str
    total: str
    must: tuple[str, ...]
    may: tuple[str, ...] = ()

    def broken(self, fen: Mapping[str, int]) -> str:
        """What is wrong, as a sentence; empty where it holds or is not carried."""
        if self.total not in fen or any(name not in fen for name in self.must):
            return ""
        parts = [name for name in self.must + self.may if name in fen]
        if (total := sum(fen[name] for name in parts)) == fen[self.total]:
            return ""
        shown = " + ".join(f"{name} {amount(fen[name])}" for name in parts)
        return f"{self.name}: {self.total} {amount(fen[self.total])} ≠ {shown} = {amount(total)}"


@dataclass(frozen=True, slots=True)
class Within:
    """0 <= part <= whole."""

    name: str
    part: str
    whole: str

    def broken(self, fen: Mapping[str, int]) -> str:
        """What is wrong, as a sentence; empty where it holds or is not carried."""
        if (
            self.part not in fen
            or self.whole not in fen
            or 0 <= fen[self.part] <= fen[self.whole]
        ):
            return ""
        return (
            f"{self.name}: {self.part} {amount(fen[self.part])} 不在 0 与 {self.whole} "
            f"{amount(fen[self.whole])} 之间"
        )


@dataclass(frozen=True, slots=True)
class MessageDialect:
    """A province's edition of the interface: its identities, and which kinds of visit
    each clr_type clears."""

    name: str
    identities: tuple[Sum | Within, ...]
    clearing: Mapping[str, frozenset[VisitKind]]

    def check(self, node: Node, where: str) -> None:
        """Every identity the node carries. NationalFault lists those that do not hold,
        with fields and amounts."""
        fen = {
            name: AMOUNT.read(node[name], f"{where}.{name}")
            for name in self._amounts()
            if name in node
        }
        if broken := [
            told for identity in self.identities if (told := identity.broken(fen))
        ]:
            raise NationalFault(
                f"{where} 的金额不合恒等式: {'; '.join(broken)} ({self.name})"
            )

    def carried(self, node: Node) -> tuple[str, ...]:
        """Names of the identities a node carries."""
        names = set(node)
        return tuple(i.name for i in self.identities if {*_needed(i)} <= names)

    def _amounts(self) -> Iterator[str]:
        for identity in self.identities:
            yield from _needed(identity)
            if isinstance(identity, Sum):
                yield from identity.may


def _needed(identity: Sum | Within) -> tuple[str, ...]:
    return (
        (identity.total, *identity.must)
        if isinstance(identity, Sum)
        else (identity.part, identity.whole)
    )


_PARTS: Final = (
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "inscp_scp_amt",
)

OTHER_FUNDS: Final = (
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "hifdm_pay",
    "oth_pay",
)
"""Funds beside the pooled one; none of them pays here."""

HN: Final = MessageDialect(
    name="HN",
    identities=(
        Sum(
            "I1",
            "medfee_sumamt",
            ("fund_pay_sumamt", "psn_part_amt"),
            ("hosp_part_amt",),
        ),
        Sum("I2", "fund_pay_sumamt", ("hifp_pay",), OTHER_FUNDS),
        Sum("I3", "medfee_sumamt", _PARTS),
        Sum("I4", "psn_part_amt", ("acct_pay", "psn_cash_pay")),
        # The reply of 2208 spells it so.
        Sum("I4", "psn_part_amt", ("acct_pay", "pdn_cash_pay")),
        Within("I5", "acct_mulaid_pay", "acct_pay"),
    ),
    clearing={
        # 11 门诊 takes every outpatient kind that has no class of its own (assumption).
        "11": frozenset(
            {
                VisitKind.OUTPATIENT,
                VisitKind.REGISTRATION,
                VisitKind.EMERGENCY,
                VisitKind.SPECIAL_DRUG,
                VisitKind.MATERNITY,
                VisitKind.TWO_DISEASES,
                VisitKind.ACCIDENT,
            }
        ),
        "14": frozenset({VisitKind.CHRONIC}),
        "21": frozenset({VisitKind.INPATIENT}),
        "41": frozenset({VisitKind.PHARMACY}),
    },
)
"""Hunan's edition of 2024-10 (S1): fund_pay_sumamt does not contain the personal account."""
