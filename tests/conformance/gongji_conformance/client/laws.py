"""Laws over every call the server has seen, whatever the scenario."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from gongji_conformance.client.scenario import Mismatch, Mismatches, ScenarioRun
from gongji_conformance.client.server import ObservedCall
from gongji_conformance.client.tasks import PERSONAL

LONGEST_S: Final = 60.0
_SLACK_S: Final = 1.0
CALLER_KEY: Final = "x-gongji-caller"

_CALLER: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(
    r"(?<!\d)\d{6}(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\d{3}[0-9Xx](?!\d)"
)
_ALSO_METADATA: Final = ("user-agent", "x-gongji-subject-bin")
"""What gRPC itself writes there, and where the person belongs for whom it is called."""


Runs = Sequence[ScenarioRun]


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class ClientLaw:
    """What must hold for every call; `over` are the scenarios it is judged by."""

    id: str
    says: str
    why: str
    over: tuple[str, ...]
    check: Callable[[Runs], Mismatches]


def _calls(runs: Runs) -> Iterator[tuple[str, ObservedCall]]:
    """Yield every call with the words that say which."""
    for run in runs:
        for number, call in enumerate(run.observed, 1):
            nth = f"第 {number} 次调用"
            yield f"{run.scenario.id} {nth} {call.method}", call


def _deadlines(runs: Runs) -> Mismatches:
    """Find calls without a deadline, or with too long a one."""
    most = f"{LONGEST_S:.0f} 秒"
    for name, call in _calls(runs):
        if call.left_s is None:
            expected = f"每次调用都有不超过 {most}的 deadline"
            yield Mismatch(expected, f"{name} 没有 deadline")
        elif call.left_s > LONGEST_S + _SLACK_S:
            got = f"{name} 为 {call.left_s:.0f} 秒"
            yield Mismatch(f"deadline 不超过 {most}", got)


def _callers(runs: Runs) -> Mismatches:
    """Find calls whose caller is missing, odd or another."""
    expected = f"元数据 {CALLER_KEY} 恰好一个，1-60 个字母、数字、“.”“_”“-”"
    names = set()
    for name, call in _calls(runs):
        metadata = call.metadata
        callers = [str(value) for key, value in metadata if key == CALLER_KEY]
        names.update(callers)
        if len(callers) != 1 or not _CALLER.fullmatch(callers[0]):
            yield Mismatch(expected, f"{name} 为 {callers or '(没有)'}")
    if len(names) > 1:
        yield Mismatch("始终用同一个调用方", "、".join(sorted(names)))


def _uuids(runs: Runs) -> Mismatches:
    """Find request ids that are no UUID."""
    for name, call in _calls(runs):
        has_id = "request_id" in call.request.DESCRIPTOR.fields_by_name
        if has_id and not _UUID.fullmatch(call.request_id):
            got = f"{name} 为 {call.request_id or '(空)'}"
            yield Mismatch("request_id 是 UUID", got)


def _never_again(runs: Runs) -> Mismatches:
    """Find request ids of an earlier run."""
    first: dict[str, str] = {}
    for run in runs:
        for request_id in {call.request_id for call in run.observed}:
            if request_id in first:
                both = f"{first[request_id]} 与 {run.scenario.id}"
                got = f"{both} 都用了 {request_id}"
                yield Mismatch("每次启动都用新的编号", got)
            # A call without an id has the empty one.
            if request_id:
                first[request_id] = run.scenario.id


def _nobody_in_metadata(runs: Runs) -> Mismatches:
    """Find personal data in metadata."""
    expected = "元数据里没有证件号码、姓名、电话、人员编号"
    for name, call in _calls(runs):
        for key, value in call.metadata:
            if key not in _ALSO_METADATA and _names_somebody(value):
                yield Mismatch(expected, f"{name} 的 {key}")


def _names_somebody(value: str | bytes) -> bool:
    return any(_personal(text) for text in _readings(value))


def _nobody_in_ids(runs: Runs) -> Mismatches:
    """Find personal data in request ids."""
    for name, call in _calls(runs):
        # A number may be spread over the groups of a UUID.
        bare = call.request_id.replace("-", "")
        texts = (call.request_id, bare)
        if any(part in text for text in texts for part in PERSONAL):
            got = f"{name} 的 request_id 含有个人信息"
            yield Mismatch("request_id 与人无关", got)


def _personal(text: str) -> bool:
    """Say whether a text holds personal data of the tasks, or an identity number."""
    known = any(part in text for part in PERSONAL)
    return known or bool(_CERTIFICATE.search(text))


def _readings(value: str | bytes) -> Iterator[str]:
    """Yield what a value says: as it is, unescaped, and out of base64."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    yield text
    yield unquote(text)
    for part in re.split(r"[\s.,;]+", text):
        try:
            yield _out_of_base64(part).decode()
        except (binascii.Error, ValueError):
            # Most metadata is no base64.
            continue


def _out_of_base64(text: str) -> bytes:
    # Padding is often left out, and the alphabet for URLs is common in tokens.
    padded = text + "=" * (-len(text) % 4)
    for_urls = "-" in text or "_" in text
    return base64.b64decode(padded, altchars=b"-_" if for_urls else None)


_PLAIN: Final = "CLIENT-PLAIN-001"

LAWS: Final = (
    ClientLaw(
        id="CLIENT-DEADLINE-001",
        says=f"每次调用都有 deadline，不超过 {LONGEST_S:.0f} 秒",
        why="没有时限的调用会在网络故障时永远占住窗口，服务也无从知道已没有人在等。",
        over=(_PLAIN,),
        check=_deadlines,
    ),
    ClientLaw(
        id="CLIENT-CALLER-001",
        says=f"每次调用都带 {CALLER_KEY}，始终是同一个",
        why="调用方与 request_id 一起被记住，也绑定翻页令牌；时有时无，重发就会被当作别人的。",
        over=(_PLAIN,),
        check=_callers,
    ),
    ClientLaw(
        id="CLIENT-ID-001",
        says="request_id 是 UUID",
        why="别的写法会被服务拒绝，也容易重复。",
        over=(_PLAIN,),
        check=_uuids,
    ),
    ClientLaw(
        id="CLIENT-ID-003",
        says="重新启动之后不会再用以前的 request_id",
        why="固定的随机种子或从一数起的编号，一重启就与昨天的业务相撞。",
        over=(_PLAIN, "CLIENT-ID-002"),
        check=_never_again,
    ),
    ClientLaw(
        id="CLIENT-PRIVACY-001",
        says="元数据里没有个人信息，编码过的也不行",
        why="元数据会被代理与网关写进日志，不受加密存储的保护。",
        over=(_PLAIN,),
        check=_nobody_in_metadata,
    ),
    ClientLaw(
        id="CLIENT-PRIVACY-002",
        says="request_id 里没有个人信息",
        why="编号会永久保存并写进日志，由证件号码拼成就等于公开它。",
        over=(_PLAIN,),
        check=_nobody_in_ids,
    ),
)
