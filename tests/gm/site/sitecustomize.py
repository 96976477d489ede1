"""Have AES and SHA-2 raise where this program calls them, in every process of a run.

A process has it by this folder on its PYTHONPATH, and its children by inheriting that.
TLS, signed tokens and other libraries call them from their own modules. Whatever is
called is also written to the file that GONGJI_GM_CALLS names: somebody may catch what is
raised.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers import aead, algorithms
except ImportError:
    # An environment without it has nothing of it to be called.
    hashes = None  # type: ignore[assignment]

VARIABLE = "GONGJI_GM_CALLS"

NAMES = ("sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256")

# What TLS prescribes is made with it: the trial certificates of `gongji dev-certs`.
OTHERS = ("gongji.cli.devcerts.",)


class ForbiddenAlgorithmError(Exception):
    """AES or SHA-2 was called by this program's own code."""


def _refuse(what: str, depth: int = 2) -> None:
    """Raise if whoever called what calls this is of ours."""
    name = sys._getframe(depth).f_globals.get("__name__", "")
    if not f"{name}.".startswith("gongji.") or name.startswith(OTHERS):
        return
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(
                f"{what} called by {name}\n{''.join(traceback.format_stack())}\n"
            )
    raise ForbiddenAlgorithmError(f"{what} called by {name}")


def _is_forbidden(name: Any) -> bool:
    plain = getattr(name, "__name__", name)
    return str(plain).lower().replace("-", "").replace("openssl_", "") in NAMES


def _guarded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def guarded(*arguments: Any, **named: Any) -> Any:
        _refuse(name)
        return function(*arguments, **named)

    guarded.__name__ = name
    return guarded


def _guarded_by_name(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    def guarded(*arguments: Any, **named: Any) -> Any:
        given = [*arguments[at : at + 1], *named.values()]
        if any(map(_is_forbidden, given)):
            _refuse(str(given))
        return function(*arguments, **named)

    return guarded


def _guard_hashlib() -> None:
    for name in NAMES:
        if hasattr(hashlib, name):
            setattr(hashlib, name, _guarded(getattr(hashlib, name), name))
    for module, function, at in (
        (hashlib, "new", 0),
        (hashlib, "file_digest", 1),
        (hashlib, "pbkdf2_hmac", 0),
        (hmac, "new", 2),
        (hmac, "digest", 2),
    ):
        setattr(module, function, _guarded_by_name(getattr(module, function), at))


def _guard_cryptography() -> None:
    # Classes that others compare with stay what they are.
    for module, names in (
        (hashes, [name.upper() for name in NAMES]),
        (algorithms, ["AES", "AES128", "AES256"]),
    ):
        for name in names:
            kind = getattr(module, name)
            kind.__init__ = _guarded(kind.__init__, name)
    for name in ("AESGCM", "AESCCM", "AESGCMSIV", "AESOCB3", "AESSIV"):
        setattr(aead, name, _guarded(getattr(aead, name), name))


_guard_hashlib()
if hashes is not None:
    _guard_cryptography()
