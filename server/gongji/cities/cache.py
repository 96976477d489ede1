"""What is known of plugins, kept by the digest of whatever it turns on.

It is kept in memory, and in a folder of the server's own if there is one. What is kept
is as little trusted as what a plugin answers: whoever takes it checks it again.
"""

from __future__ import annotations

import platform
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import gongji
from gongji.cities.installed import Plugin

_MOST: Final = 64
"""Contents that are kept in memory."""

_FILE_BYTES: Final = 2 * 2**20

_SEAL_BYTES: Final = 32

_in_memory: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
"""The key and content of each name, the last used at the end."""


class Kept:
    """One content by name, that counts only under the key of what it turns on."""

    def __init__(self, folder: Path | None, name: str, *parts: str) -> None:
        """Keep what is called `name` in memory, and in a folder if there is one.

        `parts` are all that it turns on.
        """
        self._folder = folder
        self._name = name
        self._key = blake2b("\n".join(parts).encode()).hexdigest()

    def read(self) -> bytes | None:
        """Return what was written under this key; None if it is not that, or damaged."""
        known, content = _in_memory.get(self._name, ("", b""))
        if known == self._key:
            _in_memory.move_to_end(self._name)
            return content
        if self._folder is None:
            return None
        with (
            suppress(OSError),
            (self._folder / _file_of(self._name)).open("rb") as file,
        ):
            written = file.read(_FILE_BYTES)
            seal, content = written[:_SEAL_BYTES], written[_SEAL_BYTES:]
            if seal == _seal(self._key, content):
                _remember(self._name, self._key, content)
                return content
        return None

    def write(self, content: bytes) -> None:
        """Put content in place of the earlier."""
        _remember(self._name, self._key, content)
        # Before a server is sure that it may serve, it makes no folder of data.
        with suppress(OSError):
            if self._folder is not None and self._folder.parent.is_dir():
                _write(self._folder, self._name, self._key, content)


def keep(folder: Path) -> None:
    """Write what is kept in memory into a folder, unless it stands there."""
    for name, (key, content) in list(_in_memory.items()):
        # A folder that may not even be looked into can take nothing either.
        with suppress(OSError):
            if not (folder / _file_of(name)).exists():
                _write(folder, name, key, content)


def kept_answer(folder: Path | None, plugin: Plugin) -> Kept:
    """Return where what a plugin of these very files answers is kept."""
    name = f"answers {plugin.name}"
    return Kept(folder, name, plugin.value, plugin.digest, _program())


def _write(folder: Path, name: str, key: str, content: bytes) -> None:
    """Write a file whole; where nothing can be written, do nothing."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(_seal(key, content) + content)
        Path(file.name).replace(folder / _file_of(name))


def _file_of(name: str) -> str:
    return f"{blake2b(name.encode(), digest_size=8).hexdigest()}.kept"


def _remember(name: str, key: str, content: bytes) -> None:
    _in_memory[name] = (key, content)
    _in_memory.move_to_end(name)
    if len(_in_memory) > _MOST:
        _in_memory.popitem(last=False)


def digest_of_sources(folders: Iterable[str]) -> str:
    """Return the digest of our own modules in these folders, and of Python's version."""
    whole = blake2b(f"{gongji.__version__} {platform.python_version()}".encode())
    root = Path(gongji.__file__).parent
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            whole.update(blake2b(path.read_bytes()).digest())
    return whole.hexdigest()


def _seal(key: str, content: bytes) -> bytes:
    return blake2b(key.encode() + content, digest_size=_SEAL_BYTES).digest()


@cache
def _program() -> str:
    return digest_of_sources(("rules", "cities", "isolation"))
