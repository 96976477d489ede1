"""Plugins that are wrong in a hook's value: by name, their source and what is said of it."""

from __future__ import annotations

from tests.cities.faulty_hooks import answering


def _elsewhere(terms: str) -> str:
    """Return the source of a plugin with these terms of care elsewhere."""
    names = "ClaimPaper, ClaimTerms, FilingKind, FilingTerms, OutOfArea, Procedure"
    rule = (
        "OutOfArea(filing_before_direct_settlement=True, "
        f"procedure=Procedure(title='异地就医', steps=()), {terms})"
    )
    return f"from gongji import {names}, VisitKind\n" + answering(
        "out_of_area", f"from_2023({rule})"
    )


VALUES = {
    "another hook's value": (
        answering("family_limit", "from_2023(DIRECT)"),
        "family_limit：返回值类型不对.*RelationSet",
    ),
    "a float for money": (
        answering(
            "reimbursement",
            "table(cap_fen={Standing.ACTIVE: 2000.0, Standing.RETIRED: 3000})",
        ),
        "reimbursement：.*不得用浮点数",
    ),
    "a float deep in a value": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=7.0, counting_holder=True))"
        ),
        "family_limit：.*不得用浮点数",
    ),
    "a bool for days": (
        answering("application_expiry", "from_2023(True)"),
        "application_expiry：.*应为数字",
    ),
    "a bool for people": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=True, counting_holder=True))"
        ),
        "family_limit：返回值类型不对：应为数字，得到 True",
    ),
    "a type of the plugin's own": (
        "from gongji import FamilyLimit\n"
        "class Growing(FamilyLimit):\n"
        "    @property\n"
        "    def members(self):\n"
        "        return 99\n"
        + answering(
            "family_limit", "from_2023(Growing(people=7, counting_holder=True))"
        ),
        "family_limit：.*Growing 不是规则类型",
    ),
    "a mapping of the plugin's own": (
        "from collections import defaultdict\n"
        + answering(
            "member_terms",
            "from_2023(defaultdict(lambda: None))",
        ),
        "member_terms：.*defaultdict 不是规则类型",
    ),
    "a number for yes": (
        answering("consent", "from_2023(ConsentTerms(required=1))"),
        "consent：返回值类型不对.*bool",
    ),
    "a list in a value": (
        answering("purse_order", "from_2023(PurseOrder(order=[PurseKind.OWN]))"),
        "purse_order：返回值类型不对.*tuple",
    ),
    "a name for a member of an enum": (
        answering("scope", "from_2023('province')"),
        "scope：返回值类型不对.*Scope",
    ),
    "money below nothing": (
        answering("reimbursement", "table(deductible_fen={1: -1, 2: 0, 3: 0})"),
        "reimbursement：.*不得为负，得到 -1",
    ),
    "days below nothing": (
        answering("application_expiry", "from_2023(-30)"),
        "application_expiry：.*不得为负",
    ),
    "a claim decided in no day": (
        _elsewhere("claims=ClaimTerms(working_days=0, years_after=1)"),
        "out_of_area：手工结算的办理期限至少 1 个工作日",
    ),
    "a claim decided before it comes": (
        _elsewhere("claims=ClaimTerms(working_days=-1, years_after=1)"),
        "out_of_area：.*不得为负，得到 -1",
    ),
    "a paper asked for twice": (
        _elsewhere(
            "claims=ClaimTerms(working_days=20, years_after=1, "
            "papers=(ClaimPaper.INVOICE, ClaimPaper.INVOICE))"
        ),
        "out_of_area：手工结算的材料各写一次",
    ),
    "a visit filed for twice": (
        _elsewhere(
            "kinds={FilingKind.EMERGENCY: "
            "FilingTerms(visits=(VisitKind.EMERGENCY, VisitKind.EMERGENCY))}"
        ),
        "out_of_area：visits 的医疗类别各写一次",
    ),
    "no day to answer in": (
        answering("application_expiry", "from_2023(0)"),
        "application_expiry：至少 1 天",
    ),
    "nobody fits": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=0, counting_holder=False))"
        ),
        "family_limit：人数上限至少 1 人",
    ),
    "no giver fits": (
        answering("giver_limit", "from_2023(GiverLimit(givers=0))"),
        "giver_limit：人数上限至少 1 人",
    ),
    "a scheme nobody is in": (
        answering("holder_terms", "from_2023(EnrolmentTerms(schemes=frozenset()))"),
        "holder_terms：险种与参保状态各至少一种",
    ),
    "relations of none": (
        answering("relations", "from_2023(RelationSet(name='无', codes=frozenset()))"),
        "relations：「无」：亲属关系至少一种",
    ),
    "a proof of no kind": (
        answering(
            "materials", "from_2023({'w': (MaterialNeed(name='证明', one_of=()),)})"
        ),
        "materials：「证明」：材料至少一种",
    ),
    "a ratio above 100 %": (
        answering(
            "reimbursement",
            "table(ratio_bp={1: 10001, 2: 0, 3: 0}, retired={1: 0, 2: 0, 3: 0})",
        ),
        "reimbursement：active 级别 1 的支付比例超过 100%",
    ),
    "a ratio above 100 % by points": (
        answering("reimbursement", "table(ratio_bp={1: 96_00, 2: 0, 3: 0})"),
        "reimbursement：retired 级别 1 的支付比例超过 100%",
    ),
    "a level missing": (
        answering("reimbursement", "table(ratio_bp={1: 60_00, 2: 55_00})"),
        "reimbursement：ratio_bp 须恰好给出级别 1、2、3",
    ),
    "a level nobody has": (
        answering("reimbursement", "table(visit_cap_fen={1: 0, 2: 0, 3: 0, 4: 0})"),
        "reimbursement：visit_cap_fen 须恰好给出级别 1、2、3",
    ),
    "a level missing for retired people": (
        answering("reimbursement", "table(retired={1: 70_00})"),
        "reimbursement：retired 须恰好给出级别 1、2、3",
    ),
    "a standing missing": (
        answering("reimbursement", "table(cap_fen={Standing.ACTIVE: 2000_00})"),
        "reimbursement：cap_fen 须给出在职与退休",
    ),
    "a scheme missing": (
        answering("reimbursement", "from_2023({Scheme.EMPLOYEE: TABLE})"),
        "reimbursement：缺少险种 390 的待遇",
    ),
    "pharmacies at a level nobody has": (
        answering("reimbursement", "table(pharmacy=4)"),
        "reimbursement：pharmacy 须为级别 1、2 或 3",
    ),
    "unranked at a level nobody has": (
        answering("reimbursement", "table(unranked_as=0)"),
        "reimbursement：unranked_as 须为级别 1、2 或 3",
    ),
}
"""Timelines whose values no rule can mean."""

