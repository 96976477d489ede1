"""People and institutions, row by row."""
