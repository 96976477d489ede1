"""Callers of a trial: one of each kind, within the sample population, and their policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from gongji.access.callers import Kind

TRUST_DOMAIN: Final = "gongji.invalid"


class TrialCaller(NamedTuple):
    """A caller that gets a certificate, and what the policy says of it."""

    name: str
    kind: Kind
    cities: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """The URI in its certificate."""
        return f"spiffe://{TRUST_DOMAIN}/{self.name}"


_EVERY = ("*",)
_CHUZHOU = ("3411",)

TRIAL_CALLERS: Final = (
    TrialCaller("app", Kind.APP, _CHUZHOU, ("wanshitong",)),
    TrialCaller("counter", Kind.COUNTER, ("3408",), ("window",)),
    TrialCaller("bank", Kind.BANK, ("3408",), ("bank",)),
    TrialCaller("hospital", Kind.HOSPITAL, institutions=("H34110000001",)),
    TrialCaller("other-hospital", Kind.HOSPITAL, institutions=("H34110000002",)),
    TrialCaller("pharmacy", Kind.PHARMACY, institutions=("P34110000001",)),
    TrialCaller("collector", Kind.COLLECTOR, _CHUZHOU),
    TrialCaller("feeder", Kind.FEEDER, _CHUZHOU),
    TrialCaller("reviewer", Kind.REVIEWER, _CHUZHOU),
    TrialCaller("auditor", Kind.AUDITOR, _EVERY),
    TrialCaller("operator", Kind.OPERATOR, _EVERY, _EVERY, _EVERY),
    TrialCaller("city-team", Kind.CITY_TEAM),
    TrialCaller("tester", Kind.TESTER),
    TrialCaller("front", Kind.FRONT),
)

_HEAD: Final = """\
# 试用的访问策略：由 gongji dev-certs 写出，不得用于真实数据。
# 查验：gongji policy check FILE；某个调用方可做什么：gongji policy explain FILE NAME
version = 1
revision = "trial"
"""


def policy_text(callers: Iterable[TrialCaller] = TRIAL_CALLERS) -> str:
    """Return the policy of these callers, as its file is written."""
    return "\n".join([_HEAD, *(_entry(caller) for caller in callers)])


def suite_text(callers: Iterable[TrialCaller] = TRIAL_CALLERS) -> str:
    """Return the callers whose rights the suite judges, as `--callers` reads them."""
    return "\n".join(
        [
            "# gongji conformance --callers FILE：各类调用方的凭据与范围。",
            *(_judged(caller) for caller in callers if caller.kind not in _UNJUDGED),
        ]
    )


_UNJUDGED: Final = (Kind.TESTER, Kind.FRONT)
"""A tester may do everything on a sandbox, a front nothing anywhere."""


def _entry(caller: TrialCaller) -> str:
    known = {"certificates": (caller.uri,), "tokens": (caller.name,)}
    head = [f"[callers.{caller.name}]", f'kind = "{caller.kind}"']
    return "\n".join([*head, *_lists(_own(caller) | known), ""])


def _judged(caller: TrialCaller) -> str:
    head = [f"[{caller.name}]", f'kind = "{caller.kind}"']
    pair = [f'cert = "{caller.name}.pem"', f'key = "{caller.name}.key"']
    return "\n".join([*head, *pair, *_lists(_own(caller)), ""])


def _own(caller: TrialCaller) -> dict[str, tuple[str, ...]]:
    """Return within what a caller's work lies, by the keys of a policy."""
    return {
        "cities": caller.cities,
        "channels": caller.channels,
        "institutions": caller.institutions,
    }


def _lists(values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield each list that has something, as TOML writes it."""
    for key, texts in values.items():
        if texts:
            stated = ", ".join(f'"{text}"' for text in texts)
            yield f"{key} = [{stated}]"
