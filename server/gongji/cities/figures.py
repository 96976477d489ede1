"""Figures that no rule of a city can mean, each a Chinese sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gongji.rules.benefits import PremiumTerms, PurseKind, PurseOrder, Table
from gongji.rules.binding import FamilyLimit, GiverLimit, MarriageTerms
from gongji.rules.channels import AtOnce, CounterHours, ReviewLatency
from gongji.rules.codes import Standing
from gongji.rules.elsewhere import ClaimTerms, FilingTerms, FundElsewhere, OutOfArea
from gongji.rules.money import FULL_BP
from gongji.rules.shape_problems import problems_of_benefit
from gongji.rules.shapes import Benefit
from gongji.rules.wallet import WalletTerms

LEVELS = (1, 2, 3)

_PART_OF_AREA_CODE = re.compile(r"(?:[0-9]{2}){1,3}")


def impossible_figures(part: object) -> Iterator[str]:
    """Yield figures that no rule can mean."""
    match part:
        case Table() | Benefit():
            yield from _problems_of_fund(part)
        case ReviewLatency():
            if (part.at_once is AtOnce.ALWAYS) is (part.working_days > 0):
                yield "即时生效的没有审核天数，其余至少 1 个工作日"
        case CounterHours(opens=opens, closes=closes):
            if opens.tzinfo or closes.tzinfo or opens >= closes:
                yield f"服务时间须先开后关且不带时区，得到 {opens}–{closes}"
        case PremiumTerms(least_fen=least, most_fen=most):
            if not 0 < least <= most:
                yield f"代缴金额的下限须大于 0 且不高于上限，得到 {least} 与 {most}"
        case FamilyLimit(people=0) | GiverLimit(givers=0) | MarriageTerms(spouses=0):
            yield "人数上限至少 1 人，不设限写 NO_LIMIT"
        case WalletTerms() | PurseOrder():
            yield from _problems_of_wallet(part)
        case _:
            yield from _problems_elsewhere(part)


def _problems_of_fund(benefit: Table | Benefit) -> Iterator[str]:
    if isinstance(benefit, Benefit):
        return problems_of_benefit(benefit)
    return _problems_of_table(benefit)


def _problems_of_wallet(terms: WalletTerms | PurseOrder) -> Iterator[str]:
    if isinstance(terms, PurseOrder):
        if PurseKind.WALLET in terms.order:
            yield "医保钱包的位置写在 wallet_terms 的 after，不写在 purse_order"
        return
    if 0 in {terms.transfers_a_day, terms.most_fen}:
        yield "医保钱包转账的次数与金额须大于 0，不设限写 NO_LIMIT"
    times = (terms.closed_from, terms.closed_until, terms.returns_at)
    if any(moment.tzinfo for moment in times):
        yield "医保钱包转账的各时刻不带时区"
    if PurseKind.WALLET in terms.after:
        yield "after 写排在医保钱包之前的账户，不含医保钱包本身"


def _problems_elsewhere(part: object) -> Iterator[str]:
    match part:
        case FundElsewhere(factor_bp=factor, less_bp=less):
            if max(factor, less) > FULL_BP:
                yield "异地的支付比例不得高于参保地：系数与扣减至多 100%"
        case FilingTerms(visits=visits) if len(set(visits)) < len(visits):
            yield "visits 的医疗类别各写一次"
        case ClaimTerms():
            yield from _problems_of_claims(part)
        case OutOfArea(exempt_areas=areas):
            if not all(map(_PART_OF_AREA_CODE.fullmatch, areas)):
                yield "exempt_areas 须为医保区划，或其前两位、前四位数字"


def _problems_of_claims(terms: ClaimTerms) -> Iterator[str]:
    if not terms.working_days:
        yield "手工结算的办理期限至少 1 个工作日"
    if len(set(terms.papers)) < len(terms.papers):
        yield "手工结算的材料各写一次"


def _problems_of_table(table: Table) -> Iterator[str]:
    """Yield missing levels or standings, ratios above 100 %, levels there are not."""
    gaps = list(_gaps_of_table(table))
    if gaps:
        # A ratio cannot be asked of a table with gaps.
        yield from gaps
        return
    for standing in Standing:
        for level in LEVELS:
            if table.ratio_of(standing, level) > FULL_BP:
                yield f"{standing.value} 级别 {level} 的支付比例超过 100%"
    levels = {"unranked_as": table.unranked_as, "pharmacy": table.pharmacy}
    for name, level_used in levels.items():
        if isinstance(level_used, int) and level_used not in LEVELS:
            yield f"{name} 须为级别 1、2 或 3"


def _gaps_of_table(table: Table) -> Iterator[str]:
    by_level: dict[str, Mapping[int, object]] = {
        "deductible_fen": table.deductible_fen,
        "ratio_bp": table.ratio_bp,
        "visit_cap_fen": table.visit_cap_fen,
    }
    if isinstance(table.retired, Mapping):
        by_level["retired"] = table.retired
    if table.clauses is not None:
        by_level["clauses.ratio"] = table.clauses.ratio
    for name, figures in by_level.items():
        if set(figures) != set(LEVELS):
            yield f"{name} 须恰好给出级别 1、2、3"
    if set(table.cap_fen) != set(Standing):
        yield "cap_fen 须给出在职与退休"
