"""Find in the answers what `gongji check --strict` would object to in their tables.

A project is written only if its tables pass: whoever answered is told while he has the
document at hand, and by the question, not by a field of the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gongji.kit.check.findings import Finding, FindingKind, passes
from gongji.kit.check.lints import lints_of_table
from gongji.kit.check.plausible import unusual_figures
from gongji.kit.check.tables import prove_table
from gongji.kit.newcity.questions import GROUPS
from gongji.rules.benefits import Oddity, Table
from gongji.rules.codes import Scheme
from gongji.rules.terms import TERMS

_ODDITIES: Final = {
    FindingKind.RETIRED_BELOW: Oddity.RETIRED_BELOW_ACTIVE,
    FindingKind.LEVEL_BELOW: Oddity.LOWER_LEVEL_BELOW_HIGHER,
    FindingKind.UNUSUAL: Oddity.UNUSUAL_FIGURE,
}


def problems_of_table(group: str, table: Table, since: str) -> Iterator[str]:
    """Yield what a strict check objects to in a group's table, each kind once."""
    scheme = Scheme[group.upper()]
    found = [
        *prove_table(table, scheme, since),
        *lints_of_table(table, scheme, since),
        *unusual_figures(table, scheme, since),
    ]
    told: set[FindingKind] = set()
    for finding in found:
        # An oddity shows in many pairs of rows; one of them is enough to see it.
        if finding.kind in told or passes([finding], strict=True):
            continue
        told.add(finding.kind)
        yield _in_words(group, finding)


def _in_words(group: str, finding: Finding) -> str:
    oddity = _ODDITIES.get(finding.kind)
    mend = "请核对答案"
    if oddity is not None:
        word = TERMS[Oddity][oddity]
        mend += f"；文件确实如此规定的，在 {group}.odd 写“{word}”及其条款"
    return f"{group}（{GROUPS[group]}）：{finding.situation}：{finding.figures}。{mend}"
