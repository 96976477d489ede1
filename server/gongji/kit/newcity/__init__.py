"""A city's answers turned into a project of its own."""