APP = "{'app': Channel(name='芜湖', kind=ChannelKind.APP)}"
CHANNELS = f"""
AT_ONCE = ReviewLatency(at_once=AtOnce.ALWAYS)

@hookimpl
def channels():
    return from_2023({APP})

@hookimpl
def identity_checks():
    return from_2023({{'app': frozenset()}})

@hookimpl
def fields_asked():
    return from_2023({{'app': frozenset()}})

@hookimpl
def materials():
    return from_2023({{'app': ()}})
"""
BETWEEN_HOOKS = {
    "a number that is another clause of the province": (
        answering(
            "family_limit",
            "ruled(LIMIT, since='2023-01-01', clauses=[Clause('T96', '七人。', '甲')])",
        ),
        (
            "wallet_terms：条款「T96」与 family_limit 的编号相同而内容不同："
            "「七人。」，「.+」；请把其中一条"
        ),
    ),
    "a channel nobody else speaks of": (
        answering("channels", f"from_2023({APP})"),
        (
            r"identity_checks：自 2022-07-01 起缺少渠道「app」\n"
            r"identity_checks：.*未声明的渠道「.*」、「wanshitong」"
        ),
    ),
    "no review for a channel": (
        answering("review_latency", "from_2023({})") + CHANNELS,
        "^review_latency：自 2023-01-01 起缺少渠道「app」$",
    ),
    "a review for a channel that is not there": (
        answering("review_latency", "from_2023(dict.fromkeys(['app', 'web'], AT_ONCE))")
        + CHANNELS,
        "^review_latency：自 2023-01-01 起出现未声明的渠道「web」$",
    ),
    "channels that agree only later": (
        answering(
            "review_latency", "ruled({'app': AT_ONCE}, since='2024-01-01', clauses=[C])"
        )
        + CHANNELS,
        "review_latency：自 2022-07-01 起缺少渠道「app」",
    ),
    "a review that takes no time and is not at once": (
        answering(
            "review_latency",
            "from_2023({'window': ReviewLatency(at_once=AtOnce.NEVER)})",
        ),
        "review_latency：即时生效的没有审核天数，其余至少 1 个工作日",
    ),
    "at once, and yet days": (
        answering(
            "review_latency",
            "from_2023({'window': ReviewLatency(at_once=AtOnce.ALWAYS, working_days=3)})",
        ),
        "review_latency：即时生效的没有审核天数",
    ),
    "a counter that closes before it opens": (
        answering(
            "channels",
            "from_2023({'w': Channel(name='w', kind=ChannelKind.COUNTER,"
            " hours=CounterHours(opens=time(17), closes=time(9)))})",
        ),
        "channels：服务时间须先开后关",
    ),
    "hours of another time zone": (
        answering(
            "channels",
            (
                "from_2023({'w': Channel(name='w', kind=ChannelKind.COUNTER, "
                "hours=CounterHours(opens=time(9, tzinfo=timezone.utc), closes=time(17, "
                "tzinfo=timezone.utc)))})"
            ),
        ),
        "channels：服务时间须先开后关且不带时区",
    ),
}
"""Values that do not fit each other."""


def candidate(**changes: str) -> str:
    """Return a plugin with one candidate, changed so."""
    fields = {
        "name": "'V2'",
        "hook": "'family_limit'",
        "value": "LIMIT",
        "clauses": "(C,)",
        "why_not": "''",
    } | changes
    keywords = ", ".join(f"{name}={text}" for name, text in fields.items())
    return answering("candidates", f"(Candidate({keywords}),)")


CANDIDATES = {
    "a list of candidates": (
        answering("candidates", "[]"),
        "candidates：须返回由 Candidate 组成的元组",
    ),
    "a candidate for no hook": (
        candidate(hook="'famly'"),
        "candidates：「V2」所指的钩子 'famly' 不存在",
    ),
    "a candidate that does not fit its hook": (
        candidate(value="DIRECT"),
        "family_limit：返回值类型不对.*RelationSet",
    ),
    "a candidate without a clause": (
        candidate(clauses="()"),
        "candidates：「V2」没有条款依据",
    ),
    "a candidate with a clause's number": (
        candidate(clauses="('S27',)"),
        "candidates：「V2」的条款：.*Clause",
    ),
    "two candidates of one name": (
        answering(
            "candidates", "(Candidate('V2', 'family_limit', LIMIT, (C,), ''),) * 2"
        ),
        "candidates：名称重复「V2」",
    ),
}
"""Revisions nobody could adopt."""
