"""What a city plugin may get wrong: each fault is refused by plugin, version and hook,
and every other city serves.

All faulty plugins are installed at once as distributions of their own and loaded by
entry point, as on a server.
"""

from __future__ import annotations

import re

import pytest
from gongji.cities.city import Cities, RefusedPlugin
from gongji.cities.loading import load_cities

from tests.packages import IDENTITY, Package, installed

SERVED = {"anqing", "chuzhou", "huangshan", "wuhu"}


def answering(
    hook: str, answer: str, marker: str = "@hookimpl", parameters: str = ""
) -> str:
    """A plugin that answers one hook so."""
    return f"{IDENTITY}\n{marker}\ndef {hook}({parameters}):\n    return {answer}\n"


FUNCTIONS = {
    "a misspelt hook": (
        answering("familly_limit", "None"),
        "familly_limit: 没有这个钩子, 请核对拼写",
    ),
    "a forgotten @hookimpl": (
        answering("family_limit", "from_2023(LIMIT)", marker=""),
        "family_limit: 忘记写 @hookimpl",
    ),
    "a value in place of a function": (
        f"{IDENTITY}\nfamily_limit = from_2023(LIMIT)",
        "family_limit: 不是带 @hookimpl 的函数",
    ),
    "a marked object pluggy does not call": (
        f"{IDENTITY}\nfamily_limit = hookimpl(partial(from_2023, LIMIT))",
        "family_limit: 不是带 @hookimpl 的函数",
    ),
    "an unknown parameter": (
        answering("family_limit", "None", parameters="city"),
        "family_limit: .*却声明了 city",
    ),
    "one with a default, which pluggy lets pass": (
        answering("family_limit", "None", parameters="day=None"),
        "family_limit: .*却声明了 day",
    ),
    "any keywords": (
        answering("family_limit", "None", parameters="**kw"),
        "family_limit: .*却声明了 kw",
    ),
    "any arguments": (
        answering("family_limit", "None", parameters="*args"),
        "family_limit: .*却声明了 args",
    ),
    "a keyword-only parameter": (
        answering("family_limit", "None", parameters="*, day"),
        "family_limit: .*却声明了 day",
    ),
    "async": (
        f"{IDENTITY}\n@hookimpl\nasync def family_limit():\n    return from_2023(LIMIT)",
        "family_limit: 钩子不得是 async",
    ),
    "a generator": (
        f"{IDENTITY}\n@hookimpl\ndef family_limit():\n    yield from_2023(LIMIT)",
        "family_limit: 钩子不得是生成器",
    ),
    "a wrapper": (
        f"{IDENTITY}\n@hookimpl(wrapper=True)\ndef family_limit():\n    return (yield)",
        "family_limit: 城市插件不得使用 wrapper",
    ),
    "an old wrapper": (
        f"{IDENTITY}\n@hookimpl(hookwrapper=True)\ndef family_limit():\n    yield",
        "family_limit: 城市插件不得使用 hookwrapper",
    ),
    "first": (
        answering("scope", "None", "@hookimpl(tryfirst=True)"),
        "scope: 城市插件不得使用 tryfirst",
    ),
    "last": (
        answering("scope", "None", "@hookimpl(trylast=True)"),
        "scope: 城市插件不得使用 trylast",
    ),
    "optional, which hides a misspelt name": (
        answering("skope", "None", "@hookimpl(optionalhook=True)"),
        r"skope: 没有这个钩子.*\n.*optionalhook",
    ),
    "another name": (
        answering("my_scope", "None", "@hookimpl(specname='scope')"),
        r"my_scope: 没有这个钩子.*\n.*specname",
    ),
}
"""Functions pluggy would not call, or call wrongly."""

