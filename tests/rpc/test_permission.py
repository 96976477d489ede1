"""A call's permission: what is shown to hold, and what a denial tells."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
from gongji.access.identity import CallerIdentity
from gongji.access.policy import FilePolicy
from gongji.access.rights import RIGHTS, AccessScope
from gongji.model.refusals import (
    BindingNotFound,
    Denied,
    MalformedField,
    NotPermitted,
    Refusal,
    StoreUnavailable,
    SubjectNotParty,
)
from gongji.rpc.permission import Permit, ScopePendingError

from tests.access.policies import POLICY

FILE = FilePolicy.of(POLICY)

UNKNOWN = BindingNotFound("没有编号为 B1 的绑定", field="binding_id")


def permit(caller: str, method: str, *, sandbox: bool = False) -> Permit:
    """Return the permit of a caller of the sample policy."""
    return Permit.of(FILE, CallerIdentity(caller), method, sandbox=sandbox)


def told(refusal: Refusal) -> tuple[object, ...]:
    """Return all that goes out of a refusal."""
    return type(refusal), refusal.message, refusal.field, refusal.metadata


def denied(show: Callable[[], None]) -> tuple[object, ...]:
    """Return all that goes out of a denial."""
    with pytest.raises(Denied) as refused:
        show()
    return told(refused.value)


@pytest.mark.parametrize("method", RIGHTS)
@pytest.mark.parametrize("caller", FILE.callers)
def test_the_table_decides_who_may_call(caller: str, method: str) -> None:
    """Only a kind with a right to a method gets a permit, bound by the right's scopes."""
    kind = FILE.caller(caller).kind
    right = RIGHTS[method].get(kind)
    if right is None:
        with pytest.raises(
            NotPermitted, match=f"^{kind} 类调用方不得调用 {method}[；：]"
        ):
            permit(caller, method)
    else:
        bound = {s for s in right if caller != "operations" or s is AccessScope.SUBJECT}
        assert bound == permit(caller, method).pending


def test_a_tester_reaches_sandboxes_only() -> None:
    """A tester may do everything on a sandbox, and nothing elsewhere."""
    for method in RIGHTS:
        assert set() == permit("trial", method, sandbox=True).pending
        with pytest.raises(NotPermitted):
            permit("trial", method)


def test_what_was_not_shown_is_not_answered() -> None:
    """A call is answered only when every scope of its right was shown to hold."""
    asked = permit("wanshitong", "SubmitBinding")
    shows: list[Callable[[], None]] = [
        lambda: asked.channel("wanshitong"),
        lambda: asked.party(holds=True),
        lambda: asked.city("340822"),
    ]
    for show in shows:
        with pytest.raises(ScopePendingError):
            asked.require_shown()
        show()
    asked.require_shown()


def test_a_scope_once_shown_still_binds() -> None:
    """A second city, channel or institution of the same call is judged as the first."""
    asked = permit("window", "Unbind")
    asked.channel("counter")
    asked.party(holds=True)
    asked.city("340800")
    for show in (lambda: asked.channel("bank"), lambda: asked.city("341100")):
        denied(show)
    asked = permit("hospital", "Settle")
    asked.institution("H34080000001")
    denied(lambda: asked.institution("H34080000002"))


@pytest.mark.parametrize(
    ("caller", "method"),
    [
        ("hospital", "GetSettlement"),
        ("review", "ReviewBinding"),
        ("wanshitong", "GetBinding"),
        ("wanshitong", "RecordConsent"),
        ("wanshitong", "ListSettlements"),
    ],
)
def test_not_there_and_not_yours_are_one_answer(caller: str, method: str) -> None:
    """Whatever is found wrong first, a denial is the same as of what does not exist."""
    none = told(permit(caller, method).told(UNKNOWN))
    shows: dict[AccessScope, Callable[[Permit], None]] = {
        AccessScope.INSTITUTION: lambda p: p.institution("H34080000002"),
        AccessScope.SUBJECT: lambda p: p.party(holds=False),
        AccessScope.CHANNEL: lambda p: p.stored_channel("bank"),
        AccessScope.CITY: lambda p: p.city("341100"),
    }
    for order in permutations(permit(caller, method).pending):
        asked = permit(caller, method)
        assert none == denied(lambda s=order[0], p=asked: shows[s](p))  # type: ignore[misc]


def test_of_the_subjects_own_only_the_place_is_told() -> None:
    """Once the subject is a party, channel and city are told; before, nothing but that."""
    asked = permit("wanshitong", "RecordConsent")
    assert SubjectNotParty is told(asked.told(UNKNOWN))[0]
    asked.party(holds=True)
    assert {"scope": "channel"} == told(asked.told(UNKNOWN))[3]
    asked.stored_channel("wanshitong")
    assert {"scope": "city"} == told(asked.told(UNKNOWN))[3]
    asked.city("3408")
    assert UNKNOWN is asked.told(UNKNOWN)


def test_what_tells_nothing_is_told() -> None:
    """A malformed request and a database out of reach are told before anything is shown."""
    asked = permit("review", "GetBinding")
    for refusal in (MalformedField("x"), StoreUnavailable("x"), NotPermitted("x")):
        assert refusal is asked.told(refusal)


def test_who_has_all_is_told_what_is_not_there() -> None:
    """An operator of every city learns that something does not exist."""
    asked = permit("operations", "GetBinding")
    assert UNKNOWN is asked.told(UNKNOWN)
    asked.city("")
    asked.require_shown()


def test_a_list_is_narrowed_to_own_cities() -> None:
    """A list without a person is permitted within the caller's cities."""
    asked = permit("review", "ListBindings")
    assert frozenset({"3408"}) == asked.narrowed()
    asked.require_shown()
    assert "3411" in permit("operations", "ListBindings").narrowed()
