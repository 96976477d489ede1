"""The section on pairs of two cities (异地共济): which city says what, and who must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gongji.binding.asked import ASKED_OF, BOTH, Side
from gongji.guide.builder import GuideBuilder
from gongji.guide.page import Section, Statement, list_section
from gongji.rules.binding import Scope
from gongji.rules.hookspecs import CityRules

_ASKED: Final = {
    "holder_terms": "授权人的参保",
    "family_limit": "家庭账户人数",
    "identity_checks": "授权人的身份核验",
    "fields_asked": "填报的信息",
    "agreement": "协议",
    "application_expiry": "申请的失效",
    "unbinding": "解绑",
    "giver_limit": "使用人的授权人数",
    "materials": "材料",
    "consent": "使用人的同意",
    "member_terms": "共济用途",
    "relations": "亲属范围",
    "marriage": "配偶关系",
    "scope": "共济范围",
    "channels": "渠道",
}
"""What a city is asked about a pair, as the guide names it."""


_BOTH_AGREE: Final = (
    "授权人与使用人在省内两个城市参保的，两地各问本地的人，都同意才能绑定；"
    "一地不同意即不能绑定，拒绝时写明是哪一地。使用人参保地没有接入的不能绑定。"
)


def two_cities(builder: GuideBuilder) -> Section:
    """Return the section on a member or a holder who is insured in another city."""
    return list_section("异地共济", _statements(builder))


def _statements(builder: GuideBuilder) -> Iterator[Statement]:
    scope = CityRules.scope
    wallet = "可以用医保钱包转账"
    if builder.value(scope) is Scope.POOLING_AREA:
        yield builder.statement(
            scope, f"授权人或使用人在其他城市参保的，本市不同意绑定，{wallet}。"
        )
        return
    yield builder.statement(scope, f"跨省的不能绑定，{wallet}。")
    hook = CityRules.deadlines
    cited = builder.value(hook).clauses.across
    for text in (
        _BOTH_AGREE,
        f"授权人参保地决定：{_asked(Side.HOLDER)}。",
        f"使用人参保地决定：使用人的参保、{_asked(Side.MEMBER)}。",
        f"两地都须符合：{_asked(*Side)}。",
        "任一地须审核的即审核，由授权人参保地审核一次，以较晚的审核期限为准。",
    ):
        yield builder.statement(hook, text, cited)


def _asked(*sides: Side) -> str:
    """Return what these cities are asked, and no other."""
    of = BOTH if len(sides) > 1 else frozenset(sides)
    return "、".join([said for hook, said in _ASKED.items() if ASKED_OF[hook] == of])
