"""Name what `gongji check` finds wrong: the fault, a counterexample, and a mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a finding weighs; the value is how people read it."""

    ERROR = "错误"
    """The city must not serve so."""
    WARNING = "提示"
    """The city may serve; a value does nothing, or repeats another."""
    DECLARED = "已声明"
    """Odd and intended: the city names the clause."""


class FindingKind(Enum):
    """What is wrong; the value is how people read it."""

    GAP = "缺行"
    OVERLAP = "重叠"
    OUT_OF_SCOPE = "支付超出政策范围内费用"
    CAP = "超过限额"
    CLIFF = "支付陡增"
    DROP = "费用增加而支付减少"
    ARITHMETIC = "与取整前的算式不符"
    RETIRED_BELOW = "退休低于在职"
    LEVEL_BELOW = "低级别低于高级别"
    MARKED_BELOW = "有标识的低于没有的"
    LIMIT_ELSEWHERE = "限额可能先被另一行用完"
    SPLITTING = "拆分的影响没有声明"
    UNUSUAL = "数额可疑"
    UNCITED = "条款不在规则值所列之中"
    DUPLICATE = "重复"
    SHADOWED = "被遮蔽"
    INERT = "不起作用"
    CLOCK = "读取时钟"
    CHANCE = "取随机数"
    FILES = "读写文件"
    NETWORK = "使用网络"
    MACHINE = "读取运行环境"
    DYNAMIC = "动态执行代码"
    FLOAT = "浮点数"
    FOREIGN = "导入不许导入的模块"
    UNREADABLE = "无法查看"
    VARIES = "两次运行的答案不同"
    FAILS = "运行失败"


LINTS = frozenset(
    {
        FindingKind.DUPLICATE,
        FindingKind.SHADOWED,
        FindingKind.INERT,
        FindingKind.LIMIT_ELSEWHERE,
        FindingKind.UNUSUAL,
        FindingKind.UNCITED,
    }
)
"""Kinds that are warnings; all others are errors unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a hook, with its counterexample and what to write instead.

    `hook` is empty for the whole plugin; `since` is a day, or 候选 and the candidate's
    name, or empty; `situation` is a counterexample in Chinese, or the file and line;
    `mend` is the missing row, or what to do.
    """

    kind: FindingKind
    hook: str
    since: str
    situation: str
    figures: str
    mend: str
    declared: bool = False

    @property
    def severity(self) -> Severity:
        """Its weight: a declared oddity none, a lint a warning, all else an error."""
        # Whatever its kind: the city has taken it upon a clause.
        if self.declared:
            return Severity.DECLARED
        if self.kind in LINTS:
            return Severity.WARNING
        return Severity.ERROR

    def row(self, *, coded: bool = False) -> dict[str, str]:
        """Return the finding by `COLUMNS`: coded for programs, in Chinese for people."""
        severity = self.severity
        kind = self.kind
        return {
            "severity": severity.name.lower() if coded else severity.value,
            "kind": kind.name.lower() if coded else kind.value,
            "hook": self.hook,
            "since": self.since,
            "situation": self.situation,
            "figures": self.figures,
            "mend": self.mend,
        }


COLUMNS = ("severity", "kind", "hook", "since", "situation", "figures", "mend")


def passes(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Return whether a city with these findings may serve; `strict` forbids warnings."""
    forbidden = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return all(finding.severity not in forbidden for finding in findings)