RAISING = {
    "a hook raises": (
        answering("scope", "1 // 0"),
        r"scope: 调用时出错: ZeroDivisionError: .*\(gongji_f\d+.py:\d+\)",
    ),
    "a hook exits": (answering("scope", "exit(3)"), "scope: 调用时出错: SystemExit: 3"),
    "the import raises": (
        "raise RuntimeError('没有数据')",
        r"导入 .*失败: RuntimeError: 没有数据 .*py:\d+",
    ),
    "the import exits": ("raise SystemExit(2)", "导入 .*失败: SystemExit: 2"),
    "no Python": ("def identity(:", "导入 .*失败: SyntaxError"),
    "something missing": ("import gongji_nowhere", "导入 .*失败: ModuleNotFoundError"),
    "the guards themselves fail": (
        f"{IDENTITY}\ndef __dir__():\n    raise KeyError('odd')",
        "检查规则时出错: KeyError",
    ),
}
"""Plugins that fail while they are loaded."""

IDENTITIES = {
    "no identity": ("", "identity: 每个城市须自己声明"),
    "identity left to the province": (
        "@hookimpl\ndef identity():\n    return None",
        "identity: 每个城市须自己声明",
    ),
    "identity of another type": (
        "@hookimpl\ndef identity():\n    return '340200'",
        "identity: 须返回 Identity",
    ),
    "a number for an area": (
        f"PLACE = Identity(area_code=340200, name='芜湖市'){IDENTITY}",
        "identity: 须返回 Identity.*int",
    ),
    "four digits": (
        f"PLACE = Identity(area_code='3402', name='芜湖市'){IDENTITY}",
        "identity: 医保区划须为六位数字",
    ),
    "wide digits": (
        f"PLACE = Identity(area_code='３４０２００', name='芜湖市'){IDENTITY}",  # noqa: RUF001 - the fault
        "identity: 医保区划须为六位数字",
    ),
    "no name": (
        f"PLACE = Identity(area_code='340200', name=''){IDENTITY}",
        "identity: 缺少城市名称",
    ),
}
"""Plugins that do not say who they are."""

SHAPES = {
    "a list for a timeline": (
        answering("family_limit", "list(from_2023(LIMIT))"),
        "family_limit: .*得到 list",
    ),
    "a bare value": (
        answering("family_limit", "LIMIT"),
        "family_limit: .*得到 FamilyLimit",
    ),
    "no value at all": (answering("family_limit", "()"), "family_limit: .*非空元组"),
    "values without days": (
        answering("family_limit", "(LIMIT,)"),
        "family_limit: 须返回 ruled",
    ),
    "a day in words": (
        answering("family_limit", "(Ruled(LIMIT, '2023', (C,)),)"),
        "family_limit: 生效日须为 date",
    ),
    "a day with a time": (
        answering("family_limit", "(Ruled(LIMIT, datetime(2023, 1, 1), (C,)),)"),
        "family_limit: 生效日须为 date",
    ),
    "days out of order": (
        answering(
            "family_limit",
            "from_2023(LIMIT) + ruled(LIMIT, since='2022-08-01', clauses=[C])",
        ),
        "family_limit: 各值的生效日须递增且不重复, 得到 2023-01-01, 2022-08-01",
    ),
    "two values on one day": (
        answering("family_limit", "from_2023(LIMIT) + from_2023(NO_LIMIT)"),
        "family_limit: 各值的生效日须递增且不重复",
    ),
    "no clause": (
        answering("family_limit", "(Ruled(LIMIT, date(2023, 1, 1), ()),)"),
        "family_limit: 自 2023-01-01 起的值没有条款依据",
    ),
    "a clause's number for a clause": (
        answering("family_limit", "(Ruled(LIMIT, date(2023, 1, 1), ('C22',)),)"),
        "family_limit: clauses: .*Clause",
    ),
    "no limit said as None": (
        answering("family_limit", "from_2023(None)"),
        "family_limit: 返回值类型不对",
    ),
}
"""Answers that are no timeline."""

