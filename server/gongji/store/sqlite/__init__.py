"""One file, one process: the store over SQLite."""
