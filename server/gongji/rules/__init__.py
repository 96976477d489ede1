"""The language a city's rules are written in."""
