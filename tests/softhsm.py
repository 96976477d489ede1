"""A token of SoftHSM's, as a stand-in for a hardware security module."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")

PIN: Final = "5678"


class SoftToken:
    """A token named `gongji`, with keys that never leave it."""

    def __init__(self, folder: Path) -> None:
        tokens = folder / "tokens"
        tokens.mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {tokens}\n", encoding="ascii")
        # The library reads it once in a process: it stays.
        os.environ["SOFTHSM2_CONF"] = str(config)
        self.pin = folder / "pin"
        self.pin.write_text(f"{PIN}\n", encoding="ascii")
        self.pin.chmod(0o600)
        command = "softhsm2-util --init-token --free --label gongji --so-pin 1234 --pin"
        subprocess.run(  # noqa: S603 - our own
            [*command.split(), PIN], check=True, capture_output=True
        )

    def add_key(self, label: str) -> None:
        """Make an AES key of 256 bits."""
        import pkcs11  # noqa: PLC0415 - an extra

        secret = {
            pkcs11.Attribute.SENSITIVE: True,
            pkcs11.Attribute.EXTRACTABLE: False,
        }
        with self._session() as session:
            session.generate_key(
                pkcs11.KeyType.AES, 256, label=label, store=True, template=secret
            )

    def remove_key(self, label: str) -> None:
        """Remove it for good."""
        with self._session() as session:
            session.get_key(label=label).destroy()

    def _session(self) -> Any:
        import pkcs11  # noqa: PLC0415 - an extra

        token = pkcs11.lib(str(MODULE)).get_token(token_label="gongji")  # noqa: S106 - a label
        return token.open(rw=True, user_pin=PIN)

    def uri(
        self,
        key: str = "master",
        *,
        token: str = "gongji",  # noqa: S107 - a label
        module: Path = MODULE,
        pin: Path | None = None,
    ) -> str:
        """Return what names a key of it."""
        path = f"pkcs11:token={token};object={key}"
        return f"{path}?module-path={module}&pin-source={pin or self.pin}"


def soft_token(folder: Path) -> SoftToken:
    """Return a token with a key `master`. Skips where SoftHSM is not installed."""
    pytest.importorskip("pkcs11")
    if not (MODULE.exists() and shutil.which("softhsm2-util")):
        pytest.skip("Debian's softhsm2 is not installed")
    token = SoftToken(folder)
    token.add_key("master")
    return token
