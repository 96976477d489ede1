"""Answers of plugins, kept by the digest of what answered.

In memory, and in a folder of the server's own if there is one. What is kept is as
little trusted as what a plugin answers: whoever takes it checks it again.
"""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections import OrderedDict
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import gongji
from gongji.cities.installed import Plugin

_MOST: Final = 64
"""Answers that are kept in memory."""

_FILE_BYTES: Final = 2 * 2**20

_in_memory: OrderedDict[str, bytes] = OrderedDict()


class AnswerCache:
    """The answers kept in memory and in one folder, if any."""

    def __init__(self, folder: Path | None) -> None:
        """Keep answers in `folder` as well, which is made for its owner alone."""
        self._folder = folder

    def get(self, plugin: Plugin) -> bytes | None:
        """Return what a plugin of these very files answered this very program."""
        key = _key(plugin)
        if key in _in_memory:
            _in_memory.move_to_end(key)
            return _in_memory[key]
        answer = self._read(plugin, key)
        if answer is not None:
            _remember(key, answer)
        return answer

    def put(self, plugin: Plugin, answer: bytes) -> None:
        """Keep an answer; where it cannot be written it is asked for again."""
        key = _key(plugin)
        _remember(key, answer)
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(_seal(key, answer) + answer)
            Path(file.name).replace(self._folder / _file_name(plugin))

    def _read(self, plugin: Plugin, key: str) -> bytes | None:
        if self._folder is None:
            return None
        path = self._folder / _file_name(plugin)
        with suppress(OSError), path.open("rb") as file:
            content = file.read(_FILE_BYTES)
            seal, answer = content[:32], content[32:]
            # Of other files, of another program, or damaged: asked for again.
            return answer if seal == _seal(key, answer) else None
        return None


def _file_name(plugin: Plugin) -> str:
    """Return one name a plugin: its later answers take the place of the earlier."""
    return f"{hashlib.sha256(plugin.name.encode()).hexdigest()[:16]}.answers"


def _remember(key: str, answer: bytes) -> None:
    _in_memory[key] = answer
    if len(_in_memory) > _MOST:
        _in_memory.popitem(last=False)


def _key(plugin: Plugin) -> str:
    parts = (plugin.name, plugin.entry.value, plugin.digest, _program())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _seal(key: str, answer: bytes) -> bytes:
    return hashlib.sha256(key.encode() + answer).digest()


@cache
def _program() -> str:
    """Return the digest of what an answer turns on beside the plugin: rules and Python."""
    whole = hashlib.sha256(f"{gongji.__version__} {platform.python_version()}".encode())
    root = Path(gongji.__file__).parent
    for folder in ("rules", "cities", "isolation"):
        for path in sorted((root / folder).rglob("*.py")):
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
