"""What a server was started with: by what its decisions of a time were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need


class StartedPlugin(Struct, frozen=True):
    """A plugin that serves: its version, and the digests of its files and its rules."""

    name: str
    area_code: str
    version: str
    digest: str
    rules_digest: str


class Started(Struct, frozen=True):
    """One start of a server, or one reading of its files while it runs.

    settings  how it is configured, without secrets
    files     SHA-256 of each file of its configuration, by what it is for
    """

    start_id: str
    at: datetime
    version: str
    settings: Mapping[str, str]
    files: Mapping[str, str]
    plugins: tuple[StartedPlugin, ...]


class RecordStart(Struct, frozen=True):
    """Writes down a start as of now, or that files were read anew."""

    started: Started
    reread: bool = False

    @property
    def what(self) -> str:
        """What the log tells that it is."""
        return "RecordReading" if self.reread else "RecordStart"

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to write it."""
        return Decision(None, (replace(self.started, at=facts.now),))
