"""The installed plugins as commands take them: pinned by option and configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import click

from gongji.audit.hashing import LABELS, Hasher
from gongji.cities.city import Cities, City
from gongji.cities.loading import load_cities
from gongji.cities.pinning import check_pin, pin
from gongji.cli.config import pinned_plugins


def pins_of(options: Iterable[str] = ()) -> dict[str, str]:
    """Return the pinned digests by plugin: options over the configuration. ValueError."""
    pins = dict(pinned_plugins(click.get_current_context()))
    for name, digest in pins.items():
        check_pin(name, digest)
    return pins | dict(map(pin, options))


def installed_cities() -> Cities:
    """Return the cities as the configuration pins them. ValueError."""
    pins = pins_of()
    return load_cities(pins=pins, hasher=_hasher_of(pins.values()))


def _hasher_of(digests: Iterable[str]) -> Hasher | None:
    """Return by which hash function plugins are pinned, None if they are not."""
    labels = {digest.partition(":")[0] for digest in digests}
    return next((one for one, label in LABELS.items() if {label} == labels), None)


def _key(name: str) -> str:
    """Return a name as a key of TOML: bare, or a string as JSON writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def pin_lines(cities: Iterable[City]) -> str:
    """Return the table of a configuration file that pins these plugins as they are."""
    lines = [f'{_key(city.pinyin)} = "{city.plugin_digest}"\n' for city in cities]
    return "".join(["[plugins]\n", *lines])
