"""What must be remembered, whichever database lies below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gongji.store.base import Store
    from gongji.store.databases import MEMORY, open_store
    from gongji.store.migrations import SchemaError
    from gongji.store.seal import KeyFileError

__all__ = ["MEMORY", "KeyFileError", "SchemaError", "Store", "open_store"]

_MODULES: Final = {
    "MEMORY": "databases",
    "KeyFileError": "seal",
    "SchemaError": "migrations",
    "Store": "base",
    "open_store": "databases",
}


def __getattr__(name: str) -> object:
    """Return a name of `__all__`, imported when it is asked for. AttributeError.

    The gateway needs a module of this package, and no database.
    """
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
