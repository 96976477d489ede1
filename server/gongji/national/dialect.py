"""The identities I1–I5 between amounts, and the clearing classes, as one province has them.

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
    """total = the parts; `may` count as 0.

    If one of `must` is missing, the message does not carry the identity.
    """

    name: str
    total: str
    must: tuple[str, ...]
    may: tuple[str, ...] = ()

    def broken(self, fen: Mapping[str, int]) -> str:
        """Return what is wrong as a sentence; empty if it holds or is not carried."""
        if self.total not in fen or any(name not in fen for name in self.must):
            return ""
        parts = [name for name in self.must + self.may if name in fen]
        total = sum(fen[name] for name in parts)
        if total == fen[self.total]:
            return ""
        declared = f"{self.total} {amount(fen[self.total])}"
        terms = " + ".join(f"{name} {amount(fen[name])}" for name in parts)
        return f"{self.name}：{declared} ≠ {terms} = {amount(total)}"


@dataclass(frozen=True, slots=True)
class Within:
    """0 <= part <= whole."""

    name: str
    part: str
    whole: str

    def broken(self, fen: Mapping[str, int]) -> str:
        """Return what is wrong as a sentence; empty if it holds or is not carried."""
        if self.part not in fen or self.whole not in fen:
            return ""
        part, whole = fen[self.part], fen[self.whole]
        if 0 <= part <= whole:
            return ""
        return (
            f"{self.name}：{self.part} {amount(part)} 不在 0 与 {self.whole} "
            f"{amount(whole)} 之间"
        )


@dataclass(frozen=True, slots=True)
class CumulativeCodes:
    """cum_type_code 累计类别代码 of 5206: S1 has no list of them (assumption).

    `fund` has the fund_pay_type in braces.
    """

    deductible: str = "Q0000"
    fund: str = "D{fund_pay_type}"


@dataclass(frozen=True, slots=True)
class MessageDialect:
    """A province's edition of the interface: its identities, which kinds of visit each
    clr_type clears, and the codes of accumulators."""

    name: str
    identities: tuple[Sum | Within, ...]
    clearing: Mapping[str, frozenset[VisitKind]]
    cumulative: CumulativeCodes = CumulativeCodes()

    def check(self, node: Node, path: str) -> None:
        """NationalFault listing the identities that the node carries and breaks."""
        # Absent is not 0: an identity holds only between amounts that are given.
        fen = {
            name: AMOUNT.read(node[name], f"{path}.{name}")
            for name in self._amounts()
            if name in node
        }
        problems = [identity.broken(fen) for identity in self.identities]
        broken = "；".join(problem for problem in problems if problem)
        if broken:
            raise NationalFault(f"{path} 的金额不合恒等式：{broken}（{self.name}）")

    def carried(self, node: Node) -> tuple[str, ...]:
        """Return the names of the identities a node carries."""
        names = set(node)
        return tuple(
            identity.name
            for identity in self.identities
            if names.issuperset(_needed(identity))
        )

    def _amounts(self) -> Iterator[str]:
        for identity in self.identities:
            yield from _needed(identity)
            if isinstance(identity, Sum):
                yield from identity.may


def _needed(identity: Sum | Within) -> tuple[str, ...]:
    if isinstance(identity, Sum):
        return (identity.total, *identity.must)
    return (identity.part, identity.whole)


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
