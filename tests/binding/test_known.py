"""Identity checks and kinds of proof that there are not: refused with those there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.model.binding import Application, Binding, Material
from gongji.model.refusals import MalformedField
from gongji.rules.channels import IdentityCheck, MaterialKind
from gongji.rules.hookspecs import CityRules
from msgspec.structs import replace

from tests.binding.applying import PLACES, Applicants

Change = Callable[[Application], Application]


def with_check(application: Application) -> Application:
    """Report a check that there is not."""
    checks = application.identity_checks | {"faec"}
    return replace(application, identity_checks=checks)


def with_proof(application: Application) -> Application:
    """Bring a second proof, of a kind that there is not."""
    first = Material("household_register", original=True, reference="附件")
    other = Material("marriage_licence", original=True, reference="附件")
    return replace(application, materials=(first, other))


def with_check_of_member(application: Application) -> Application:
    """Report a check of the member that there is not."""
    consent: Any = application.consent
    given = replace(consent, identity_checks=frozenset({"faec"}))
    return replace(application, consent=given)


UNKNOWN: dict[str, tuple[Change, str]] = {
    "a check": (with_check, "identity_checks"),
    "a proof": (with_proof, "materials[1].kind"),
    "a check of the member": (with_check_of_member, "consent.identity_checks"),
}


def asked_by(world: Applicants, field: str) -> set[str]:
    """What the city of a world asks for in a field, by its rules."""
    rules = world.city.rules(world.now.date())
    if field.startswith("materials"):
        needs = rules.value(CityRules.materials).values()
        return {kind.value for need in needs for one in need for kind in one.one_of}
    if field.startswith("consent"):
        checks = rules.value(CityRules.consent).member_checked_by or IdentityCheck
        return {check.value for check in checks}
    asked = rules.value(CityRules.identity_checks).values()
    return {check.value for checks in asked for check in checks}


@pytest.mark.parametrize("pinyin", PLACES)
@pytest.mark.parametrize(("change", "field"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_there_is_not_is_refused_with_what_there_is(
    pinyin: str, change: Change, field: str
) -> None:
    """The field is named, and of those there are exactly those the city asks for."""
    world = Applicants(pinyin)
    application = change(world.application("wanshitong"))
    with pytest.raises(MalformedField) as refused:
        world.submit(application)

    assert field == refused.value.field
    assert refused.value.message.startswith(f"{field}：")
    kinds: Any = MaterialKind if field.startswith("materials") else IdentityCheck
    told = {one.value for one in kinds if f"{one.value}（" in refused.value.message}
    assert asked_by(world, field) == told


def test_a_later_consent_too() -> None:
    """A consent that is recorded later names checks that there are."""
    world = Applicants("anqing")
    application = world.application("wanshitong")
    waiting = world.submit(replace(application, consent=None))
    consent = replace(world.consent(), identity_checks=frozenset({"faec"}))
    with pytest.raises(MalformedField) as refused:
        world.do(world.record_consent(waiting.binding_id, consent))

    assert "consent.identity_checks" == refused.value.field


@pytest.mark.parametrize("check", IdentityCheck)
def test_one_more_than_asked_for_is_no_fault(check: IdentityCheck) -> None:
    """A check that there is may be reported wherever it was done."""
    world = Applicants("chuzhou")
    application = world.application("wanshitong")
    checks = application.identity_checks | {check.value}
    binding = world.submit(replace(application, identity_checks=checks))

    assert isinstance(binding, Binding)
