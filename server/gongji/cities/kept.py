"""A city's rules as they are kept for ever: one document a city, named by its digest.

Whatever decided money can be decided with again, without the plugin and figures of then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from gongji.audit.hashing import Hasher, default_hasher, digest_of, is_digest
from gongji.cities import anhui
from gongji.cities.city import Cities, City, cited, periods_of
from gongji.cities.encoding import UnreadableRules, decoded, encoded
from gongji.model.commands import Decision
from gongji.model.decided import DecidedBy, KeptRules
from gongji.model.facts import Facts, Need, by_key
from gongji.rules.clauses import Ruled, Timeline
from gongji.rules.hookspecs import DATED_HOOKS

FORMAT: Final = 1
"""The version of the document; a reader refuses any other."""

_PLAIN: Final = (
    "area_code",
    "name",
    "pinyin",
    "plugin",
    "version",
    "overridden",
    "candidates",
    "adoptions",
)
"""The fields of a city that are kept as they are."""


def document_of(city: City) -> bytes:
    """Return everything a city decides by, as canonical JSON."""
    content: dict[str, Any] = {name: getattr(city, name) for name in _PLAIN}
    content["timelines"] = dict(city.timelines)
    content["provincial"] = _provincial_days(city)
    content["format"] = FORMAT
    return encoded(content)


def with_digest(city: City, hasher: Hasher | None = None) -> City:
    """Return a city that has its own document, and names it in whatever it decides."""
    document = document_of(city)
    digest = digest_of(hasher or default_hasher(), document)
    return replace(city, rules_digest=digest, document=document)


def city_of(digest: str, document: bytes) -> City:
    """Return the city of a document. UnreadableRules, also unless the digest is its own."""
    if not is_digest(digest, document):
        raise UnreadableRules(f"规则文档 {digest} 已被改动：内容与摘要不符")
    content = decoded(document)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UnreadableRules(f"规则文档 {digest} 不是第 {FORMAT} 版格式，本程序不能读")
    timelines = _timelines(content["timelines"])
    days: Mapping[str, Collection[date]] = content["provincial"]

    def provincial(hook: str, ruled: Ruled[Any]) -> bool:
        # What a document does not answer is answered by the province.
        return hook not in days or ruled.since in days[hook]

    return City(
        **{name: content[name] for name in _PLAIN},
        timelines=timelines,
        rules_digest=digest,
        document=document,
        _periods=periods_of(timelines, provincial),
        _clauses=cited(timelines.values()),
    )


def needs_of(decided: DecidedBy) -> Iterator[Need]:
    """Return the documents of every city whose rules took part in a decision."""
    for digest in decided.digests:
        yield by_key(KeptRules, digest)


def cities_of(decided: DecidedBy, facts: Facts) -> Cities:
    """Return the cities whose rules took part in a decision, as they were.

    UnreadableRules if a document is missing or cannot be read.
    """
    return Cities(tuple(rules_of(digest, facts) for digest in decided.digests))


def named_by(decided: DecidedBy | None, facts: Facts) -> Cities:
    """Return the cities that a decision names, as they were.

    UnreadableRules as of `cities_of`, and if it names none.
    """
    if decided is None or not decided.rules_digest:
        raise UnreadableRules("没有写明所依规则的摘要")
    return cities_of(decided, facts)


def rules_of(digest: str, facts: Facts) -> City:
    """Return the city of a stored document. UnreadableRules."""
    kept = facts.get(KeptRules, digest)
    if kept is None:
        raise UnreadableRules(f"数据库中没有摘要为 {digest} 的规则文档")
    return _cached(kept.digest, kept.document)


# As many as a database has rules that decided lately: a document takes 3 ms to read.
_cached = lru_cache(maxsize=64)(city_of)


class KeepRules(Struct, frozen=True):
    """Write the rules of all served cities that are not stored yet.

    Applied before the first decision by them is committed.
    """

    cities: Cities

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the stored rules of the same digests."""
        for city in self.cities.all:
            yield by_key(KeptRules, city.rules_digest)

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to write those that are missing."""
        missing = [
            KeptRules(city.rules_digest, city.document, facts.now)
            for city in self.cities.all
            if facts.get(KeptRules, city.rules_digest) is None
        ]
        return Decision(None, tuple(missing))


def _provincial_days(city: City) -> dict[str, tuple[date, ...]]:
    """Return the first days of those values of each hook that are the province's."""
    days: dict[str, dict[date, None]] = {hook: {} for hook in city.timelines}
    for _, rules in city.periods():
        for hook, ruled in rules.all():
            if rules.provincial(hook):
                days[hook][ruled.since] = None
    return {hook: tuple(found) for hook, found in days.items()}


def _timelines(kept: Mapping[str, Timeline[Any]]) -> dict[str, Timeline[Any]]:
    """Return a timeline for every hook, in the order the core asks. UnreadableRules."""
    gone = sorted(set(kept) - set(DATED_HOOKS))
    if gone:
        raise UnreadableRules(f"规则文档含有本程序没有的钩子 {'、'.join(gone)}")
    # A hook of a later version: what the province answers is what was done before it.
    return {
        hook: kept[hook] if hook in kept else getattr(anhui, hook)()
        for hook in DATED_HOOKS
    }
