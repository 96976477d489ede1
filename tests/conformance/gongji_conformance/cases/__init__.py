"""A city's own cases: read from its cases.toml, run, and compared with expectations."""
