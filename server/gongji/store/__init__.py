"""What must be remembered, whichever database lies below."""

from gongji.store.base import Store
from gongji.store.databases import MEMORY, open_store
from gongji.store.migrations import SchemaError
from gongji.store.seal import KeyFileError

__all__ = ["MEMORY", "KeyFileError", "SchemaError", "Store", "open_store"]