VALUES = {
    "another hook's value": (
        answering("family_limit", "from_2023(DIRECT)"),
        "family_limit: 返回值类型不对.*RelationSet",
    ),
    "a float for money": (
        answering(
            "reimbursement",
            "table(cap_fen={Standing.ACTIVE: 2000.0, Standing.RETIRED: 3000})",
        ),
        "reimbursement: .*不得用浮点数",
    ),
    "a float deep in a value": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=7.0, counting_holder=True))"
        ),
        "family_limit: .*不得用浮点数",
    ),
    "a bool for days": (
        answering("application_expiry", "from_2023(True)"),
        "application_expiry: .*应为数字",
    ),
    "a bool for people": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=True, counting_holder=True))"
        ),
        "family_limit: 返回值类型不对: 应为数字, 得到 True",
    ),
    "a number for yes": (
        answering("consent", "from_2023(ConsentTerms(required=1))"),
        "consent: 返回值类型不对.*bool",
    ),
    "a list in a value": (
        answering("purse_order", "from_2023(PurseOrder(order=[PurseKind.OWN]))"),
        "purse_order: 返回值类型不对.*tuple",
    ),
    "a name for a member of an enum": (
        answering("scope", "from_2023('province')"),
        "scope: 返回值类型不对.*Scope",
    ),
    "money below nothing": (
        answering("reimbursement", "table(deductible_fen={1: -1, 2: 0, 3: 0})"),
        "reimbursement: .*不得为负, 得到 -1",
    ),
    "days below nothing": (
        answering("application_expiry", "from_2023(-30)"),
        "application_expiry: .*不得为负",
    ),
    "no day to answer in": (
        answering("application_expiry", "from_2023(0)"),
        "application_expiry: 至少 1 天",
    ),
    "nobody fits": (
        answering(
            "family_limit", "from_2023(FamilyLimit(people=0, counting_holder=False))"
        ),
        "family_limit: 人数上限至少 1 人",
    ),
    "no giver fits": (
        answering("giver_limit", "from_2023(GiverLimit(givers=0))"),
        "giver_limit: 人数上限至少 1 人",
    ),
    "a ratio above 100 %": (
        answering(
            "reimbursement",
            "table(ratio_bp={1: 10001, 2: 0, 3: 0}, retired={1: 0, 2: 0, 3: 0})",
        ),
        "reimbursement: active 级别 1 的支付比例超过 100%",
    ),
    "a ratio above 100 % by points": (
        answering("reimbursement", "table(ratio_bp={1: 96_00, 2: 0, 3: 0})"),
        "reimbursement: retired 级别 1 的支付比例超过 100%",
    ),
    "a level missing": (
        answering("reimbursement", "table(ratio_bp={1: 60_00, 2: 55_00})"),
        "reimbursement: ratio_bp 须恰好给出级别 1、2、3",
    ),
    "a level nobody has": (
        answering("reimbursement", "table(visit_cap_fen={1: 0, 2: 0, 3: 0, 4: 0})"),
        "reimbursement: visit_cap_fen 须恰好给出级别 1、2、3",
    ),
    "a level missing for retired people": (
        answering("reimbursement", "table(retired={1: 70_00})"),
        "reimbursement: retired 须恰好给出级别 1、2、3",
    ),
    "a standing missing": (
        answering("reimbursement", "table(cap_fen={Standing.ACTIVE: 2000_00})"),
        "reimbursement: cap_fen 须给出在职与退休",
    ),
    "a scheme missing": (
        answering("reimbursement", "from_2023({Scheme.EMPLOYEE: TABLE})"),
        "reimbursement: 缺少险种 390 的待遇",
    ),
    "pharmacies at a level nobody has": (
        answering("reimbursement", "table(pharmacy=4)"),
        "reimbursement: pharmacy 须为级别 1、2 或 3",
    ),
    "unranked at a level nobody has": (
        answering("reimbursement", "table(unranked_as=0)"),
        "reimbursement: unranked_as 须为级别 1、2 或 3",
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
    "a channel nobody else speaks of": (
        answering("channels", f"from_2023({APP})"),
        (
            r"identity_checks: 自 2022-07-01 起缺少渠道 app\n"
            r"identity_checks: .*未声明的渠道 .*wanshitong"
        ),
    ),
    "no review for a channel": (
        answering("review_latency", "from_2023({})") + CHANNELS,
        "^review_latency: 自 2023-01-01 起缺少渠道 app$",
    ),
    "a review for a channel that is not there": (
        answering("review_latency", "from_2023(dict.fromkeys(['app', 'web'], AT_ONCE))")
        + CHANNELS,
        "^review_latency: 自 2023-01-01 起出现未声明的渠道 web$",
    ),
    "channels that agree only later": (
        answering(
            "review_latency", "ruled({'app': AT_ONCE}, since='2024-01-01', clauses=[C])"
        )
        + CHANNELS,
        "review_latency: 自 2022-07-01 起缺少渠道 app",
    ),
    "a review that takes no time and is not at once": (
        answering(
            "review_latency",
            "from_2023({'window': ReviewLatency(at_once=AtOnce.NEVER)})",
        ),
        "review_latency: 即时生效的没有审核天数, 其余至少 1 个工作日",
    ),
    "at once, and yet days": (
        answering(
            "review_latency",
            "from_2023({'window': ReviewLatency(at_once=AtOnce.ALWAYS, working_days=3)})",
        ),
        "review_latency: 即时生效的没有审核天数",
    ),
    "a counter that closes before it opens": (
        answering(
            "channels",
            "from_2023({'w': Channel(name='w', kind=ChannelKind.COUNTER,"
            " hours=CounterHours(opens=time(17), closes=time(9)))})",
        ),
        "channels: 服务时间须先开后关",
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
        "channels: 服务时间须先开后关且不带时区",
    ),
}
"""Values that do not fit each other."""


