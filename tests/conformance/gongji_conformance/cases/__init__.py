"""A city's own cases: read strictly from its cases.toml, told to the server, compared with what they expect."""
