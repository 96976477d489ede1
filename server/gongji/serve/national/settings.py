"""What `gongji national serve` was told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gongji.national.edition import HUNAN, Edition, edition_in
from gongji.text.files import read_text


@dataclass(frozen=True, kw_only=True)
class NationalSettings:
    """The options of the command, and whether they go together."""

    address: str
    path: str
    tls_cert: Path | None
    tls_key: Path | None
    signature: str
    signature_keys: Path | None
    require_sign_in: bool
    dialect: Path | None
    with_balance: bool
    timeout: float
    at_once: int
    memory: Path
    metrics_address: str = ""

    @cached_property
    def edition(self) -> Edition:
        """The dialect of the messages, read once. NationalFault; FileFaultError."""
        return edition_in(read_text(self.dialect)) if self.dialect else HUNAN

    def check(self) -> None:
        """ValueError if options do not go together."""
        if (self.signature != "none") != bool(self.signature_keys):
            raise ValueError("--signature 与 --signature-keys 须同时给出")
        if not self.path.startswith("/"):
            raise ValueError(f"--path 须以 / 开头，得到 {self.path!r}")
