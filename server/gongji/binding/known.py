"""Identity checks (身份核验) and kinds of proof (材料) that there are; others are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from gongji.cities.city import DayRules
from gongji.model.binding import Application, Consent
from gongji.model.refusals import MalformedField
from gongji.rules.channels import IdentityCheck, MaterialKind
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words
from gongji.text.forms import as_sent, mended


def refuse_unknown(application: Application, rules: DayRules) -> None:
    """Refuse what is no identity check or kind of proof, naming the city's. MalformedField."""
    asked = rules.value(CityRules.identity_checks).values()
    checks = frozenset[IdentityCheck]().union(*asked)
    for check in sorted(application.identity_checks):
        _refuse("identity_checks", "身份核验", check, IdentityCheck, checks)
    for place, material in enumerate(application.materials):
        field = f"materials[{place}].kind"
        _refuse(field, "材料", material.kind, MaterialKind, _kinds(rules))
    refuse_unknown_checks(application.consent, rules)


def refuse_unknown_checks(consent: Consent | None, rules: DayRules) -> None:
    """Refuse what is no identity check of who consents. MalformedField."""
    checks = rules.value(CityRules.consent).member_checked_by or IdentityCheck
    for check in sorted(consent.identity_checks if consent else ()):
        _refuse("consent.identity_checks", "身份核验", check, IdentityCheck, checks)


def _kinds(rules: DayRules) -> Iterator[MaterialKind]:
    """Yield the kinds of proof that the city's channels ask for."""
    for needs in rules.value(CityRules.materials).values():
        for need in needs:
            yield from need.one_of


def _refuse(
    field: str, what: str, value: str, known: type[Enum], of_city: Iterable[Enum]
) -> None:
    if any(value == one.value for one in known):
        return
    # In the order of the enum, each once.
    asked = set(of_city) or set(known)
    allowed = [one for one in known if one in asked]
    listed = "、".join([f"{one.value}（{in_words(one)}）" for one in allowed])
    names = [str(one.value) for one in allowed]
    hint = mended(value, lambda text: text in names).hint
    raise MalformedField(
        f"{field}：没有{what}{as_sent(value)}{hint and f'，{hint}'}；本市的有：{listed}",
        field=field,
        allowed=",".join(names),
    )