def candidate(**changes: str) -> str:
    """A plugin with one candidate, changed so."""
    fields = {
        "name": "'V2'",
        "hook": "'family_limit'",
        "value": "LIMIT",
        "clauses": "(C,)",
        "why_not": "''",
    } | changes
    return answering(
        "candidates",
        f"(Candidate({', '.join(f'{k}={v}' for k, v in fields.items())}),)",
    )


CANDIDATES = {
    "a list of candidates": (
        answering("candidates", "[]"),
        "candidates: 须返回由 Candidate 组成的元组",
    ),
    "a candidate for no hook": (
        candidate(hook="'famly'"),
        "candidates: V2 所指的钩子 'famly' 不存在",
    ),
    "a candidate that does not fit its hook": (
        candidate(value="DIRECT"),
        "family_limit: 返回值类型不对.*RelationSet",
    ),
    "a candidate without a clause": (
        candidate(clauses="()"),
        "candidates: V2 没有条款依据",
    ),
    "a candidate with a clause's number": (
        candidate(clauses="('S27',)"),
        "candidates: V2 的条款: .*Clause",
    ),
    "two candidates of one name": (
        answering(
            "candidates", "(Candidate('V2', 'family_limit', LIMIT, (C,), ''),) * 2"
        ),
        "candidates: 名称重复 V2",
    ),
}
"""Revisions nobody could adopt."""

FAULTS = FUNCTIONS | RAISING | IDENTITIES | SHAPES | VALUES | BETWEEN_HOOKS | CANDIDATES
PACKAGES = {
    name: Package(f"gongji-f{n}", f"f{n}", source)
    for n, (name, (source, _)) in enumerate(FAULTS.items())
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Cities:
    """The three cities, a fourth that is faultless, and every faulty one."""
    healthy = Package("gongji-wuhu", "wuhu", IDENTITY)
    with installed(tmp_path_factory.mktemp("plugins"), healthy, *PACKAGES.values()):
        return load_cities()


def test_the_others_serve(loaded: Cities) -> None:
    """However many plugins are faulty, every faultless city serves and no faulty one does."""
    assert {c.pinyin for c in loaded.all} == SERVED
    assert {p.pinyin for p in PACKAGES.values()} == {r.pinyin for r in loaded.refused}


@pytest.mark.parametrize("fault", FAULTS)
def test_refused_by_name(loaded: Cities, fault: str) -> None:
    """A faulty plugin is refused by distribution and version, and the problem names the
    hook and what is wrong."""
    package = PACKAGES[fault]
    found = [refused for refused in loaded.refused if refused.pinyin == package.pinyin]

    assert [RefusedPlugin(package.label, package.pinyin, found[0].problem)] == found
    assert re.search(FAULTS[fault][1], found[0].problem), found[0].problem
