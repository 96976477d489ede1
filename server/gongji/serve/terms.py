"""What servers over one database must be started alike with (同库各服务须一致的设定).

Every setting has its row; docs/operate.md has the table, held by a test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import gongji
from gongji.serve.settings import Settings


class Alike(Enum):
    """Whether a setting must be the same at every server of a database."""

    MUST = "须一致，否则拒绝启动"
    RECORDED = "须一致，以库中所记为准"
    TOLD = "不一致时记一行 `settings_differ`"
    OWN = "各自设定"


@dataclass(frozen=True, slots=True)
class Term:
    """One setting: whether it must be alike, why, and what of it is compared."""

    alike: Alike
    why: str
    of: Callable[[Settings], object] | None = None


def _calendar(settings: Settings) -> object:
    """Return the operator's days, however their file is written."""
    added = settings.workdays().added
    return [
        (year, sorted(map(str, days.off)), sorted(map(str, days.work)))
        for year, days in sorted(added.items())
    ]


def _content(path: Path | None) -> str:
    """Return a file's content as a hash; "" without one. OSError."""
    return hashlib.blake2b(path.read_bytes()).hexdigest() if path else ""


_SAME_DECISION: Final = "同一张账单由哪个服务决定都须相同"

_OF_THE_MACHINE: Final = "只关本机"

_SAME_CALLERS: Final = (
    "同一调用方在哪个服务都应被同样接纳；运行中会重读，换发时难免先后"
)

TERMS: Final[Mapping[str, Term]] = {
    "adopt": Term(Alike.RECORDED, "已结算的日子不可再变"),
    "retired_credits": Term(
        Alike.MUST, _SAME_DECISION, lambda s: sorted(map(repr, s.retired_credits))
    ),
    "refusals": Term(
        Alike.MUST, _SAME_DECISION, lambda s: sorted(map(repr, s.refusals))
    ),
    "authorities": Term(
        Alike.MUST,
        "同一人的查询单由哪个服务出具都须署同一单位",
        lambda s: sorted(s.authorities.items()),
    ),
    "calendar": Term(Alike.MUST, "审核期限与窗口当日受理由它推算", _calendar),
    "access_before_answer": Term(
        Alike.MUST,
        "查询记录是否先落盘，审计时对全部服务只有一个说法",
        lambda s: s.access_before_answer,
    ),
    "origin": Term(
        Alike.MUST, "账本的名称，第一个检查点时取定，此后不可再变", lambda s: s.origin
    ),
    "sandbox": Term(
        Alike.MUST, "沙盒的拨钟与清空会动到别的服务的数据", lambda s: s.sandbox
    ),
    "rules": Term(Alike.MUST, "规则取值、插件内容按城市比较"),
    "policy": Term(Alike.TOLD, _SAME_CALLERS, lambda s: _content(s.policy)),
    "deny": Term(Alike.TOLD, _SAME_CALLERS, lambda s: _content(s.deny)),
    "client_ca": Term(Alike.TOLD, _SAME_CALLERS, lambda s: _content(s.client_ca)),
    "token_keys": Term(Alike.TOLD, _SAME_CALLERS, lambda s: _content(s.token_keys)),
    "token_issuer": Term(Alike.TOLD, _SAME_CALLERS, lambda s: s.token_issuer),
    "token_audience": Term(Alike.TOLD, _SAME_CALLERS, lambda s: s.token_audience),
    "crypto": Term(Alike.RECORDED, "建库时选定，已密封、已签署的不可再变"),
    "data": Term(Alike.OWN, "目录各有各的；其中的密钥与库不符的打不开"),
    "key_file": Term(Alike.OWN, "文件各有各的；其中的密钥与库不符的打不开"),
    "key_command": Term(Alike.OWN, "取法各有各的；取来的密钥与库不符的打不开"),
    "key_pkcs11": Term(Alike.OWN, "取法各有各的；令牌里的密钥与库不符的打不开"),
    "database": Term(Alike.OWN, "连到同一个库的才互相比较"),
    "pins": Term(Alike.OWN, "所接入的插件，其内容按城市比较"),
    "unfit": Term(Alike.OWN, "少接入一个城市不改变别的城市"),
    "sample": Term(Alike.OWN, "登记库中有别的人员或机构即拒绝"),
    "accept_clock": Term(Alike.OWN, _OF_THE_MACHINE),
    "address": Term(Alike.OWN, _OF_THE_MACHINE),
    "workers": Term(Alike.OWN, _OF_THE_MACHINE),
    "gateway": Term(Alike.OWN, _OF_THE_MACHINE),
    "tls_cert": Term(Alike.OWN, _OF_THE_MACHINE),
    "tls_key": Term(Alike.OWN, _OF_THE_MACHINE),
    "token_address": Term(Alike.OWN, _OF_THE_MACHINE),
    "metrics_address": Term(Alike.OWN, _OF_THE_MACHINE),
    "trace_ratio": Term(Alike.OWN, _OF_THE_MACHINE),
    "reflection": Term(Alike.OWN, _OF_THE_MACHINE),
}
"""A term for each field of `Settings`."""

OPTIONS: Final = {
    "retired_credits": "retired-credit",
    "refusals": "refuse-without-table",
    "authorities": "authority",
    "pins": "pin",
    "unfit": "",
    "rules": "",
}
"""Options that are not called as their fields are; "" for fields without an option."""

VERSION: Final = "程序版本"
"""What the program's version is compared by: told, since an upgrade has both for a while."""


def option_of(name: str) -> str:
    """Return the option of a field of `Settings`, such as --calendar; "" without one."""
    option = OPTIONS.get(name, name.replace("_", "-"))
    return f"--{option}" if option else ""


def terms_of(settings: Settings, alike: Alike) -> dict[str, str]:
    """Return the digests of the settings of a kind, by option. ValueError; OSError."""
    terms = {
        option_of(name): _digest(term.of(settings))
        for name, term in TERMS.items()
        if term.of and term.alike is alike
    }
    if alike is Alike.TOLD:
        terms[VERSION] = _digest(gongji.__version__)
    return terms


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode()).hexdigest()


def rows() -> Iterator[str]:
    """Yield the table of docs/operate.md, row by row."""
    yield "| 选项 | 同库各服务 | 缘由 |"
    yield "|---|---|---|"
    for name, term in TERMS.items():
        option = option_of(name)
        if option:
            yield f"| `{option}` | {term.alike.value} | {term.why} |"
