"""The keys of those who send (密钥): whose each is, and for which institutions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from gongji.client.credentials import hold_private
from gongji.model.toml import document_of
from gongji.serve.watched import WatchedFiles

KEY_NAME: Final = re.compile(r"[0-9A-Za-z_.-]{1,100}", re.ASCII)
"""How a key is called; it stands in the log."""

SHORTEST_SECRET: Final = 16
"""Characters of a secret; a shorter one is soon guessed."""


class SenderKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key: its secret, and the institutions whose messages it may sign."""

    secret: Annotated[str, msgspec.Meta(min_length=SHORTEST_SECRET)]
    institutions: Annotated[list[str], msgspec.Meta(min_length=1)]

    def covers(self, institution: str) -> bool:
        """Return whether it may sign messages of an institution."""
        return institution in self.institutions or "*" in self.institutions


class Keyring:
    """A file of keys, read again when it changes.

    A table a key: its name, `secret`, `institutions`.
    """

    def __init__(self, path: Path) -> None:
        """Read it. ValueError or OSError."""

        def read(contents: Sequence[bytes]) -> dict[str, SenderKey]:
            hold_private(path)
            return _keys_in(path, contents[0])

        self.watched = WatchedFiles([path], read)

    def key(self, name: str) -> SenderKey | None:
        """Return a key; None if there is none of that name."""
        return self.watched.value.get(name)

    def secret(self, name: str) -> str | None:
        """Return a key's secret; None if there is none of that name."""
        key = self.key(name)
        return key.secret if key else None


def _keys_in(path: Path, content: bytes) -> dict[str, SenderKey]:
    try:
        document = document_of(content.decode())
        keys = msgspec.convert(document, dict[str, SenderKey])
    except msgspec.ValidationError as fault:
        # Its own words may quote a secret.
        raise ValueError(
            f"{path} 应逐个密钥写作 [名称] 一节，其中 secret（至少 {SHORTEST_SECRET} 个"
            '字符）与 institutions（机构编号的列表，["*"] 为全部）'
        ) from fault
    except UnicodeDecodeError:
        raise ValueError(f"{path} 不是 UTF-8 文本") from None
    unsound = [name for name in keys if not KEY_NAME.fullmatch(name)]
    if unsound:
        raise ValueError(
            f"{path} 的密钥名称 {unsound[0]!r} 只可用字母、数字、点、连字符与下划线，至多 100 个"
        )
    if not keys:
        raise ValueError(f"{path} 里没有密钥")
    return keys
