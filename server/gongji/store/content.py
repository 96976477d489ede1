"""What is kept of a request's content: hashes of its fields, to name those that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from msgspec import Struct

from gongji.model.commands import Request, RequestRecord


class Digest(Protocol):
    """The keyed hash of a value's content."""

    def __call__(self, value: object, like: str = "") -> str:
        """Return it, by the key of another hash if one is given."""


SUBJECT: Final = "subject"
"""The entry of a row's digests that says for whom the request was; no command has such a
field."""

METHOD: Final = "method"

MOST_PATHS: Final = 6
"""Paths inside one field that are named one by one."""


def digests(
    request: Request,
    content: Mapping[str, object],
    digest: Digest,
    like: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the hash of each field of a content, by the keys of others if given."""
    hashed = {
        name: digest(value, like.get(name, "")) for name, value in content.items()
    }
    if request.subject:
        hashed[SUBJECT] = digest(request.subject, like.get(SUBJECT, ""))
    return hashed


def inner_digests(
    content: Mapping[str, object], digest: Digest
) -> Iterator[tuple[str, str]]:
    """Yield the path and the hash of each value inside a field of a content."""
    for name, value in content.items():
        for path, inner in _inside(name, value):
            yield path, digest(inner)


def differing(
    request: Request,
    content: Mapping[str, object],
    row: RequestRecord,
    digest: Digest,
    first: Mapping[str, object] = MappingProxyType({}),
) -> list[str]:
    """Return in what a request differs from the first one under its id.

    `method`, or else `subject` and the paths of fields, as deep as is known of the first
    one: by `first`, what its records tell of its content, or by the hashes in its row.
    """
    # Of another method's request the fields say nothing.
    if request.method != row.method:
        return [METHOD]
    # The content is not kept: it is hashed by the key of then.
    hashed = digests(request, content, digest, row.digests)
    if row.is_former:
        # Nobody said for whom until then.
        hashed.pop(SUBJECT, None)
    known = {name: one for name, one in row.digests.items() if not _is_inner(name)}
    names = sorted(hashed.keys() | known.keys())
    found: list[str] = []
    for name in names:
        if hashed.get(name) != known.get(name):
            paths = _changed(name, content.get(name), row, digest, first)
            found += paths if 0 < len(paths) <= MOST_PATHS else [name]
    return found


def in_words(paths: Iterable[str]) -> str:
    """Return what differs, as people call it; a field by its path."""
    return "、".join([_TERMS.get(path, path) for path in paths])


_TERMS: Final = {METHOD: "方法（method）", SUBJECT: "所代的人（subject）"}


def _changed(
    name: str,
    value: object,
    row: RequestRecord,
    digest: Digest,
    first: Mapping[str, object],
) -> list[str]:
    """Return the paths inside a field that differ; none if that is not known."""
    inner = dict(_inside(name, value))
    if name in first:
        before: Mapping[str, object] = dict(_inside(name, first[name]))
        now: Mapping[str, object] = inner
    else:
        stored = row.digests
        before = {path: stored[path] for path in stored if _is_inside(path, name)}
        now = {path: digest(part, stored.get(path, "")) for path, part in inner.items()}
    if not before or not now:
        return []
    return changed_paths(before, now)


def changed_paths(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return the paths whose values differ; of one that only one side has, what holds it."""
    found: dict[str, None] = {}
    for path in dict.fromkeys((*now, *before)):
        if path not in now or path not in before:
            other = before if path in now else now
            known = any(_is_inside(one, path) for one in other)
            found[path if known else _holder(path)] = None
        elif now[path] != before[path]:
            found[path] = None
    return [p for p in found if not any(_is_inside(p, holder) for holder in found)]


def _inside(path: str, value: object) -> Iterator[tuple[str, Any]]:
    """Yield the values inside a record or a list of records, each with its path."""
    for step, part in _parts(value):
        at = f"{path}{step}"
        inner = list(_inside(at, part))
        yield from inner or [(at, part)]


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield f".{name}", getattr(value, name)
    elif isinstance(value, tuple) and any(isinstance(one, Struct) for one in value):
        for place, one in enumerate(value):
            yield f"[{place}]", one


def _is_inner(path: str) -> bool:
    return "." in path or "[" in path


def _is_inside(path: str, name: str) -> bool:
    return path.startswith((f"{name}.", f"{name}["))


def _holder(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["))]
