"""What a policy says, and every way in which it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.access.callers import ALL, CallerLimits, Kind
from gongji.access.policy import FilePolicy, PolicyFaultError
from gongji.model.refusals import CallerUnknown

from tests.access.policies import POLICY

HEAD = 'version = 1\nrevision = "r"\n'

APP = HEAD + '[callers.a]\nkind = "app"\ncities = ["3408"]\nchannels = ["w"]\n'


def problems(text: str) -> list[str]:
    """Return what is wrong with a policy, each with its path."""
    with pytest.raises(PolicyFaultError) as refused:
        FilePolicy.of(text)
    return [str(problem) for problem in refused.value.problems]


def test_every_kind_has_a_caller() -> None:
    """The sample policy has a caller of each kind there is."""
    policy = FilePolicy.of(POLICY)
    assert set(Kind) == {caller.kind for caller in policy.callers.values()}


def test_what_a_caller_has_is_its_own() -> None:
    """A caller has its kind, cities by pooling area, channels, former names and limits.

    The name it has counts among the former ones.
    """
    policy = FilePolicy.of(POLICY)
    app = policy.caller("wanshitong")
    assert (Kind.APP, frozenset({"3408"})) == (app.kind, app.cities)
    assert (frozenset({"wanshitong"}), frozenset()) == (app.channels, app.institutions)
    assert {"wst-backend", app.name} == app.former
    assert frozenset({"3408"}) == policy.caller("window").cities
    assert policy.caller("operations").cities is ALL
    assert frozenset({"contribution_base", "kin"}) == policy.caller("audit").fields


def test_limits_are_those_of_all_unless_a_caller_has_its_own() -> None:
    """A caller's limit goes before that of all, and that before the program's own."""
    policy = FilePolicy.of(POLICY)
    ours = CallerLimits()
    own = CallerLimits(calls=32, per_second=ours.per_second, streams=2)
    assert own == policy.caller("wanshitong").limits
    of_all = CallerLimits(calls=32, per_second=ours.per_second, streams=ours.streams)
    assert of_all == policy.caller("hospital").limits


def test_a_credential_names_its_caller_or_nobody() -> None:
    """A certificate and a token's subject lead to one name each; others to none."""
    policy = FilePolicy.of(POLICY)
    assert "wanshitong" == policy.named_by_certificate("CN=wanshitong")
    assert "wanshitong" == policy.named_by_token("wanshitong")
    assert policy.named_by_certificate("wanshitong") is None
    assert policy.named_by_token("hospital") is None


def test_nobody_else_is_known() -> None:
    """A name that the policy does not have is refused, former names too."""
    policy = FilePolicy.of(POLICY)
    for name in ("nobody", "wst-backend", ""):
        with pytest.raises(CallerUnknown):
            policy.caller(name)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "version：必填"),
        ("version = 1", "revision：必填"),
        (HEAD, "callers：必填"),
        (APP.replace("= 1", "= 2"), "version：须为：1（本程序只认这一版格式）"),
        (APP.replace("= 1", "= true"), "version：须为：1（本程序只认这一版格式）"),
        (HEAD + "callers = {}", "callers：须至少有一个调用方"),
        (HEAD + "callers = []", "callers：须至少有一个调用方"),
        (HEAD + "callers.a = 1", "callers.a：须为一节 [callers.a]"),
        (HEAD + "limits = 1\ncallers.a.kind = 'tester'", "limits：须为一节 [limits]"),
        ("nmae = 1\n" + APP, "nmae：没有这一项；可写的有 version、"),
        (APP + "citys = []", "callers.a.citys：没有这一项；可写的有 kind、cities、"),
        (
            APP + "limits.call = 1",
            "callers.a.limits.call：没有这一项；可写的有 calls、",
        ),
        (APP + "limits.calls = 0", "callers.a.limits.calls：须为：1 至 4096 的整数"),
        (APP + "limits.calls = true", "callers.a.limits.calls：须为：1 至 4096 的整数"),
        (APP.replace('"app"', '"App"'), "callers.a.kind：须为：app、counter、"),
        (APP.replace('kind = "app"', ""), "callers.a.kind：必填"),
        (
            APP.replace('"3408"', '"34"'),
            "callers.a.cities：须为：四位或六位医保区划的列表",
        ),
        (
            APP.replace('"3408"', "3408"),
            "callers.a.cities：须为：四位或六位医保区划的列表",
        ),
        (
            APP.replace('"3408"', '"3408\\n"'),
            "callers.a.cities：须为：四位或六位医保区划",
        ),
        (
            APP.replace('["3408"]', '"*"'),
            "callers.a.cities：须为：四位或六位医保区划的列表",
        ),
        (APP.replace('"3408"', '"3408", "*"'), "callers.a.cities：* 已是全部"),
        (APP.replace('"3408"', '"3408", "3408"'), "callers.a.cities：同一项写了两次"),
        (APP.replace('"w"', '"W"'), "callers.a.channels：须为：渠道代码的列表"),
        (
            APP + 'institutions = ["H1"]',
            "callers.a.institutions：须为：12 位机构编号的列表",
        ),
        (
            APP + 'fields = ["name"]',
            "callers.a.fields：须为：contribution_base、kin、phone",
        ),
        (APP + 'former = ["a b"]', "callers.a.former：须为：从前自报名称"),
        (APP + 'tokens = [""]', "callers.a.tokens：须为：令牌主体（sub）的列表"),
        (APP + 'tokens = [" "]', "callers.a.tokens：只有空白"),
        (
            APP + 'certificates = ["CN=\\u200b"]',
            "callers.a.certificates：含有看不见的字符",
        ),
        (
            APP.replace("[callers.a]", '[callers."a b"]'),
            "callers.a b：名称须为 1 至 60 个",
        ),
    ],
)
def test_a_malformed_policy_is_refused_by_key(text: str, problem: str) -> None:
    """What a policy must not say is told in one sentence that begins with its key."""
    assert any(told.startswith(problem) for told in problems(text)), problems(text)


