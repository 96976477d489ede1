"""Which cities may serve: none with what `gongji check` calls an error in it.

What the source shows and what the proof finds; running the plugin at many moments is
left to `gongji check`, since a server asks it with a clock that stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from gongji.cities.cache import Kept, digest_of_sources
from gongji.cities.city import Cities, City, RefusedPlugin
from gongji.cities.installed import plugins
from gongji.kit.check.extremes import problems_of_effects
from gongji.kit.check.findings import Severity
from gongji.kit.check.proof import prove
from gongji.kit.check.purity import impurities
from gongji.kit.check.tables import reimbursement_tables

_FOLDERS: Final = (
    "rules",
    "model",
    "binding",
    "account",
    "settlement",
    "cities",
    "kit",
)

_PASSED: Final = b"passed"


def unfit(cities: Cities, kept_in: Path | None = None) -> list[RefusedPlugin]:
    """Return the served cities that must not serve, each with every error in it.

    A city that has passed with the same rules, files and program is not looked at again.
    """
    packages = {plugin.name: plugin.package for plugin in plugins()}
    refused = []
    for city in cities.all:
        turns_on = (city.rules_digest, city.plugin_digest, _program())
        kept = Kept(kept_in, f"check {city.pinyin}", *turns_on)
        if kept.read() == _PASSED:
            continue
        problems = list(dict.fromkeys(_problems(city, packages.get(city.pinyin))))
        if problems:
            problem = "\n".join(problems)
            refused.append(
                RefusedPlugin(city.label, city.pinyin, problem, city.area_code)
            )
        else:
            kept.write(_PASSED)
    return refused


def _problems(city: City, package: str | None) -> Iterator[str]:
    """Yield every error of a city as one sentence."""
    for label, table in reimbursement_tables(city):
        yield from (f"{label}：{problem}" for problem in problems_of_effects(table))
    # Overlaid in a test, a city is no installed plugin.
    found = [*prove(city).findings, *(impurities(package) if package else ())]
    for finding in found:
        if finding.severity is Severity.ERROR:
            place = "，".join(filter(None, (finding.since, finding.situation)))
            named = "：".join(filter(None, (finding.hook, finding.kind.value)))
            yield f"{named}（{place}）：{finding.figures}；{finding.mend}"


@cache
def _program() -> str:
    return digest_of_sources(_FOLDERS)
