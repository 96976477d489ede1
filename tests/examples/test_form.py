"""A page that knows nothing but DescribeForm binds in each city through each online channel.

It needs Chromium.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import city_pb2, types_pb2
from gongji_conformance.city.population import Couple, Population
from gongji_conformance.city.stubs import CallRefused, Stubs, ask
from playwright.sync_api import Page, Route, expect

from tests.examples.chromium import WIDTH, browser_page
from tests.examples.serving import SAMPLE, serving
from tests.patience import PATIENCE_S
from tests.scaffold.kept import give_kept

SERVER = Path(__file__).parents[2] / "examples" / "form" / "server.py"

OVER_THE_COUNTER = {"窗口", "银行网点"}

AREAS = ("340800", "341000")
"""Of two cities: one of them is not the city tried."""

NOT_APPLIED_FOR = "居民医保个人缴费"
"""The purpose that is not ticked with all the rest."""

UNKNOWN = {"refused": "没有答复", "fields": [], "unknown": True}
"""What the page hears of a reply that was lost."""

REFUSED = {"refused": "不符合条件", "fields": [], "unknown": False}

STANDING = (
    pb.BINDING_STATE_ACTIVE,
    pb.BINDING_STATE_UNDER_REVIEW,
    pb.BINDING_STATE_AWAITING_CONSENT,
)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """Start a sandbox with the sample's people; its address."""
    give_kept(tmp_path / "var")
    with serving(tmp_path, *SAMPLE, "--sandbox") as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def site(target: str) -> Iterator[str]:
    """Start the page's backend; its address."""
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, str(SERVER)],
        env={**os.environ, "GONGJI_TARGET": target, "FORM_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a page that waits as long as any test."""
    with browser_page() as opened:
        opened.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)
        yield opened


def test_the_page_binds_everywhere(target: str, site: str, page: Page) -> None:
    """In every city each online channel leads to a binding, at the width of a phone."""
    stubs = Stubs(target)
    bound = set()
    for city in stubs.cities.ListCities(city_pb2.ListCitiesRequest()).cities:
        people = Population(stubs, city.area_code)
        for elsewhere, channel in online(stubs, city.area_code):
            apart = elsewhere != city.area_code
            pair = (
                (people.one(), people.one(insured=elsewhere))
                if apart
                else people.couple()
            )
            begin(page, site, pair, channel)
            answer(page, pair)
            submit(page)
            said = page.locator("[role=status], [role=alert]").all_inner_texts()
            assert "BINDING_STATE_" in "".join(said), (city.name, channel, said)
            assert standing(stubs, pair) in STANDING, (city.name, channel)
            bound.add(city.pinyin)
    assert {"anqing", "chuzhou", "huangshan"} <= bound
    stubs.close()


def test_the_page_shows_what_is_missing(target: str, site: str, page: Page) -> None:
    """Sent without a name, the application is refused and the field of the name marked;
    with it, the same page binds."""
    stubs = Stubs(target)
    pair = Population(stubs, "340800").couple()
    begin(page, site, pair, "wanshitong")
    answer(page, pair)
    name = page.get_by_label("使用人姓名")
    name.fill("")
    submit(page)
    expect(page.get_by_role("alert")).to_contain_text("姓名")
    assert ["使用人姓名"] == [
        label.inner_text().split("\n")[0].strip()
        for label in page.locator(".wrong").all()
    ]
    name.fill(pair[1].name)
    submit(page)
    expect(page.get_by_role("status")).to_contain_text("BINDING_STATE_")
    stubs.close()


def test_a_body_that_is_none_is_refused(site: str) -> None:
    """A body of no length, below nothing or above the limit is not waited for; one that
    is no JSON object is refused."""
    address = urlsplit(site)
    bodies = {"-1": b"", "abc": b"", "65537": b"", "3": b"[1]", "4": b"null"}
    for length, content in bodies.items():
        connection = HTTPConnection(str(address.hostname), address.port, PATIENCE_S)
        connection.putrequest("POST", "/form")
        connection.putheader("content-length", length)
        connection.endheaders(content)
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        assert 404 == reply.status or "refused" in json.loads(body), length