def test_every_problem_is_told() -> None:
    """A policy with several faults is refused with all of them."""
    text = APP.replace('"app"', '"x"') + 'citys = []\nfields = ["name"]\n'
    keys = [told.partition("：")[0] for told in problems(text)]
    assert ["callers.a.kind", "callers.a.citys", "callers.a.fields"] == keys


@pytest.mark.parametrize("key", ["certificates", "tokens", "former"])
def test_two_callers_never_share_a_name(key: str) -> None:
    """A certificate, a token's subject and a former name belong to one caller."""
    line = f'{key} = ["one"]\n'
    text = APP + line + '[callers.b]\nkind = "city_team"\n' + line
    assert [f"callers.b.{key}：one 已属于调用方 a"] == problems(text)


def test_a_former_name_is_not_another_callers_name() -> None:
    """Nobody inherits what another caller of the policy is called."""
    text = APP + 'former = ["b", "a"]\n[callers.b]\nkind = "city_team"\n'
    assert ["callers.a.former：b 是另一调用方的名称"] == problems(text)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("app", ["cities", "channels"]),
        ("counter", ["cities", "channels"]),
        ("bank", ["cities", "channels"]),
        ("hospital", ["institutions"]),
        ("pharmacy", ["institutions"]),
        ("collector", ["cities"]),
        ("feeder", ["cities"]),
        ("reviewer", ["cities"]),
        ("auditor", ["cities"]),
        ("operator", ["cities"]),
    ],
)
def test_a_caller_has_what_its_kind_needs(kind: str, missing: list[str]) -> None:
    """Who could do nothing for want of a city, channel or institution is refused."""
    text = HEAD + f'[callers.a]\nkind = "{kind}"\n'
    told = [problem.partition("：")[0] for problem in problems(text)]
    assert sorted(f"callers.a.{key}" for key in missing) == sorted(told)


@pytest.mark.parametrize("kind", ["city_team", "tester", "front"])
def test_some_kinds_need_nothing(kind: str) -> None:
    """A city team, a tester and a front have no city, channel or institution."""
    policy = FilePolicy.of(HEAD + f'[callers.a]\nkind = "{kind}"\n')
    assert kind == policy.caller("a").kind


@pytest.mark.parametrize(
    "text", ["version = ", "a = " + "[" * 100_000, "a = 2026-13-01"]
)
def test_what_is_no_toml_is_refused(text: str) -> None:
    """A file that is not TOML, or is nested beyond measure, is refused by a sentence."""
    (told,) = problems(text)
    assert told.startswith(("不是 TOML", "TOML 嵌套过深"))


def test_a_fault_names_the_file(tmp_path: Path) -> None:
    """A problem of a file begins with the file's name."""
    path = tmp_path / "policy.toml"
    path.write_text("version = 1", encoding="utf-8")
    with pytest.raises(PolicyFaultError, match=r"^policy\.toml：revision：必填；"):
        FilePolicy.at(path)