def test_the_page_keeps_the_id_of_what_it_sends_again(
    target: str, site: str, page: Page
) -> None:
    """Sent again after a lost reply an application bears the same id; after an answer,
    or changed, another."""
    stubs = Stubs(target)
    pair = Population(stubs, "340800").couple()
    begin(page, site, pair, "wanshitong")
    answer(page, pair)
    ids = ids_sent(page, [UNKNOWN, UNKNOWN, UNKNOWN, REFUSED, UNKNOWN])
    name = page.get_by_label("使用人姓名")
    for said in (pair[1].name, pair[1].name, "甲", "甲", "甲"):
        name.fill(said)
        with page.expect_response("**/submit"):
            page.get_by_role("button", name="提交申请").click()
    stubs.close()
    first, again, changed, answered, anew = ids
    assert (first == again, changed == answered) == (True, True)
    assert 3 == len({first, changed, anew})


def test_the_backend_sends_no_token_in_clear(tmp_path: Path) -> None:
    """With a token it does not even start for a server of another machine."""
    token = tmp_path / "token"
    token.write_text("canary", "ascii")
    own = {"GONGJI_TARGET": "gongji.example:1", "GONGJI_TOKEN_FILE": str(token)}
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, str(SERVER)],
        env={**os.environ, "FORM_PORT": "0", **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert 0 != ended.returncode
    assert "令牌不加密时只发往本机" in ended.stderr


def ids_sent(page: Page, replies: Iterable[object]) -> list[str]:
    """Answer what the page submits by these replies; return the ids it gave, as they come."""
    ids: list[str] = []
    left = iter(replies)

    def answered(route: Route) -> None:
        ids.append(json.loads(route.request.post_data or "")["request_id"])
        route.fulfill(json=next(left))

    page.route("**/submit", answered)
    return ids


def online(stubs: Stubs, area: str) -> Iterator[tuple[str, str]]:
    """Yield each online channel with an area of the member from which it is open to him."""
    seen: set[str] = set()
    for elsewhere in (area, next(other for other in AREAS if other != area)):
        asked = pb.DescribeFormRequest(holder_city=area, member_city=elsewhere)
        form = ask(stubs.bindings.DescribeForm, asked)
        if isinstance(form, CallRefused):
            assert elsewhere != area, form.message
            continue
        fields = [field for step in form.steps for field in step.fields]
        (channels,) = [field for field in fields if field.path == "channel"]
        for choice in channels.choices:
            if choice.group not in OVER_THE_COUNTER and choice.value not in seen:
                seen.add(choice.value)
                yield elsewhere, choice.value


def begin(page: Page, site: str, pair: Couple, channel: str) -> None:
    """Choose cities, channel, relation and purpose."""
    page.goto(site)
    page.get_by_label("授权人参保地").select_option(pair[0].insured_place)
    page.get_by_label("使用人参保地").select_option(pair[1].insured_place)
    page.get_by_role("button", name="开始").click()
    page.get_by_label("办理渠道").select_option(channel)
    page.get_by_label("使用人是授权人的").select_option("10")
    page.get_by_label("就医购药").check()
    page.get_by_role("button", name="下一步").click()


def answer(page: Page, pair: Couple) -> None:
    """Answer whatever is asked by its label, and tick, hand in and accept all the rest."""
    holder, member = pair
    expect(page.get_by_role("button", name="提交申请")).to_be_visible()
    known = {
        "授权人证件号码": holder.certificate_number,
        "使用人证件号码": member.certificate_number,
        "使用人姓名": member.name,
        "使用人联系电话": member.phone,
    }
    for label, text in known.items():
        for field in page.get_by_label(label).all():
            field.fill(text)
    for later in page.get_by_label("现在填写").all():
        later.check()
    for box in page.get_by_role("checkbox").all():
        if box.get_attribute("aria-label") != NOT_APPLIED_FOR:
            box.check()
    for proof in page.locator("input[type=file]").all():
        proof.set_input_files(
            {"name": "证明.png", "mimeType": "image/png", "buffer": b"\x89PNG"}
        )
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert (WIDTH, 0) == (page.evaluate("innerWidth"), max(overflow, 0))


def submit(page: Page) -> None:
    """Submit; wait until the page says what came of it."""
    page.get_by_role("button", name="提交申请").click()
    said = page.locator("[role=status]:not(:empty), [role=alert]:not(:empty)")
    expect(said.first).to_be_visible()


def standing(stubs: Stubs, pair: Couple) -> pb.BindingState.ValueType:
    """Return the state of a pair's only binding."""
    request = pb.ListBindingsRequest(
        holder=types_pb2.PersonRef(person_no=pair[0].person_no)
    )
    (binding,) = stubs.bindings.ListBindings(request).bindings
    return binding.state
